# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all times and all traffic, that what is sent finds room where it goes.

Nobody waits at the end of a long way: whoever sends counts, or is told early enough. By induction,
so without a bound.
"""

from dataclasses import replace

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Mux, Signal

from flightllm_hw.arith.rotary import RotaryPhase
from flightllm_hw.arith.sine import SineCosine
from flightllm_hw.core import node
from flightllm_hw.core.bank import CounterBank
from flightllm_hw.core.node import LaneNode
from flightllm_hw.exchange import append
from flightllm_hw.exchange.append import Append
from flightllm_hw.exchange.broadcast import Broadcast
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.exchange.scales import TokenScales
from flightllm_hw.exchange.words import ActivationWords
from flightllm_hw.interfaces.stream import Queue
from flightllm_hw.lane.lane import Lane
from flightllm_hw.lane.rescale import DEPTH as RESULTS
from flightllm_hw.lane.rescale import ResultScaler, ResultScalerConfig
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.presets import TINY
from flightllm_hw.sfu.rotation import QUEUE, RotationTable
from flightllm_hw.units.distribution import Distribution
from flightllm_hw.units.passes import DEPTH as ROWS
from flightllm_hw.units.passes import StorePasses
from flightllm_hw.units.transfers import MemoryUnitConfig
from support.formal import prove
from support.inside import Inside, mutant

LATE = 2 * TINY.crossings + 7
"""What may still come from far away when there is no room any more."""

RESULT_BITS = (RESULTS - 1).bit_length()


def ones(value):
    """How many bits are on."""
    return sum(value[1:], start=value[0])


def same(m, inside, queue, depth):
    """What ``test_queues`` proves of a queue; for the step of the induction."""
    filled = inside[f"{queue}.filled"]
    m.d.comb += [
        Assert(inside[f"{queue}.room"] == (filled < depth)),
        Assert(inside[f"{queue}.some"] == (filled > 0)),
    ]
    return filled


def late(m, room, comes):
    """Assume that what comes when there is no room was on its way: ``LATE`` at most; how many."""
    count = Signal(8)
    m.d.comb += [Assume(room | ~comes | (count < LATE)), Assert(count <= LATE)]
    m.d.sync += count.eq(Mux(room, 0, count + comes))
    return count


def told(component, come, room, *, most=LATE):
    """Whoever sends, and how much of it comes when there is no room any more."""
    m = Module()
    dut = component(TINY if component is Distribution else ExchangeConfig(accelerator=TINY))
    inside = Inside(dut, free=[ActivationWords, TokenScales])
    count = Signal(8)
    comes, free = come(dut), room(dut)
    m.d.sync += count.eq(Mux(free, 0, Mux(count == 255, 255, count + comes)))
    m.d.comb += Assert(free | (count + comes <= most))
    return m, inside


SENDERS = {
    "pieces": (Distribution, lambda dut: dut.link_0.descriptor_valid, lambda dut: dut.link_0.room),
    "units": (Broadcast, lambda dut: dut.o_0_append_valid, lambda dut: dut.append_ready[0]),
}


def pieces(component=LaneNode):
    """Pieces of tape in a lane's node."""
    m = Module()
    dut = component(TINY)
    inside = Inside(dut, free=[Lane, Append, AxiWriter, CounterBank])
    comes = dut.link.descriptor_valid
    count = late(m, dut.link.room, comes)
    waiting = inside["waiting"]
    m.d.comb += [
        Assert(waiting == same(m, inside, "pieces", node.PIECES)),
        Assert(~comes | inside["pieces.room"]),
        Assert(waiting <= node.PIECES - LATE + count),
    ]
    return m, inside


def appends(component=Append):
    """Units of keys and values in a lane's node."""
    m = Module()
    dut = component(ExchangeConfig(accelerator=TINY))
    inside = Inside(dut)
    count = late(m, dut.ready, dut.i_valid)
    filled = inside["filled"]
    m.d.comb += [
        Assert(filled == same(m, inside, "queue", append.DEPTH)),
        Assert(~dut.i_valid | inside["queue.room"]),
        Assert(filled <= append.DEPTH - LATE + count),
    ]
    return m, inside


