# SPDX-License-Identifier: Apache-2.0
"""The fetcher alone: any program counters in any order, and what is not there."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.boards import card
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.fetch import FetchConfig, Fetcher
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.memory.faults import Fault
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, hbm
from flightllm_hw.sim.traffic import BURSTY, STEADY, TRAFFIC

CONFIGS = {
    "narrow": FetchConfig(port=PortConfig(data_bits=64, outstanding=4, fifo_depth=32), ring=8,
                          ahead=7),
    "middle": FetchConfig(port=PortConfig(data_bits=256), ring=4, ahead=1),
    "wide": FetchConfig(),
}
EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
ORIGIN, COUNT = 0x4_0000_0FC0, 400


@cache
def compiled(config):
    return verilator.compile(Fetcher(config), extra_sources=[AXI_MEMORY_SOURCE])


class Bench:
    """A fetcher and a memory full of words."""

    def __init__(self, config, rng, timing=IDEAL, **options):
        self.sim = compiled(config)
        self.sim.restart()
        self.memory = AxiMemory(self.sim, "m_axi", timing, clock_mhz=225, **options)
        self.words = rng.integers(1 << 32, size=(COUNT, 16), dtype=np.uint32)
        self.memory.write(ORIGIN, self.words.view(np.uint8))
        for name, value in (("origin", ORIGIN), ("base", ORIGIN), ("limit", ORIGIN + 64 * COUNT),
                            ("run", 1)):
            self.sim.poke(name, value)

    def fetch(self, pcs, traffic=STEADY):
        """Words, faults and addresses; and the transfers."""
        pcs = np.asarray(pcs, np.uint32)
        moved = self.sim.stream({"i": pcs[:, None]}, {"o": len(pcs)}, traffic=traffic,
                                deadline=1_000_000)
        got = self.sim.unpack("o", moved["o"])
        return got["word"], got["fault"], got["address"], moved

    def stop(self):
        """Off, until nothing is under way."""
        self.sim.poke("run", 0)
        self.sim.run({}, 1, record=())
        for _ in range(2000):
            if not self.sim.peek("busy"):
                break
            self.sim.run({}, 1, record=())
        self.memory.check(finished=True)
        self.sim.run({}, 2, record=())
        self.sim.poke("run", 1)


def walk(rng, steps):
    """Program counters as programs have them: on and on, loops, jumps."""
    pc, pcs = 0, []
    for _ in range(steps):
        pcs.append(pc)
        chance = rng.random()
        pc += (1 if chance < 0.8 else int(rng.integers(-10, 10)) if chance < 0.95 else
               int(rng.integers(-COUNT, COUNT)))
        pc = min(max(pc, 0), COUNT - 1)
    return np.array(pcs)


@EACH
@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_gives_what_lies_there(config, traffic, rng):
    bench = Bench(config, rng, traffic=traffic)
    pcs = walk(rng, 600)
    words, faults, _, _ = bench.fetch(pcs, traffic)
    assert_array_equal(words, bench.words[pcs])
    assert not faults.any()
    bench.stop()


@EACH
def test_random_places_of_hbm(config, rng):
    bench = Bench(config, rng, hbm(card("u280")))
    pcs = rng.integers(COUNT, size=60)
    words, faults, _, _ = bench.fetch(pcs)
    assert_array_equal(words, bench.words[pcs])
    assert not faults.any()


@EACH
def test_begins_anew(config, rng):
    bench = Bench(config, rng, traffic=BURSTY)
    for n in range(30):
        pcs = walk(rng, int(rng.integers(1, 12)))
        words, _, _, _ = bench.fetch(pcs)
        assert_array_equal(words, bench.words[pcs])
        if rng.random() < 0.5:
            # While it looks for something.
            bench.sim.stream({"i": np.array([[int(rng.integers(COUNT))]], np.uint32)}, {})
            bench.sim.run({}, int(rng.integers(0, 12)), record=())
        bench.stop()
        # Another program, elsewhere.
        shift = n % 3
        bench.sim.poke("origin", ORIGIN + 64 * shift)
        words, _, _, _ = bench.fetch([0, 1])
        assert_array_equal(words, bench.words[[shift, shift + 1]])
        bench.stop()
        bench.sim.poke("origin", ORIGIN)


@EACH
def test_faults_are_told_where_they_matter(config, rng):
    for at in (0, 1, 5, 30):
        bench = Bench(config, rng, traffic=BURSTY)
        address = ORIGIN + 64 * at + 8 * int(rng.integers(8))
        bench.memory.fail(range(address, address + 1))
        # All but that one can be had, in any order.
        pcs = walk(rng, 300)
        pcs = pcs[pcs != at]
        words, faults, _, _ = bench.fetch(pcs)
        assert_array_equal(words, bench.words[pcs])
        assert not faults.any()
        _, faults, addresses, _ = bench.fetch([at])
        assert Fault(int(faults[0])) is Fault.SLVERR
        assert int(addresses[0]) == address // config.port.beat_bytes * config.port.beat_bytes
        # Off and on, and it goes on.
        bench.stop()
        words, faults, _, _ = bench.fetch(pcs)
        assert_array_equal(words, bench.words[pcs])
        assert not faults.any()


@EACH
@pytest.mark.parametrize("pc", [COUNT, COUNT + 1, 5 * COUNT, (1 << 32) - 1])
def test_nothing_is_given_from_outside(config, pc, rng):
    bench = Bench(config, rng)
    words, faults, _, _ = bench.fetch([0, COUNT - 1])
    assert_array_equal(words, bench.words[[0, -1]])
    assert not faults.any()
    _, faults, addresses, _ = bench.fetch([pc])
    assert Fault(int(faults[0])) is Fault.OUTSIDE
    assert int(addresses[0]) == ORIGIN + 64 * pc


@EACH
def test_latency(config, rng):
    bench = Bench(config, rng)
    bench.fetch([0])
    bench.sim.run({}, 200, record=())
    _, _, _, moved = bench.fetch([0, 1] if config.ahead > 1 else [0])
    assert (moved.cycles["o"] - moved.cycles["i"] == Fetcher.latency).all()


@pytest.mark.rtl
def test_paths_are_short():
    report = resource_report(design(Fetcher(CONFIGS["wide"]), platform=VendorPlatform()))
    assert report.logic_levels <= 8
    assert report.total.dsp == report.total.bram == 0
