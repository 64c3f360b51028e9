# SPDX-License-Identifier: Apache-2.0
"""The AXI memory keeps data, takes the time it states, and sees what masters do wrong."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.boards import card
from flightllm_hw.boards.timing import DDR4, HBM2
from flightllm_hw.sim.memory import (
    AXI_MEMORY_SOURCE,
    IDEAL,
    AxiMemory,
    MemoryTiming,
    ProtocolError,
    ddr,
    generated,
    hbm,
)
from flightllm_hw.sim.memory_measure import greedy, throughput
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC
from flightllm_hw.sim.verilator import compile_verilog

MHZ = 225.0
HBM = hbm(card("u280"))
DRAM = {"hbm": HBM, "ddr": ddr(card("u250"))}
FIELDS = {"id": 4, "len": 8, "size": 3, "burst": 2}


def wires(width, tag="m_axi", stem="", halves="rw"):
    """Port declarations and assignments that tie streams to one AXI port, nothing else."""
    ways, body = [], []
    for way in [half for half, there in (("ar", "r"), ("aw", "w")) if there in halves]:
        ways += [f"input [85:0] {stem}{way}_payload", f"input {stem}{way}_valid",
                 f"output {stem}{way}_ready", f"output {tag}_{way}valid", f"input {tag}_{way}ready",
                 f"output [63:0] {tag}_{way}addr",
                 *(f"output [{bits - 1}:0] {tag}_{way}{f}" for f, bits in FIELDS.items())]
        fields = ", ".join(f"{tag}_{way}{f}" for f in reversed([*FIELDS]))
        body += [f"assign {tag}_{way}valid = {stem}{way}_valid;",
                 f"assign {stem}{way}_ready = {tag}_{way}ready;",
                 f"assign {{{fields}, {tag}_{way}addr}} = {stem}{way}_payload[80:0];"]
    if "r" in halves:
        ways += [f"output [{width + 6}:0] {stem}r_payload", f"output {stem}r_valid",
                 f"input {stem}r_ready", f"input {tag}_rvalid", f"output {tag}_rready",
                 f"input [{width - 1}:0] {tag}_rdata", f"input [3:0] {tag}_rid",
                 f"input [1:0] {tag}_rresp", f"input {tag}_rlast"]
        body += [f"assign {stem}r_valid = {tag}_rvalid;", f"assign {tag}_rready = {stem}r_ready;",
                 f"assign {stem}r_payload = {{{tag}_rlast, {tag}_rresp, {tag}_rid, {tag}_rdata}};"]
    if "w" in halves:
        ways += [f"input [{width + width // 8}:0] {stem}w_payload", f"input {stem}w_valid",
                 f"output {stem}w_ready", f"output {tag}_wvalid", f"input {tag}_wready",
                 f"output [{width - 1}:0] {tag}_wdata", f"output [{width // 8 - 1}:0] {tag}_wstrb",
                 f"output {tag}_wlast", f"output [5:0] {stem}b_payload", f"output {stem}b_valid",
                 f"input {stem}b_ready", f"input {tag}_bvalid", f"output {tag}_bready",
                 f"input [3:0] {tag}_bid", f"input [1:0] {tag}_bresp"]
        body += [f"assign {tag}_wvalid = {stem}w_valid;", f"assign {stem}w_ready = {tag}_wready;",
                 f"assign {{{tag}_wlast, {tag}_wstrb, {tag}_wdata}} = {stem}w_payload;",
                 f"assign {stem}b_valid = {tag}_bvalid;", f"assign {tag}_bready = {stem}b_ready;",
                 f"assign {stem}b_payload = {{{tag}_bresp, {tag}_bid}};"]
    return ways, body


@cache
def compiled(width, reset="rst"):
    """One port that is wired to streams."""
    ways, body = wires(width)
    text = f"module m(input clk, input {reset}, {', '.join(ways)});\n" + "\n".join(body)
    return compile_verilog(text + "\nendmodule\n", "m", extra_sources=[AXI_MEMORY_SOURCE])


class Bench:
    """A memory at one port, and bursts in the words of its streams."""

    def __init__(self, width=512, timing=IDEAL, **options):
        self.width, self.bytes = width, width // 8
        self.sim = compiled(width)
        self.sim.restart()
        self.memory = AxiMemory(self.sim, "m_axi", timing, clock_mhz=MHZ, **options)

    def request(self, address, beats, id=0, size=None, burst=1):
        size = self.bytes.bit_length() - 1 if size is None else size
        return address | id << 64 | beats - 1 << 68 | size << 76 | burst << 79

    def requests(self, bursts, **fields):
        return self.sim.pack("ar", np.array([self.request(*b, **fields) for b in bursts], object))

    def beats(self, data, lengths, strobes=None, last=None):
        """Words of W: ``data`` in rows of bytes, one a beat."""
        ends = np.cumsum(lengths) - 1
        rows = []
        for n, row in enumerate(data):
            strobe = (1 << self.bytes) - 1 if strobes is None else strobes[n]
            value = int.from_bytes(row.tobytes(), "little") | strobe << self.width
            is_last = n in ends if last is None else last[n]
            rows.append(value | int(is_last) << self.width + self.bytes)
        return self.sim.pack("w", np.array(rows, object))

    def unpack_r(self, rows):
        """Data in rows of bytes, IDs, responses, last."""
        raw = np.ascontiguousarray(rows).view(np.uint8)
        tail = raw[:, self.bytes]
        return raw[:, :self.bytes], tail & 15, tail >> 4 & 3, tail >> 6 & 1

    def read(self, bursts, **options):
        got = self.sim.stream({"ar": self.requests(bursts)},
                              {"r": sum(b[1] for b in bursts)}, **options)
        return *self.unpack_r(got["r"]), got

    def write(self, bursts, data, strobes=None, **options):
        got = self.sim.stream({"aw": self.requests(bursts),
                               "w": self.beats(data, [b[1] for b in bursts], strobes)},
                              {"b": len(bursts)}, **options)
        return got["b"][:, 0] >> 4, got

    def latency(self, address):
        """Cycles from AR to the first beat."""
        got = self.read([(address, 1)])[-1]
        return int(got.cycles["r"][0] - got.cycles["ar"][0])


def cycles(ns):
    return int(np.ceil(ns * MHZ / 1000 - 1e-3))


# Data.

@pytest.mark.parametrize("timing", [IDEAL, HBM], ids=["ideal", "hbm"])
@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("width", [64, 512])
def test_data_comes_back(width, traffic, timing, rng):
    bench = Bench(width, timing, seed=3, traffic=traffic, jitter=40, size=1 << 32)
    places = rng.permutation(64)[:40]
    lengths = rng.integers(1, min(16, 512 // bench.bytes) + 1, 40)
    bursts = [(int(p) << 26 | 3584, int(n)) for p, n in zip(places, lengths, strict=True)]
    data = rng.integers(256, size=(lengths.sum(), bench.bytes), dtype=np.uint8)
    response, _ = bench.write(bursts, data, traffic=BURSTY)
    assert not response.any()
    got, _, responses, last, _ = bench.read(bursts, traffic=BURSTY)
    assert_array_equal(got, data)
    assert not responses.any()
    assert_array_equal(np.flatnonzero(last), np.cumsum(lengths) - 1)
    start = 0
    for (address, n) in bursts:
        assert_array_equal(bench.memory.read(address, n * bench.bytes),
                           data[start:start + n].ravel())
        start += n
    bench.memory.check(finished=True)
    assert bench.memory.counters()["m_axi"].untouched == 0


@pytest.mark.parametrize("width", [32, 1024])
def test_every_width_reads_and_writes(width, rng):
    bench = Bench(width)
    data = rng.integers(256, size=(8, bench.bytes), dtype=np.uint8)
    bench.write([(0, 4), (4 * bench.bytes, 4)], data)
    assert_array_equal(bench.read([(0, 4), (4 * bench.bytes, 4)])[0], data)


def test_strobes_leave_other_bytes(rng):
    bench = Bench()
    old = rng.integers(256, size=(3, 64), dtype=np.uint8)
    new = rng.integers(256, size=(3, 64), dtype=np.uint8)
    bench.memory.write(4096, old)
    strobes = [0, 0xF0F0_1234_5678_0001, (1 << 64) - 1]
    bench.write([(4096, 3)], new, strobes)
    mask = np.array([[s >> k & 1 for k in range(64)] for s in strobes], bool)
    assert_array_equal(bench.memory.read(4096, 192).reshape(3, 64), np.where(mask, new, old))


def test_equal_ids_stay_in_order_and_others_overtake(rng):
    bench = Bench(jitter=100, seed=1)
    order = [(64 * n, 1, int(rng.integers(4))) for n in range(200)]
    bench.memory.write(0, np.repeat(np.arange(200, dtype=np.uint8), 64))
    data, ids, _, _, _ = bench.read(order)
    assert not np.array_equal(data[:, 0], np.arange(200))
    for k in range(4):
        assert_array_equal(data[ids == k, 0], [n for n in range(200) if order[n][2] == k])


def test_untouched_memory_reads_zero_and_costs_nothing():
    bench = Bench(size=1 << 40)
    bench.memory.write((1 << 40) - 100, b"\x01" * 100)
    data, *_ = bench.read([((1 << 40) - 128, 2), (1 << 39, 8), (0, 8)])
    assert_array_equal(data[:2].ravel(), [0] * 28 + [1] * 100)
    assert not data[2:].any()
    assert bench.memory.counters()["m_axi"].untouched == 16
    assert bench.memory.resident_bytes == 16384
    assert not bench.memory.read(1 << 41, 1000).any()
    assert bench.memory.resident_bytes == 16384


def test_bulk_access_crosses_pages(rng):
    bench = Bench()
    data = rng.integers(1 << 32, size=100_001, dtype=np.uint32)
    bench.memory.write(12345, data)
    assert_array_equal(bench.memory.read(12345, data.nbytes).view(np.uint32), data)
    assert_array_equal(bench.memory.read(12344, 2), [0, data.view(np.uint8)[0]])
    with pytest.raises(ValueError, match="8 bytes at 0xfffffffffffffffc are outside"):
        bench.memory.write((1 << 64) - 4, bytes(8))


def test_generated_bytes_depend_on_address_and_seed_alone(rng):
    bench, memory = Bench(), None
    memory = bench.memory
    memory.write(1 << 20, b"\xaa" * 64)
    memory.generate(range(1 << 20, 1 << 34), seed=5)
    want = generated(1 << 20, 1024, 5)
    # First outputs of SplitMix64 with seed 5, as its authors' C code gives them.
    assert generated(0, 16, 0).view(np.uint64).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    want[:64] = 0xAA
    assert_array_equal(memory.read(1 << 20, 1024), want)
    assert_array_equal(memory.read((1 << 33) + 3, 77), generated((1 << 33) + 3, 77, 5))
    data, *_ = bench.read([(1 << 20, 8), (1 << 33, 8)])
    assert_array_equal(data[:8].ravel(), want[:512])
    assert_array_equal(data[8:].ravel(), generated(1 << 33, 512, 5))
    assert memory.counters()["m_axi"].untouched == 0 and memory.resident_bytes == 16384
    bench.write([(1 << 33, 1)], np.zeros((1, 64), np.uint8))
    assert not memory.read(1 << 33, 64).any()
    assert_array_equal(memory.read((1 << 33) + 64, 64), generated((1 << 33) + 64, 64, 5))
    assert not memory.read(1 << 34, 64).any()
    with pytest.raises(ValueError, match="multiples of 64 bytes"):
        memory.generate(range(0, 100), 1)
    with pytest.raises(ValueError, match="is there already"):
        memory.generate(range(0, 1 << 21), 1)


def test_errors_are_answered_where_they_are():
    bench = Bench(base=1 << 20, size=1 << 20)
    memory = bench.memory
    memory.write(0, b"\x55" * (3 << 20))
    memory.fail(range((1 << 20) + 128, (1 << 20) + 140))
    memory.fail(range((1 << 20) + 4096, (1 << 20) + 4160), "DECERR")
    at = 1 << 20
    data, _, responses, _, _ = bench.read([(at, 8), (at + 4096, 1), (0, 2), (2 << 20, 1)])
    want = [0, 0, 2, 0, 0, 0, 0, 0, 3, 3, 3, 3]
    assert_array_equal(responses, want)
    assert_array_equal(data[:, 0], [0 if r else 0x55 for r in want])
    ones = np.ones((12, 64), np.uint8)
    response, _ = bench.write([(at, 8), (at + 4096, 1), (0, 2), (at + 64 * 100, 1)], ones)
    assert_array_equal(response, [2, 3, 3, 0])
    assert memory.read(0, 1)[0] == 0x55 and memory.read(at + 128, 1)[0] == 0x55
    assert memory.read(at, 1)[0] == 1 and memory.read(at + 6400, 1)[0] == 1
    assert memory.counters()["m_axi"].errors == 5 + 3
    memory.check(finished=True)
    with pytest.raises(ValueError, match="SLVERR, DECERR, not 'OKAY'"):
        memory.fail(range(1), "OKAY")
    with pytest.raises(ValueError, match=r"range of 64-bit numbers, not range\(4, 4\)"):
        memory.fail(range(4, 4))


def test_many_masters_share_a_storage(rng):
    one, two = wires(256, "a", "x_", "w"), wires(64, "b", "y_", "r")
    text = (f"module pair(input clk, input rst, {', '.join(one[0] + two[0])});\n"
            + "\n".join(one[1] + two[1]) + "\nendmodule\n")
    sim = compile_verilog(text, "pair", extra_sources=[AXI_MEMORY_SOURCE])
    memory = AxiMemory(sim, ["a", "b"], HBM, clock_mhz=MHZ, base=[0, 0], size=1 << 20)
    helper = Bench(256)
    data = rng.integers(256, size=(16, 32), dtype=np.uint8)
    sim.stream({"x_aw": helper.requests([(512, 16)]), "x_w": helper.beats(data, [16])}, {"x_b": 1})
    helper = Bench(64)
    got = sim.stream({"y_ar": helper.requests([(512 + 128 * n, 16) for n in range(4)])},
                     {"y_r": 64})
    assert_array_equal(helper.unpack_r(got["y_r"])[0].ravel(), data.ravel())
    counters = memory.counters()
    assert (counters["a"].beats_written, counters["a"].bursts_written) == (16, 1)
    assert (counters["b"].beats_read, counters["b"].bursts_read) == (64, 4)
    assert counters["a"].beats_read == counters["b"].beats_written == 0
    memory.check(finished=True)


# Time.

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


# Counters.

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


# Rules.

def test_a_broken_rule_ends_the_simulation_and_is_kept():
    bench = Bench()
    with pytest.raises(RuntimeError, match="stopped: port m_axi broke a rule of AXI in cycle 0: a"
                                           " read of 8 beats at 0xfc0 crosses 4 KiB"):
        bench.read([(0xFC0, 8)])
    with pytest.raises(ProtocolError, match="cycle 0, port m_axi: a read of 8 beats at 0xfc0 cro"):
        bench.memory.check()


@pytest.mark.parametrize("beats, address, fields, sentence", [
    (4, 4096 - 128, {}, "crosses 4 KiB"),
    (9, 0, {}, "is longer than 512 bytes"),
    (17, 0, {"size": 3}, "is longer than 16 beats"),
    (1, 32, {}, "is not aligned to 64 bytes"),
    (2, 0, {"burst": 0}, "is not of type INCR"),
    (2, 0, {"burst": 2}, "is not of type INCR"),
    (2, 0, {"size": 5}, "does not have the full width as its size"),
])
@pytest.mark.parametrize("way", ["ar", "aw"])
def test_wrong_bursts_are_seen(way, beats, address, fields, sentence):
    bench = Bench(64 if fields.get("size") == 3 else 512, halt=False)
    bench.sim.stream({way: bench.requests([(address, beats)], **fields)}, {})
    (found,) = bench.memory.violations()
    name = {"ar": "read", "aw": "write"}[way]
    assert found == f"cycle 0, port m_axi: a {name} of {beats} beats at {address:#x} {sentence}"
    with pytest.raises(ProtocolError, match=sentence):
        bench.memory.check()


def test_limits_of_a_burst_can_be_widened():
    bench = Bench(64, max_beats=256, max_bytes=4096)
    bench.read([(0, 256)])
    bench.memory.check(finished=True)


@pytest.mark.parametrize("way, bit", [("ar", 3), ("ar", 64), ("ar", 68), ("aw", 12), ("w", 0),
                                      ("w", 512), ("w", 576)])
@pytest.mark.parametrize("fault", ["changed", "fell"])
def test_offers_stay_until_they_are_taken(way, bit, fault):
    # No room for a second read, for a second write or for data without an address.
    bench = Bench(timing=replace(IDEAL, reads=1, writes=1, latency_ns=1000.0), halt=False)
    if way != "w":
        bench.sim.stream({way: bench.requests([(0, 1)])}, {})
    width = bench.sim.ports[f"{way}_payload"].width
    values = [0, 0, 1 << bit if fault == "changed" else 0]
    rows = bench.sim.pack(way, np.array([v & (1 << width) - 1 for v in values], object))
    bench.sim.run({f"{way}_payload": rows,
                   f"{way}_valid": np.array([1, 1, int(fault == "changed")])})
    (found,) = bench.memory.violations()
    what = (f"the payload of {way}valid changed before {way}ready" if fault == "changed"
            else f"{way}valid fell before {way}ready")
    assert found.endswith(f"port m_axi: {what}")


@pytest.mark.parametrize("last, sentence", [
    ([0, 1, 0, 1], "wlast is 1 in beat 2 of 4"), ([0, 0, 0, 0], "wlast is 0 in beat 4 of 4")])
def test_wlast_is_in_the_last_beat(last, sentence):
    bench = Bench(halt=False)
    data = np.zeros((4, 64), np.uint8)
    bench.sim.stream({"aw": bench.requests([(0, 4)]), "w": bench.beats(data, [4], last=last)},
                     {"b": 1})
    (found,) = bench.memory.violations()
    assert found.endswith(sentence)


def test_bursts_under_way_do_not_overlap():
    bench = Bench(halt=False)
    data = np.zeros((1, 64), np.uint8)
    bench.sim.stream({"aw": bench.requests([(512, 2)])}, {})
    bench.sim.stream({"ar": bench.requests([(576, 1), (640, 1)])}, {"r": 2})
    bench.sim.stream({"aw": bench.requests([(512, 1)])}, {})
    bench.sim.stream({"w": bench.beats(np.repeat(data, 3, 0), [2, 1])}, {"b": 2})
    bench.sim.stream({"ar": bench.requests([(1024, 8)])}, {})
    bench.sim.stream({"aw": bench.requests([(1088, 1)])}, {})
    got = [text.split(": ")[1] for text in bench.memory.violations()]
    assert got == ["a read at 0x240 overlaps the unanswered write at 0x200",
                   "a write at 0x200 overlaps the unanswered write at 0x200",
                   "a write at 0x440 overlaps the unanswered read at 0x400"]


def test_a_write_is_seen_once_it_is_answered():
    bench = Bench(hazards=False)
    bench.sim.stream({"aw": bench.requests([(0, 1)]),
                      "w": bench.beats(np.ones((1, 64), np.uint8), [1])}, {})
    assert not bench.memory.read(0, 64).any()
    bench.sim.stream({}, {"b": 1})
    assert bench.memory.read(0, 64).all()


def test_no_response_is_lost():
    bench = Bench(halt=False)
    bench.sim.stream({"ar": bench.requests([(0, 4), (512, 1)])}, {"r": 2})
    assert bench.memory.pending() == {"m_axi": (2, 0)}
    bench.memory.check()
    with pytest.raises(ProtocolError, match="2 reads and 0 writes are still under way"):
        bench.memory.check(finished=True)
    bench.sim.reset(3)
    assert bench.memory.pending() == {"m_axi": (0, 0)}
    (found,) = bench.memory.violations()
    assert found.endswith("reset came while 2 reads and 0 writes were under way")
    assert len(bench.read([(0, 4)])[0]) == 4


def test_a_low_reset_is_one_too():
    sim = compiled(64, "ap_rst_n")
    sim.restart()
    AxiMemory(sim, "m_axi", clock_mhz=MHZ)
    sim.run({}, 5)
    assert not sim.peek("ar_ready") and not sim.peek("aw_ready")
    sim.poke("ap_rst_n", 1)
    sim.run({}, 1)
    assert sim.peek("ar_ready") and sim.peek("aw_ready")


# Attachment.

def test_what_does_not_fit_is_named():
    sim = compiled(512)
    sim.restart()
    with pytest.raises(ValueError, match="no port other_arvalid and none other_awvalid"):
        AxiMemory(sim, "other", clock_mhz=MHZ)
    with pytest.raises(ValueError, match="1 ports need 1 values, not 2"):
        AxiMemory(sim, "m_axi", clock_mhz=MHZ, base=[0, 1])
    plain = compile_verilog("module p(input clk, output o);\n  assign o = clk;\nendmodule\n", "p")
    with pytest.raises(ValueError, match=r"extra_sources=\[AXI_MEMORY_SOURCE\]"):
        AxiMemory(plain, "m_axi", clock_mhz=MHZ)
    memory = AxiMemory(sim, "m_axi", clock_mhz=MHZ)
    sim.restart()
    with pytest.raises(RuntimeError, match="The memory is gone"):
        memory.read(0, 1)


def test_a_changed_header_is_compiled_anew(tmp_path):
    source, header = tmp_path / "model.cpp", tmp_path / "number.h"
    source.write_text('#include "number.h"\nextern "C" int number() { return NUMBER; }\n')
    text = "module n(input clk, output o);\n  assign o = clk;\nendmodule\n"
    for number in (3, 4):
        header.write_text(f"#define NUMBER {number}\n")
        assert compile_verilog(text, "n", extra_sources=[source]).library.number() == number


def test_timings_are_checked_and_come_from_the_card():
    assert hbm(card("vhk158")).peak_gb_s == 12.8
    assert ddr(card("u280")).peak_gb_s == ddr(card("u250")).peak_gb_s == 19.2
    assert HBM.deliverable_gb_s(512, 225.0) == pytest.approx(13.1, abs=0.02)
    assert HBM.deliverable_gb_s(256, 300.0) == 9.6
    with pytest.raises(ValueError, match="u250 has no HBM"):
        hbm(card("u250"))
    with pytest.raises(ValueError, match="u50 has no DDR"):
        ddr(card("u50"))
    with pytest.raises(ValueError, match="needs a peak rate"):
        MemoryTiming(latency_ns=1.0, dram=HBM2)
    with pytest.raises(ValueError, match="not 0 reads and 64 writes"):
        replace(IDEAL, reads=0)
    with pytest.raises(ValueError, match="must be positive, not -1"):
        replace(IDEAL, latency_ns=-1.0)
    with pytest.raises(ValueError, match="must rise"):
        replace(HBM2, hit_ns=200.0)
    with pytest.raises(ValueError, match="banks must be a power of two, not 12"):
        replace(HBM2, banks=12)
    with pytest.raises(ValueError, match="must fit"):
        replace(HBM2, refresh_stall_ns=4000.0)


def test_traffic_and_seed_decide_the_cycles():
    def total(seed, traffic):
        bench = Bench(timing=HBM, traffic=traffic, jitter=20, seed=seed)
        return bench.read([(512 * n, 8) for n in range(50)])[-1].total
    assert total(1, BURSTY) == total(1, BURSTY) != total(2, BURSTY)
    assert total(1, STEADY) < total(1, BURSTY) < total(1, STARVED)
