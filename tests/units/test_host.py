# SPDX-License-Identifier: Apache-2.0
"""Two readers and a writer on one port: data, order, turns, speed."""

from functools import cache

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from numpy.testing import assert_array_equal

from flightllm_hw.boards import card
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.interfaces.axi import Access
from flightllm_hw.memory.beats import write_layout
from flightllm_hw.memory.bursts import descriptor_layout
from flightllm_hw.memory.reader import AxiReader, read_layout
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, hbm
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from flightllm_hw.units.host import HostPort, HostPortConfig
from support.lint import lint

HBM = hbm(card("u280"))
BASE, SIZE = 1 << 34, 1 << 18
CONFIGS = {
    "narrow": HostPortConfig(data_bits=64, id_bits=0, outstanding=2),
    "odd": HostPortConfig(data_bits=128, id_bits=4, outstanding=5),
    "wide": HostPortConfig(data_bits=512),
}
EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


class Masters(wiring.Component):
    """Readers ``a`` and ``b``, a writer, and the port that they share."""

    def __init__(self, config):
        self.config = config
        self.port = port = PortConfig(data_bits=config.data_bits, id_bits=config.id_bits)
        self.host = HostPort(config)
        super().__init__({
            **{f"i_{name}": In(stream.Signature(descriptor_layout(port))) for name in "abw"},
            **{f"o_{name}": Out(stream.Signature(read_layout(port), always_ready=True))
               for name in "ab"},
            "i_beat": In(stream.Signature(write_layout(port))),
            "busy": Out(1), "error": Out(1),
            "m_axi": self.host.signature.members["m_axi"],
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.host = host = self.host
        m.submodules.w = w = AxiWriter(self.port)
        m.submodules.a, m.submodules.b = readers = AxiReader(self.port), AxiReader(self.port)
        for name, reader in zip("ab", readers, strict=True):
            connect(m, flipped(getattr(self, f"i_{name}")), reader.i)
            connect(m, reader.o, flipped(getattr(self, f"o_{name}")))
            m.d.comb += reader.space.eq(reader.o.valid)
        connect(m, readers[0].m_axi, host.fetch)
        connect(m, readers[1].m_axi, host.unit.half(Access.READ))
        connect(m, w.m_axi, host.unit.half(Access.WRITE))
        connect(m, flipped(self.i_w), w.i)
        connect(m, flipped(self.i_beat), w.i_beat)
        connect(m, host.m_axi, flipped(self.m_axi))
        every = (*readers, w)
        m.d.comb += [x.limit.eq(-1) for x in every]
        m.d.comb += [self.busy.eq(sum(x.busy for x in every) != 0),
                     self.error.eq(sum(x.error.as_value() != 0 for x in every) != 0)]
        return m


@cache
def compiled(config):
    return verilator.compile(Masters(config), extra_sources=[AXI_MEMORY_SOURCE])


class Bench:
    """The masters, a memory, and what lies in it."""

    def __init__(self, config, rng, **options):
        self.config, self.rng = config, rng
        self.bytes = config.data_bits // 8
        self.sim = compiled(config)
        self.sim.restart()
        self.memory = AxiMemory(self.sim, "m_axi", clock_mhz=225.0, **options)
        self.image = rng.integers(256, size=(SIZE // self.bytes, self.bytes), dtype=np.uint8)
        self.memory.write(BASE, self.image)

    def pieces(self, count, first, last, most=40):
        """Descriptors in a part of memory, first beats and lengths."""
        beats = self.rng.integers(1, most + 1, size=count)
        return [(int(self.rng.integers(first, last - n)), int(n)) for n in beats]

    def descriptors(self, name, pieces):
        return self.sim.pack(name, {
            "address": np.array([BASE + at * self.bytes for at, _ in pieces]),
            "beats": np.array([n for _, n in pieces])})

    def run(self, traffic=STEADY, write=None, **reads):
        """Read pieces, write at the same time; transfers."""
        items = {f"i_{name}": self.descriptors(f"i_{name}", pieces)
                 for name, pieces in reads.items()}
        if write:
            rows = np.concatenate([self.image[at:at + n] for at, n in write])
            items["i_w"] = self.descriptors("i_w", write)
            items["i_beat"] = self.sim.pack("i_beat", {
                "data": np.array([int.from_bytes(row.tobytes(), "little") for row in rows], object)
                if self.bytes > 8 else rows.view("<u8")[:, 0],
                "strobe": np.full(len(rows), (1 << self.bytes) - 1, np.uint64)})
        moved = self.sim.stream(
            items, {f"o_{name}": sum(n for _, n in pieces) for name, pieces in reads.items()},
            traffic={name: traffic for name in items})
        while self.sim.peek("busy"):
            self.sim.run({}, 1, record=())
        for name, pieces in reads.items():
            got = np.ascontiguousarray(moved[f"o_{name}"]).view(np.uint8)[:, :self.bytes]
            assert_array_equal(got, np.concatenate([self.image[at:at + n] for at, n in pieces]))
        assert not self.sim.peek("error")
        self.memory.check(finished=True)
        assert_array_equal(self.memory.read(BASE, SIZE).reshape(self.image.shape), self.image)
        return moved


@EACH
@pytest.mark.parametrize("timing", [IDEAL, HBM], ids=["ideal", "hbm"])
@pytest.mark.parametrize("traffic", [STEADY, BURSTY, STARVED], ids=str)
def test_each_gets_what_it_asked_for(config, timing, traffic, rng):
    bench = Bench(config, rng, timing=timing, traffic=traffic)
    half = len(bench.image) // 2
    a, b = (bench.pieces(60, 0, half) for _ in "ab")
    # What is written is not read meanwhile, but later.
    edges = np.sort(rng.choice(np.arange(half, 2 * half), 40, replace=False))
    write = [(int(s), int(min(e - s, 40))) for s, e in zip(edges[::2], edges[1::2], strict=True)]
    for at, n in write:
        bench.image[at:at + n] = rng.integers(256, size=(n, bench.bytes))
    bench.run(traffic, write=write, a=a, b=b)
    bench.run(traffic, a=write, b=write)


@EACH
def test_no_more_is_under_way_than_there_is_room_for(config, rng):
    # A memory that answers late: as many bursts as the queue has places, and not one more.
    bench = Bench(config, rng, timing=HBM)
    pieces = [(n, 1) for n in range(40)]
    bench.sim.stream({f"i_{name}": bench.descriptors(f"i_{name}", pieces[:8]) for name in "ab"}, {})
    most = 0
    for _ in range(100):
        most = max(most, bench.memory.pending()["m_axi"][0])
        bench.sim.run({}, 1, record=())
    assert most == min(config.outstanding, 16)


@EACH
def test_they_take_turns(config, rng):
    bench = Bench(config, rng)
    a, b = [(0, 500)], [(1000, 500)]
    bench.sim.stream({"i_a": bench.descriptors("i_a", a), "i_b": bench.descriptors("i_b", b)}, {})
    seen = []
    for _ in range(1500):
        sim = bench.sim
        if sim.peek("m_axi_arvalid") and sim.peek("m_axi_arready"):
            seen.append((sim.peek("m_axi_araddr") - BASE) // bench.bytes >= 1000)
        sim.run({}, 1, record=())
    assert not bench.sim.peek("busy")
    both = seen[:2 * min(sum(seen), len(seen) - sum(seen))]
    assert all(x != y for x, y in zip(both, both[1:], strict=False))
    assert sum(seen) >= 16 and len(seen) - sum(seen) >= 16


@pytest.mark.parametrize("names", ["a", "b", "ab"])
def test_a_beat_a_cycle(names, rng):
    bench = Bench(CONFIGS["wide"], rng)
    moved = bench.run(**{name: [(8, 1000)] for name in names})
    assert moved.total <= 1000 * len(names) + 60


def test_a_port_that_cannot_be():
    with pytest.raises(ValueError, match="outstanding must be in 2..64, not 1"):
        HostPortConfig(data_bits=64, outstanding=1)


@pytest.mark.rtl
def test_costs_little_and_has_short_paths(tmp_path):
    report = resource_report(design(HostPort(CONFIGS["wide"]), platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.total.lut <= 150
    assert report.total.ff <= 250
    assert report.logic_levels <= 6
    for config in CONFIGS.values():
        made = design(HostPort(config), platform=BehaviouralPlatform())
        assert lint(made.text, made.top, tmp_path) == ""
