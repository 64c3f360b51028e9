# SPDX-License-Identifier: Apache-2.0
"""Keys and values all the way into a memory: an append counts when its bytes are there."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from numpy.testing import assert_array_equal

from flightllm_hw.boards import card
from flightllm_hw.config import AcceleratorConfig, LaneConfig, SfuConfig
from flightllm_hw.exchange.append import APPEND_BITS, Append, append_port
from flightllm_hw.exchange.broadcast import Broadcast
from flightllm_hw.exchange.destinations import beat_shift
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.formats.append import append_key, append_value
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.sfu.layouts import code_row
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, AxiMemory, hbm

BASE, SIZE = 1 << 20, 1 << 17


class OneLane(wiring.Component):
    """The broadcast, one lane's append, its writer."""

    def __init__(self, config):
        self.broadcast = Broadcast(config)
        self.append = Append(config)
        self.writer = AxiWriter(append_port(config))
        of = self.broadcast.signature.members
        super().__init__({
            **{name: of[name] for name in ("write_en", "write_tag", "write_data")},
            "i": In(stream.Signature(code_row(config.accelerator.sfu))),
            "m_axi": self.writer.signature.members["m_axi"],
            "appends": Out(APPEND_BITS), "error": Out(Fault), "limit": In(64),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.broadcast = broadcast = self.broadcast
        m.submodules.append = append = self.append
        m.submodules.writer = writer = self.writer
        m.d.comb += [
            *(getattr(broadcast, name).eq(getattr(self, name))
              for name in ("write_en", "write_tag", "write_data")),
            broadcast.i_codes_valid.eq(self.i.valid & self.i.ready),
            broadcast.i_codes.eq(self.i.payload),
            self.i.ready.eq(~broadcast.hold),
            broadcast.append_ready.eq(append.ready),
            append.i_valid.eq(broadcast.o_0_append_valid), append.i.eq(broadcast.o_0_append),
            append.base.eq(BASE), append.writing.eq(writer.busy),
            writer.base.eq(BASE), writer.limit.eq(self.limit),
            self.appends.eq(append.appends), self.error.eq(writer.error),
        ]
        connect(m, append.o, writer.i)
        connect(m, append.o_beat, writer.i_beat)
        connect(m, writer.m_axi, flipped(self.m_axi))
        return m


@pytest.mark.parametrize("chains, width", [(1, 2), (2, 4), (4, 8), (16, 16), (32, 16)])
def test_what_counts_is_there(chains, width, rng):
    c = ExchangeConfig(accelerator=AcceleratorConfig(
        name="one", lanes=1, lane=LaneConfig(chains=chains), sfu=SfuConfig(width=width)))
    sim = verilator.compile(OneLane(c), extra_sources=[AXI_MEMORY_SOURCE])
    memory = AxiMemory(sim, "m_axi", hbm(card("u280")), clock_mhz=225.0)
    sim.poke("limit", BASE + SIZE)
    sim.run({}, 10)
    expected = rng.integers(256, size=SIZE, dtype=np.uint8)
    memory.write(BASE, expected)
    bytes_ = 1 << beat_shift(c)
    for n in range(30):
        target = 1 + n % 2
        rows = max(1, 8 // width) * int(rng.integers(1, 5))
        limit = 8 * int(rng.integers(1, rows * width // 8 + 1))
        # Nothing of an append lies where something else of it does.
        low = max(1, 64 // bytes_) + int(rng.integers(3))
        to = {"target": target, "spread": 1, "address": int(rng.integers(64)),
              "high": (16 if chains > 16 else 4) * low + int(rng.integers(9)), "low": low,
              "place": int(rng.integers(8)), "limit": limit,
              "scale_address": int(rng.integers(SIZE // 8, SIZE // 4))}
        sim.poke("write_tag", n % 16)
        sim.poke("write_data", int.from_bytes(sim.pack("write_data", {
            k: np.array([v]) for k, v in to.items()}).tobytes(), "little"))
        sim.poke("write_en", 1)
        sim.run({}, 1)
        sim.poke("write_en", 0)
        codes = rng.integers(-128, 128, (rows, width))
        z = rng.integers(1 << 32, size=1, dtype=np.uint32)
        row = np.arange(rows)
        sim.stream({"i": sim.pack("i", {
            "codes": codes & 0xFF, "first": (row == 0).astype(int),
            "last": (row == rows - 1).astype(int), "z": np.repeat(z, rows),
            "tag": np.full(rows, n % 16)})}, {})
        flat = codes.astype(np.int8).ravel()[:limit]
        where = {"beat_bytes": bytes_, **{k: to[k] for k in ("address", "high", "low", "place")}}
        if target == 1:
            append_key(expected, flat, z.view(np.float32)[0],
                       scale_address=to["scale_address"], **where)
        else:
            append_value(expected, flat, **where)
        for _ in range(4000):
            if sim.peek("appends") == n + 1:
                break
            sim.run({}, 1)
        assert sim.peek("appends") == n + 1
        assert_array_equal(memory.read(BASE, SIZE), expected)
    memory.check(finished=True)
    assert sim.peek("error") == 0


def test_an_error_stops_nothing(rng):
    # Outside of its window nothing is written, and appends still end.
    c = ExchangeConfig(accelerator=AcceleratorConfig(
        name="one", lanes=1, lane=LaneConfig(chains=4), sfu=SfuConfig(width=8)))
    sim = verilator.compile(OneLane(c), extra_sources=[AXI_MEMORY_SOURCE])
    memory = AxiMemory(sim, "m_axi", hbm(card("u280")), clock_mhz=225.0)
    sim.poke("limit", BASE + 64)
    sim.poke("write_data", int.from_bytes(sim.pack("write_data", {k: np.array([v]) for k, v in {
        "target": 2, "spread": 1, "address": 100, "limit": 800}.items()}).tobytes(), "little"))
    sim.poke("write_en", 1)
    sim.run({}, 1)
    sim.poke("write_en", 0)
    rows = 100
    sim.stream({"i": sim.pack("i", {"codes": rng.integers(256, size=(rows, 8)),
                                    "first": np.eye(1, rows, dtype=int)[0],
                                    "last": np.eye(1, rows, rows - 1, dtype=int)[0]})}, {})
    sim.run({}, 1000)
    assert sim.peek("error") == Fault.OUTSIDE.value
    assert sim.peek("appends") == 1
    assert not memory.read(BASE, SIZE).any()
