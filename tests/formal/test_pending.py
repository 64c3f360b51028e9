# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all times and all traffic, that units know how many of their tasks are not done."""

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Mux, Signal

from flightllm_hw.interfaces.stream import Queue
from flightllm_hw.presets import TINY
from flightllm_hw.units.faults import AHEAD
from flightllm_hw.units.lanes import LanesUnit
from flightllm_hw.units.vector import VectorUnit
from support.formal import prove
from support.inside import Inside, mutant


def lanes_bench(unit=LanesUnit, *, most=AHEAD, honest=True):
    """The LANES unit.

    Assumed of the gather: it has only done what it was given. Tasks, faults and halts come
    whenever they like.
    """
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = unit(TINY)
    m.submodules.dut = inside = Inside(dut)
    tasks, gathers = Signal(8), Signal(8)
    m.d.sync += [
        tasks.eq(tasks + (dut.i.valid & dut.i.ready) - dut.done),
        gathers.eq(Mux(dut.halt, 0, gathers + (dut.o.valid & dut.o.ready) - dut.gathered)),
    ]
    if honest:
        m.d.comb += Assume(~dut.gathered | (gathers != 0))
    pending = inside["pending"]
    queue, queued = inside.placed[Queue], inside["queue.filled"]
    m.d.comb += [
        Assert(tasks <= most),
        Assert(~dut.done | (tasks != 0)),
        # None is lost: it is at hand, or counted.
        Assert(tasks == pending + ~inside.state("TAKE")),
        # The gather's queue has room for whatever is given, and has nothing that is not counted.
        Assert(queued + gathers <= pending),
        Assert(~queue.i.valid | queue.i.ready),
    ]
    return m, [clock.clk, *inside.inputs]


def vector_bench(unit=VectorUnit, *, limit=AHEAD, most=AHEAD):
    """The VECTOR unit.

    Assumed of the dispatcher: no more tasks than it may have under way. Everything else comes
    whenever it likes.
    """
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = unit(TINY)
    m.submodules.dut = inside = Inside(dut)
    tasks = Signal(9)
    m.d.sync += tasks.eq(tasks + (dut.i.valid & dut.i.ready) - dut.done)
    m.d.comb += Assume(~dut.i.valid | (tasks < limit))
    pending, ahead = inside["pending"], inside["ahead"]
    m.d.comb += [
        Assert(tasks <= most),
        Assert(~dut.done | (tasks != 0)),
        Assert(tasks == pending + ~(inside.state("TAKE") | inside.state("SPIN"))),
        # Whose error it is: an append that is under way has fewer ahead of it than there are.
        Assert(~inside["appended"] | (ahead < pending) | (pending == 0)),
    ]
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
@pytest.mark.parametrize("bench", [lanes_bench, vector_bench])
def test_tasks_are_counted_until_they_are_done(bench, tmp_path):
    m, ports = bench()
    status, log = prove(tmp_path, m, ports, depth=3, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("bench, unit, old, new", [
    (lanes_bench, LanesUnit, "pending + gives", "pending + self.operation_valid"),
    (lanes_bench, LanesUnit, "(self.gathered | drops)", "self.gathered | drops"),
    (vector_bench, VectorUnit, "pending + issues - self.done", "pending + issues - finishes"),
    (vector_bench, VectorUnit, "ahead.eq(pending)", "ahead.eq(pending + 1)")])
def test_wrong_units_fail(bench, unit, old, new, tmp_path):
    m, ports = bench(mutant(unit, old, new))
    status, log = prove(tmp_path, m, ports, depth=24)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
@pytest.mark.parametrize("bench, claim", [
    (lanes_bench, {"most": 1}), (lanes_bench, {"honest": False}),
    (vector_bench, {"limit": 3, "most": 2})], ids=["lanes, most", "lanes, honest", "vector"])
def test_sharper_claims_fail(bench, claim, tmp_path):
    m, ports = bench(**claim)
    status, log = prove(tmp_path, m, ports, depth=16)
    assert status != 0 and "FAIL" in log
