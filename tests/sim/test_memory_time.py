# SPDX-License-Identifier: Apache-2.0
"""The AXI memory takes the time that it states: latencies, refresh, turnarounds; and counts."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.boards.timing import DDR4, HBM2
from flightllm_hw.sim.memory import IDEAL, MemoryTiming
from flightllm_hw.sim.memory_measure import greedy, throughput
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from support.memory_bench import DRAM, HBM, Bench, cycles


@pytest.mark.parametrize("name", DRAM)
def test_latency_is_the_stated_one(name):
    timing = DRAM[name]
    dram, row = timing.dram, timing.dram.row_bytes
    outside = 80.0 + (15.6 if name == "hbm" else 0)
    bench = Bench(timing=timing)
    assert bench.latency(0) == cycles(dram.closed_ns + outside)
    assert bench.latency(64) == cycles(dram.hit_ns + outside)
    assert bench.latency(17 * row) == cycles(dram.miss_ns + outside)
    assert bench.latency(row) == cycles(dram.closed_ns + outside)
    c = bench.memory.counters()["m_axi"]
    assert (c.row_hits, c.row_closed, c.row_misses) == (1, 2, 1)


def test_latency_grows_with_distance_and_shrinks_without_the_switch():
    near = Bench(timing=HBM).latency(0)
    assert Bench(timing=HBM, distance=7).latency(0) - near in (11, 12)
    off = Bench(timing=replace(HBM, switch=False, latency_ns=0.0))
    assert off.latency(0) == cycles(122.2)
    assert Bench(timing=IDEAL).latency(0) == cycles(100.0)
    assert Bench(timing=MemoryTiming(latency_ns=0.0)).latency(0) == 1


def test_an_ideal_memory_gives_a_beat_a_cycle():
    bench = Bench()
    got = bench.read([(512 * n, 8) for n in range(100)])[-1]
    assert np.all(np.diff(got.cycles["r"]) == 1)
    c = bench.memory.counters()["m_axi"]
    assert c.r_valid == 800 and c.r_stalled == 0 and c.deliverable == c.cycles == got.total
    assert bench.memory.efficiency() == 800 / got.total


def test_bursts_under_way_are_limited():
    bench = Bench(timing=replace(IDEAL, reads=2, latency_ns=200.0))
    got = bench.read([(512 * n, 8) for n in range(10)])[-1]
    taken, last = got.cycles["ar"], got.cycles["r"][7::8]
    assert all(taken[n + 2] > last[n] for n in range(8))


def test_refresh_stalls_and_closes_rows():
    sim, memory = greedy(HBM)
    sim.run({}, 100, record=())
    valid = sim.run({}, 20_000, record=["m0_rready"])
    assert valid["m0_rready"].all()
    c = memory.counters()["m0"]
    every = 3900 * 0.225
    assert abs(c.refreshes - 20_100 / every) < 1.5
    assert c.refresh_cycles == pytest.approx(c.refreshes * 335 * 0.225, abs=1)
    quiet = replace(HBM, dram=replace(HBM2, refresh_interval_ns=1e9))
    assert throughput(quiet) == pytest.approx(14.4, rel=0.001)
    bench = Bench(timing=HBM)
    bench.latency(0)
    bench.sim.run({}, 1000)
    assert bench.latency(0) == cycles(122.2 + 95.6)


def test_channels_refresh_in_turn():
    sim, memory = greedy(replace(HBM, reads=8), ports=4)
    first = {}
    for cycle in range(1, 900):
        sim.run({}, 1, record=())
        for name, c in memory.counters().items():
            if c.refreshes and name not in first:
                first[name] = cycle
    assert np.diff([first[f"m{n}"] for n in range(4)]) == pytest.approx(3900 * 0.225 / 4, abs=10)


def test_traffic_and_seed_decide_the_cycles():
    def total(seed, traffic):
        bench = Bench(timing=HBM, traffic=traffic, jitter=20, seed=seed)
        return bench.read([(512 * n, 8) for n in range(50)])[-1].total
    assert total(1, BURSTY) == total(1, BURSTY) != total(2, BURSTY)
    assert total(1, STEADY) < total(1, BURSTY) < total(1, STARVED)


def test_counters_say_what_passed():
    bench = Bench(timing=HBM, size=1 << 28)
    bench.write([(0, 8), (1024, 4)], np.ones((12, 64), np.uint8))
    bench.sim.run({"r_ready": np.zeros(300)})
    bench.memory.clear_counters()
    got = bench.sim.stream({"ar": bench.requests([(0, 8), (1024, 4)])}, {"r": 12},
                           traffic={"r": STARVED})
    c = bench.memory.counters()["m_axi"]
    assert (c.beats_read, c.bursts_read, c.beats_written) == (12, 2, 0)
    assert c.cycles == got.total
    # Under way from the cycle after AR to the one of the last beat.
    assert c.pending == got.cycles["r"][-1] - got.cycles["ar"][0]
    assert c.r_valid == c.r_stalled + 12 and c.r_stalled > 0
    assert c.row_hits == 2 and c.untouched == 0
    assert c.deliverable == pytest.approx(c.cycles * HBM2.share)
    assert DDR4.share == pytest.approx(0.9376, abs=1e-4)
