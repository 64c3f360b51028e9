# SPDX-License-Identifier: Apache-2.0
"""Figures of a lane on simulated HBM: the tables of ``docs/lane.md``.

A full-size lane of the `u280` preset (128 chain DSPs, 512 bits, 225 MHz) on the model of one HBM
pseudo-channel. ``--resources`` adds the lane's resources, estimated by Yosys (some minutes).
"""

import argparse
import dataclasses

import numpy as np

from flightllm_hw.boards import card
from flightllm_hw.compiler.tape import encode
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import QuantizedWeights, dot_products, prune_mask
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.lane.lane import Lane
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import Job, LaneBench
from flightllm_hw.sim.memory import hbm

U280 = preset("u280")

# FlightLLM's totals on the same card (its paper and a re-run by others), a 32nd of each.
FLIGHTLLM = {"dsp": 6345, "lut": 574_000, "ff": 943_000, "bram": 1252, "uram": 792}


def draw(rng, pattern, bits, rows, k, group=128):
    """Random codes and scales, and what of them is kept."""
    low = -(1 << bits - 1)
    weights = QuantizedWeights(
        codes=rng.integers(low, -low, (rows, k)).astype(np.int8), zero=None,
        row_scale=np.ones(rows, np.float32), bits=bits, group=group,
        group_scale=rng.integers(1, 65536, (rows, -(-k // group))).astype(np.uint16))
    mask = prune_mask(rng.random((rows, k), np.float32), pattern)
    return weights, mask


def measure(bench, rng, pattern, bits, rows, k, tokens):
    """(cycles, beats, share of deliverable beats, MAC per DSP and cycle); all sums checked."""
    weights, mask = draw(rng, pattern, bits, rows, k)
    shape, beats = encode(weights, mask, pattern, bench.config)
    x = rng.integers(-127, 128, (tokens, k)).astype(np.int8)
    bench.memory.clear_counters()
    (found,), transfers = bench.run([Job(shape, beats)], x)
    kept = dataclasses.replace(weights, codes=np.where(mask, weights.codes, 0).astype(np.int8))
    np.testing.assert_array_equal(found["sums"][:, :rows], dot_products(kept, x))
    # Without the cycles in which activations were written: a lane has them before it starts.
    counters = bench.memory.counters()["m_axi"]
    cycles = transfers.total
    share = len(beats) / (counters.deliverable * cycles / counters.cycles)
    return cycles, len(beats), share, rows * k * tokens / cycles / bench.config.dsp


def pause(rng):
    """Cycles of a matrix, and of the same with 2000 cycles in which no result is taken."""
    config = dataclasses.replace(U280.lane, fifo_beats=4096)
    totals = []
    for wait in (0, 2000):
        bench = LaneBench(config, hbm(card("u280")), level=3)
        weights, mask = draw(np.random.default_rng(7), Pattern.DENSE, 4, 8192, 256)
        shape, beats = encode(weights, mask, Pattern.DENSE, config)
        x = rng.integers(-127, 128, (1, 256)).astype(np.int8)
        start = bench.sim.cycle
        bench.run([Job(shape, beats)], x, expect=2048)
        bench.sim.run({}, wait)
        bench.sim.stream({}, {"o": 8192 - 2048})
        totals.append(bench.sim.cycle - start)
    return totals


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resources", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    bench = LaneBench(U280.lane, hbm(card("u280")), level=3)

    print("| one token | matrix | beats | cycles | share of deliverable beats |")
    print("| --- | --- | ---: | ---: | ---: |")
    for pattern, bits, rows in ((Pattern.DENSE, 4, 4096), (Pattern.DENSE, 2, 2048),
                                (Pattern.DENSE, 3, 2048), (Pattern.DENSE, 5, 2048),
                                (Pattern.DENSE, 6, 2048), (Pattern.DENSE, 8, 2048),
                                (Pattern.S2_4, 4, 2048), (Pattern.S2_4, 2, 2048),
                                (Pattern.S8_16, 4, 2048), (Pattern.S2_16, 4, 4096)):
        cycles, beats, share, _ = measure(bench, rng, pattern, bits, rows, 4096, 1)
        print(f"| W{bits} {pattern} G128 | {rows} x 4096 | {beats:,} | {cycles:,} | {share:.1%} |")

    print("\n| 16 tokens | matrix | cycles | MAC per chain DSP and cycle |")
    print("| --- | --- | ---: | ---: |")
    for pattern, bits in ((Pattern.DENSE, 4), (Pattern.DENSE, 8), (Pattern.S2_4, 4),
                          (Pattern.S1_4, 4)):
        cycles, _, _, macs = measure(bench, rng, pattern, bits, 512, 4096, 16)
        print(f"| W{bits} {pattern} G128 | 512 x 4096 | {cycles:,} | {macs:.3f} |")

    steady, paused = pause(rng)
    print(f"\n8192 x 256 W4, FIFO of 4096 beats: {steady:,} cycles; {paused:,} with a pause of"
          f" 2,000 cycles at the output.")

    if args.resources:
        report = resource_report(design(Lane(U280.lane), platform=VendorPlatform()))
        print("\n| a lane | DSP | LUT | FF | BRAM | URAM | LUT levels |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        total = report.total
        print(f"| `u280` | {total.dsp} | {total.lut:,} | {total.ff:,} | {total.bram} |"
              f" {total.uram} | {report.logic_levels} |")
        print("| FlightLLM / 32 | " + " | ".join(
            f"{value / 32:,.0f}" for value in FLIGHTLLM.values()) + " | |")


if __name__ == "__main__":
    main()
