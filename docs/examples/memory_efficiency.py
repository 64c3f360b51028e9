# SPDX-License-Identifier: Apache-2.0
"""Prints what the memory model gives: the tables of docs/memory.md, and what it costs to simulate.

One master asks for as much as it can, over 100,000 cycles; ``measured`` is what was published for
such a master on a card.
"""

import time

from flightllm_hw.boards import card
from flightllm_hw.sim.memory import ddr, hbm
from flightllm_hw.sim.memory_measure import greedy, throughput

HBM, DDR = hbm(card("u280")), ddr(card("u250"))
SIZES = (64, 128, 256, 512, 1024)
RANDOM = {64: 4.75, 128: 9.60, 256: 12.62, 512: 13.13, 1024: 13.16}

OTHERS = [
    ("HBM2, 512 bit at 300 MHz, 512 B", HBM, {"clock_mhz": 300.0}, "13.1-13.3"),
    ("HBM2, 256 bit at 300 MHz, 512 B", HBM, {"clock_mhz": 300.0, "width": 256}, "9.6"),
    ("HBM2, 256 bit at 450 MHz, 512 B", HBM, {"clock_mhz": 450.0, "width": 256}, "13.27"),
    ("HBM2, 32 B every 4 KiB, in 8 KiB", HBM,
     {"clock_mhz": 450.0, "width": 256, "burst": 32, "step": 4096, "window": 8192}, "6.7"),
    ("HBM2, 32 B every 4 KiB, in 256 MiB", HBM,
     {"clock_mhz": 450.0, "width": 256, "burst": 32, "step": 4096, "window": 1 << 28}, "2.4"),
    ("HBM2, 32 B at random", HBM,
     {"clock_mhz": 450.0, "width": 256, "burst": 32, "random": True}, "-"),
    ("HBM2, 512 B, reads and writes in turn", HBM, {"writing": True}, "-"),
    ("DDR4, 512 bit at 300 MHz, 512 B", DDR, {"clock_mhz": 300.0}, "18.0"),
    ("DDR4, 512 bit at 300 MHz, 64 B at random", DDR,
     {"clock_mhz": 300.0, "burst": 64, "random": True}, "-"),
]


def cost(ports, reading, cycles=30_000):
    """Microseconds that the memory adds to a cycle."""
    sim, memory = greedy(HBM, ports=ports, reading=reading, level=3)
    memory.generate(range(0, 1 << 27), seed=1)
    times = []
    for _ in range(2):
        sim.run({}, 2000, record=())
        started = time.perf_counter()
        sim.run({}, cycles, record=())
        times.append((time.perf_counter() - started) / cycles * 1e6)
        # The second time without the memory.
        sim.restart()
    return times[0] - times[1]


def main():
    """Measure and print."""
    print("| burst | sequential | measured | random | measured |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for burst in SIZES:
        one, two = (throughput(HBM, burst=burst, random=random) for random in (False, True))
        print(f"| {burst} B | {one:.2f} ({one / 14.4:.3f}) | 13.0-13.15"
              f" | {two:.2f} ({two / 14.4:.3f}) | {RANDOM[burst]:.2f} ({RANDOM[burst] / 14.4:.3f})"
              " |")
    print("\n| | GB/s | measured |\n| --- | ---: | ---: |")
    for name, timing, options, measured in OTHERS:
        print(f"| {name} | {throughput(timing, **options):.2f} | {measured} |")
    print()
    for ports in (1, 32):
        print(f"{ports:2} channels of 512 bit: {cost(ports, True):.2f} us a cycle when all deliver"
              f" generated data, {cost(ports, False):.2f} us idle")


if __name__ == "__main__":
    main()