def results(component=ResultScaler):
    """Results of a lane: places in use are those under way and those that wait."""
    m = Module()
    dut = component(ResultScalerConfig(tag_bits=2))
    inside = Inside(dut)
    used, waiting, under_way = (inside[name] for name in ("used", "waiting", "under_way"))
    m.d.comb += [
        Assert(used == waiting + ones(under_way)),
        Assert(used <= RESULTS),
        Assert((inside["reserved"] - inside["shown"])[:RESULT_BITS] == used[:RESULT_BITS]),
        Assert((inside["filled"] - inside["shown"])[:RESULT_BITS] == waiting[:RESULT_BITS]),
    ]
    return m, inside


def pairs(component=RotationTable):
    """Pairs of cosines and sines."""
    m = Module()
    dut = component(replace(TINY.sfu, rotary_pairs=2 * QUEUE))
    inside = Inside(dut, free=[RotaryPhase, SineCosine])
    owed, flags, queue = inside["owed"], inside["flags"], inside.placed[Queue]
    m.d.comb += [
        Assert(owed == ones(flags) + same(m, inside, "queue", QUEUE)),
        Assert(owed <= QUEUE),
        Assert(~queue.i.valid | queue.i.ready),
    ]
    return m, inside


def rows(component=StorePasses):
    """Rows that stores have asked for: to come, or in a queue from which they are freed."""
    m = Module()
    dut = component(MemoryUnitConfig(beat_bits=TINY.lane.beat_bits, sfu=TINY.sfu))
    inside = Inside(dut)
    come, leave = Signal(), Signal()
    to_come, waiting = Signal(10), Signal(10)
    inside.inputs += [come, leave]
    of_pass = dut.o.payload
    size = Mux(inside["scalars"], of_pass.last_segment, of_pass.last_row) + 1
    m.d.sync += [
        to_come.eq(to_come + Mux(dut.o.valid & dut.o.ready, size, 0) - come),
        waiting.eq(waiting + come - leave),
    ]
    freed = Signal()
    m.d.sync += freed.eq(leave)
    m.d.comb += [
        Assume(~dut.start | ~dut.busy),
        Assume(~come | (to_come != 0)),
        Assume(~leave | (waiting != 0)),
        Assume(dut.freed == freed),
        Assert(inside["owed"] == Mux(dut.o.valid, size, 0) + to_come + waiting + freed),
        Assert(inside["owed"] <= ROWS),
    ]
    return m, inside


def bench(make, *arguments, **claim):
    """The parts that all of them have."""
    m, inside = make(*arguments, **claim)
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.dut = inside
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
@pytest.mark.parametrize("make", [pieces, appends, results, pairs, rows])
def test_what_is_sent_finds_room(make, tmp_path):
    m, ports = bench(make)
    status, log = prove(tmp_path, m, ports, depth=3, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("name", SENDERS)
def test_no_more_comes_late_than_there_is_room_for(name, tmp_path):
    m, ports = bench(told, *SENDERS[name])
    status, log = prove(tmp_path, m, ports, depth=LATE + 3, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("name", SENDERS)
def test_some_comes_late(name, tmp_path):
    m, ports = bench(told, *SENDERS[name], most=0)
    status, log = prove(tmp_path, m, ports, depth=20)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("make, component, old, new", [
    (pieces, LaneNode, "c.crossings - 8)", "c.crossings - 6)"),
    (pieces, LaneNode, "(pieces.o.valid & pieces.o.ready)", "pieces.o.ready"),
    (appends, Append, "c.crossings - 8)", "c.crossings - 6)"),
    (appends, Append, "(queue.o.valid & pop)", "pop"),
    (results, ResultScaler, "waiting + finish", "waiting + accept"),
    (pairs, RotationTable, "owed + goes - taken", "owed - taken"),
    (rows, StorePasses, "room & ~offers", "room")])
def test_wrong_counts_fail(make, component, old, new, tmp_path, monkeypatch):
    # Smaller, so that they are full within the bound.
    monkeypatch.setattr(node, "PIECES", 16)
    monkeypatch.setattr(append, "DEPTH", 16)
    m, ports = bench(make, mutant(component, old, new))
    status, log = prove(tmp_path, m, ports, depth=24)
    assert status != 0 and "FAIL" in log
