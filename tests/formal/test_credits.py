# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all times and all traffic, that no room at a memory port is lost or given twice.

By induction, so without a bound: every beat that there is room for is in one place only.

::

    credits ─► offered ─► promised ─► arrived ─► held ─► space ─► credits
              (arvalid)   (memory's)  (register) (the consumer's)

Assumed of the memory: a beat comes only if one was asked for, a last one only if a burst was; of
the consumer: it frees only what it was given. Bursts come from no cutter but out of nowhere, of as
many beats as ``test_bursts`` proves.
"""

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Mux, Signal

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.lane.engine import LaneEngine
from flightllm_hw.lane.lane import Lane
from flightllm_hw.lane.rescale import ResultScaler
from flightllm_hw.memory.bursts import BurstCutter
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader
from flightllm_hw.presets import TINY
from flightllm_hw.units.host import HostPort, HostPortConfig
from support.formal import prove
from support.inside import Inside, mutant

PORT = PortConfig(data_bits=32, id_bits=0, burst_bytes=16, outstanding=2, fifo_depth=8,
                  descriptors=2, beats_bits=8)


def reading(m, inside, config, axi, path=""):
    """A reader between bursts and a memory: the beats it knows of, but for those it has given."""
    burst = inside.placed[BurstCutter].o
    with m.If(burst.valid & (burst.payload.fault == Fault.NONE)):
        m.d.comb += Assume((burst.payload.beats != 0)
                           & (burst.payload.beats <= config.burst_beats))

    # The memory.
    promised, bursts = Signal(12), Signal(8)
    asked = axi.arvalid & axi.arready
    m.d.comb += [
        Assume(~axi.rvalid | (promised != 0)),
        Assume(~axi.rvalid | ~axi.rlast | (bursts != 0)),
    ]
    m.d.sync += [
        promised.eq(promised + Mux(asked, axi.arlen + 1, 0) - axi.rvalid),
        bursts.eq(bursts + asked - (axi.rvalid & axi.rlast)),
    ]

    # The queue of bursts under way.
    arrived, ended = inside[f"{path}valid_1"], Signal()
    m.d.sync += ended.eq(axi.rvalid & axi.rlast)
    level = inside[f"{path}requester.in_flight.level"]
    m.d.comb += [
        Assert(level == axi.arvalid + bursts + ended),
        Assert(level <= config.outstanding),
        Assert(~ended | (level != 0)),
    ]
    return Mux(axi.arvalid, axi.arlen + 1, 0) + promised + arrived


def reader_bench(reader=AxiReader, *, room=PORT.fifo_depth, honest=True):
    """A reader, and what is claimed of its credits. Who is not honest frees what it has not got."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = reader(PORT)
    m.submodules.dut = inside = Inside(dut, free=[BurstCutter])
    under_way = reading(m, inside, PORT, dut.m_axi)
    held, credits = Signal(12), inside["credits"]
    m.d.sync += held.eq(held + dut.o.valid - dut.space)
    if honest:
        m.d.comb += Assume(~dut.space | (held != 0))
    m.d.comb += [
        Assert(credits + under_way + held == PORT.fifo_depth),
        Assert(under_way + held <= room),
    ]
    return m, [clock.clk, *inside.inputs]


def lane_bench(lane=Lane):
    """A lane without its engine, which frees up to two beats whenever it likes.

    What it frees of beats that finish what an error has left is not the reader's.
    """
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = lane(TINY.lane)
    m.submodules.dut = inside = Inside(dut, free=[BurstCutter, LaneEngine, ResultScaler])
    engine = inside.placed[LaneEngine]
    room = TINY.lane.fifo_beats
    under_way = reading(m, inside, dut._reader.config, dut.m_axi, "reader.")
    own, owed, credits = (inside[name] for name in ("own", "owed", "reader.credits"))
    m.d.comb += [
        Assume(engine.freed <= 2),
        Assert(credits + under_way + own + owed == room),
        Assert(~inside.placed[AxiReader].space | (owed != 0)),
    ]
    return m, [clock.clk, *inside.inputs]


def host_bench(port=HostPort, *, most=2):
    """The port that two masters share: the queue of who asked."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = port(HostPortConfig(data_bits=32, outstanding=2))
    m.submodules.dut = inside = Inside(dut)
    axi, bursts, level = dut.m_axi, Signal(8), inside["askers.level"]
    ended = axi.rvalid & axi.rlast
    m.d.sync += bursts.eq(bursts + (axi.arvalid & axi.arready) - ended)
    m.d.comb += [
        Assume(~axi.rvalid | (bursts != 0)),
        Assert(level == axi.arvalid + bursts),
        Assert(level <= most),
        Assert(~ended | (level != 0)),
        # Every answer is somebody's.
        Assert(axi.rvalid == (dut.fetch.rvalid ^ dut.unit.rvalid)),
    ]
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
@pytest.mark.parametrize("bench", [reader_bench, lane_bench, host_bench])
def test_room_is_neither_lost_nor_given_twice(bench, tmp_path):
    m, ports = bench()
    status, log = prove(tmp_path, m, ports, depth=2, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("old, new", [
    ("self.space + dropped", "self.space"),
    ("requester.room.eq(credits)", "requester.room.eq(c.fifo_depth)"),
    ("requester.burst.beats, 0", "c.burst_beats, 0")])
def test_wrong_readers_fail(old, new, tmp_path):
    m, ports = reader_bench(mutant(AxiReader, old, new))
    status, log = prove(tmp_path, m, ports, depth=8)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("claim", [{"room": PORT.fifo_depth - 1}, {"honest": False}], ids=str)
def test_sharper_claims_fail(claim, tmp_path):
    m, ports = reader_bench(**claim)
    status, log = prove(tmp_path, m, ports, depth=8)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("old, new", [
    ("Mux(own < engine.freed, own, engine.freed)", "engine.freed"),
    ("owed + freed - reader.space", "owed + (freed != 0) - reader.space")])
def test_wrong_lanes_fail(old, new, tmp_path):
    m, ports = lane_bench(mutant(Lane, old, new))
    status, log = prove(tmp_path, m, ports, depth=10)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("old, new", [
    ("& askers.w_rdy", ""), ("axi.rvalid & axi.rlast", "axi.rvalid")])
def test_wrong_host_ports_fail(old, new, tmp_path):
    m, ports = host_bench(mutant(HostPort, old, new))
    status, log = prove(tmp_path, m, ports, depth=10)
    assert status != 0 and "FAIL" in log
