# SPDX-License-Identifier: Apache-2.0
"""The AXI memory delivers what others measured on cards."""

import re
from pathlib import Path

import pytest

from flightllm_hw.sim.memory_measure import greedy, throughput
from support.memory_bench import DRAM, HBM

# Measured elsewhere (docs/memory.md), as a share of the 14.4 GB/s: bytes, sequential, random.
MEASURED = [(64, 0.91, 0.330), (128, 0.91, 0.667), (256, 0.92, 0.876), (512, 0.92, 0.912),
            (1024, 0.92, 0.914)]


@pytest.mark.parametrize("burst, sequential, scattered", MEASURED)
def test_efficiency_by_burst_size_is_the_measured_one(burst, sequential, scattered):
    got = [throughput(HBM, burst=burst, random=random) / 14.4 for random in (False, True)]
    print(f"{burst:5} B: sequential {got[0]:.3f} (measured {sequential}),"
          f" random {got[1]:.3f} (measured {scattered})")
    assert got == pytest.approx([sequential, scattered], abs=0.02)
    page = Path(__file__).parents[2] / "docs" / "memory.md"
    row = next(line for line in page.read_text().splitlines() if line.startswith(f"| {burst} B"))
    assert [float(share) for share in re.findall(r"\((.*?)\)", row)[:2]] == [
        round(share, 3) for share in got]


SMALL = {"clock_mhz": 450.0, "width": 256, "burst": 32, "step": 4096}


@pytest.mark.parametrize("timing, options, want, tolerance", [
    (HBM, {"clock_mhz": 300.0}, 13.1, 0.01),
    (HBM, {"clock_mhz": 300.0, "width": 256}, 9.6, 0.001),
    (HBM, {"clock_mhz": 450.0, "width": 256}, 13.27, 0.02),
    (DRAM["ddr"], {"clock_mhz": 300.0}, 18.0, 0.01),
    # Bursts of 32 B: in two rows, and all over the channel.
    (HBM, {**SMALL, "window": 8192}, 6.7, 0.03),
    (HBM, {**SMALL, "window": 1 << 28}, 2.4, 0.12),
], ids=["512@300", "256@300", "256@450", "ddr", "32B-near", "32B-far"])
def test_other_rates_are_the_measured_ones(timing, options, want, tolerance):
    assert throughput(timing, **options) == pytest.approx(want, rel=tolerance)


def test_reads_and_writes_in_turn_cost_turnarounds():
    got = throughput(HBM, reading=True, writing=True) / 14.4
    assert 0.85 <= got <= 0.90
    sim, memory = greedy(HBM, writing=True)
    sim.run({}, 10_000, record=())
    c = memory.counters()["m0"]
    assert c.beats_read == pytest.approx(c.beats_written, rel=0.05)
    # At most one in each batch of 350 ns.
    assert 0 < c.turnarounds <= 10_000 / (350 * 0.225) + 1


def test_deliverable_is_what_long_bursts_get():
    for timing, clock in ((HBM, 225.0), (HBM, 300.0), (DRAM["ddr"], 300.0)):
        sim, memory = greedy(timing, clock_mhz=clock)
        sim.run({}, 2000, record=())
        memory.clear_counters()
        sim.run({}, 50_000, record=())
        assert memory.efficiency() == pytest.approx(1, abs=0.003)
        assert memory.counters()["m0"].share == memory.efficiency()


