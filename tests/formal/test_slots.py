# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all times and all traffic, that the gather's slots and queues have room, and no more.

By induction, so without a bound. The gather is cut where its parts talk to one another: what is
assumed of one of them in one proof is claimed of it in another, but for two things: an operation
begins when nothing of the last one is under way, and a slot that was read is given away once.
"""

from dataclasses import replace

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Mux, Signal

from flightllm_hw.exchange.corner import CornerTurn
from flightllm_hw.exchange.gather import Gather
from flightllm_hw.exchange.grants import RowGrants
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.exchange.maxima import Maxima
from flightllm_hw.exchange.sender import ResultSender
from flightllm_hw.exchange.slots import ResultSlots
from flightllm_hw.presets import TINY
from support.formal import prove
from support.inside import Inside, mutant

CONFIG = ExchangeConfig(accelerator=TINY)
# Lanes that share a port.
SHARED = ExchangeConfig(accelerator=replace(TINY, lanes=6))
HALT = 8
"""Cycles that a halt takes at least."""


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


def halts(m, halt):
    """Assume that a halt takes ``HALT`` cycles; how many it has taken."""
    lasts = Signal(range(HALT + 1))
    with m.If(halt):
        m.d.sync += lasts.eq(Mux(lasts == HALT, HALT, lasts + 1))
    with m.Else():
        m.d.comb += Assume((lasts == 0) | (lasts == HALT))
        m.d.sync += lasts.eq(0)
    return lasts


def rows(gather=Gather):
    """Rows and maxima under way: whoever goes has room in both queues.

    Assumed of the grants: a row goes only where there is room, and starts two cycles later; another
    operation begins when all that went has settled.
    """
    m = Module()
    inside = Inside(gather(CONFIG), free=[RowGrants, CornerTurn, ResultSender, ResultSlots])
    grants, most = inside.placed[RowGrants], CONFIG.rows_under_way
    goes, settled, wanted = grants.goes, grants.settled, grants.operation.maxima
    goes_1, goes_2, wanted_1, settled_1 = Signal(), Signal(), Signal(), Signal()
    m.d.sync += [goes_1.eq(goes), goes_2.eq(goes_1), wanted_1.eq(wanted),
                 settled_1.eq(settled & ~goes)]
    m.d.comb += [
        Assume(~goes | grants.room),
        Assume(grants.starts == goes_2),
        Assume((wanted == wanted_1) | settled_1),
    ]
    row_room, scalar_room = inside["row_room"], inside["scalar_room"]
    early = goes_1 + goes_2 + ones(inside["masks.flags"])
    queued = [same(m, inside, name, most) for name in ("rows", "scalars")]
    m.d.comb += [
        Assert(row_room + early + ones(inside["arrives"]) + queued[0] == most),
        Assert(scalar_room + Mux(wanted_1, early, 0) + ones(inside["maxima.flags"]) + queued[1]
               == most),
        Assert(~inside["arrives"][-1] | inside["rows.room"]),
        Assert(~inside.placed[Maxima].o_valid | inside["scalars.room"]),
    ]
    return m, inside


def taken(grants=RowGrants):
    """Slots that are taken were full, for all lanes.

    Assumed of the slots: they tell whether they are full, and a halt empties them; of control: a
    halt takes as long as what is under way.
    """
    m = Module()
    dut = grants(SHARED)
    inside = Inside(dut)
    lasts = halts(m, dut.halt)
    for n in range(SHARED.lanes):
        fills = Signal(name=f"fills_{n}")
        inside.inputs.append(fills)
        full = Signal(8, name=f"full_{n}")
        done = dut.some_done[n]
        m.d.comb += [
            Assume(dut.some[n] == (full != 0)),
            Assume(full + fills <= SHARED.slots),
            Assert(~done | (full != 0) | dut.halt | (lasts != 0)),
        ]
        m.d.sync += full.eq(Mux(dut.halt, 0, full + fills - done))
    return m, inside


def way(gather=Gather, *, again=0):
    """A lane's slots: free ones at the lane, full ones at the gather, and all between the two.

    Assumed of the grants: an operation begins when no slot is given away or full; a slot that was
    taken is given away again once, or never; a halt takes as long as what is under way. The one who
    gives some away ``again`` does not count.
    """
    m = Module()
    dut = gather(CONFIG)
    inside = Inside(dut, free=[RowGrants, CornerTurn])
    grants, most = inside.placed[RowGrants], CONFIG.slots
    start, credit, done = grants.start, grants.credit[0], grants.some_done[0]
    halt, lasts = dut.halt, halts(m, dut.halt)

    # Slots that the lane may fill or has filled; those that were taken and not given away again.
    given, spare = Signal(8), Signal(8)
    m.d.comb += [
        Assume(grants.slots <= most),
        Assume(~start | halt | ((given == 0) & ~credit & ~done)),
        Assume(~halt | (start & (grants.slots == 0))),
        Assume(~credit | (spare + again != 0)),
        Assume(~done | grants.some[0]),
    ]
    with m.If(start):
        m.d.sync += [given.eq(grants.slots), spare.eq(0)]
    with m.Else():
        m.d.sync += [given.eq(given + credit - done), spare.eq(spare - credit + done)]

    # Where they are.
    there, payload, back, item = (inside[name] for name in (
        "there_0.flags_1", "there_0.payload_1", "back_0.flags_1", "back_0.payload_1"))
    sent = inside["sender_0.o_valid"] & inside["sender_0.item_1"][-1]
    free, filled = inside["sender_0.free"], inside["slots_0.filled"]
    m.d.comb += Assert((free <= most) & (filled <= most))
    with m.If(~halt & (lasts == 0)):
        m.d.comb += [
            Assert(given + spare <= most),
            Assert(given == Mux(there[0], payload[:most.bit_length()], free) + (there[1])
                   + sent + (back & item[-1]) + filled),
            Assert(~done | (filled != 0)),
        ]
    return m, inside


def bench(make, *arguments, **claim):
    """The parts that all of them have."""
    m, inside = make(*arguments, **claim)
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.dut = inside
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
@pytest.mark.parametrize("make, depth", [(rows, 3), (taken, 6), (way, 10)])
def test_slots_and_queues_have_room(make, depth, tmp_path):
    m, ports = bench(make)
    status, log = prove(tmp_path, m, ports, depth=depth, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("make, component, old, new", [
    (rows, Gather, "(maxima.passed & ~maxima.o_valid)", "maxima.passed"),
    (rows, Gather, "(row_room != 0) & (scalar_room != 0)", "scalar_room != 0"),
    (taken, RowGrants, "turn_0.eq(turn_0 + 1)", "turn_0.eq(turn_0)")])
def test_wrong_gathers_fail(make, component, old, new, tmp_path):
    m, ports = bench(make, mutant(component, old, new))
    status, log = prove(tmp_path, m, ports, depth=24)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("component, old, new", [
    (ResultSender, "(takes & last)", "takes"), (ResultSlots, "fills - self.done", "fills")])
def test_wrong_ends_of_the_way_fail(component, old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(f"flightllm_hw.exchange.gather.{component.__name__}",
                        mutant(component, old, new))
    m, ports = bench(way)
    status, log = prove(tmp_path, m, ports, depth=12)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
def test_slots_that_are_given_away_twice_fail(tmp_path):
    m, ports = bench(way, again=1)
    status, log = prove(tmp_path, m, ports, depth=8)
    assert status != 0 and "FAIL" in log
