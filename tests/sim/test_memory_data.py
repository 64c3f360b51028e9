# SPDX-License-Identifier: Apache-2.0
"""The AXI memory keeps data, at every width and for many masters, and answers errors in place."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, generated
from flightllm_hw.sim.traffic import BURSTY, TRAFFIC
from flightllm_hw.sim.verilator import compile_verilog
from support.memory_bench import HBM, MHZ, Bench, wires


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


def test_a_write_is_seen_once_it_is_answered():
    bench = Bench(hazards=False)
    bench.sim.stream({"aw": bench.requests([(0, 1)]),
                      "w": bench.beats(np.ones((1, 64), np.uint8), [1])}, {})
    assert not bench.memory.read(0, 64).any()
    bench.sim.stream({}, {"b": 1})
    assert bench.memory.read(0, 64).all()
