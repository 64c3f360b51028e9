# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all times and all traffic, that queues and FIFOs neither over- nor underflow.

By induction, so without a bound. Whoever is at their streams does whatever it likes, even what the
rules of streams forbid; of a prefetch FIFO's two beats the second is only taken with the first.
What goes in and comes out is counted here once more, by its transfers.
"""

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Signal

from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory import fifo
from flightllm_hw.memory.fifo import FifoBank, PrefetchFifo, PrefetchFifoConfig
from support.formal import prove
from support.inside import Inside, mutant

DEPTH = 4
BEATS = 16


def transfer(stream):
    """Whether an item moves."""
    return stream.valid & stream.ready


def queue_bench(queue=Queue, *, most=DEPTH):
    """The queue, and what is claimed of it."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = queue(QueueConfig(width=2, depth=DEPTH))
    m.submodules.dut = inside = Inside(dut)
    level = Signal(8)
    m.d.sync += level.eq(level + transfer(dut.i) - transfer(dut.o))
    m.d.comb += [
        Assert(level <= most),
        Assert(dut.i.ready == (level < DEPTH)),
        Assert(dut.o.valid == (level > 0)),
        # Its own counters are none other.
        Assert(inside["filled"] == level),
        Assert((inside["written"] - inside["taken"])[:2] == level[:2]),
    ]
    return m, [clock.clk, *inside.inputs]


def fifo_bench(component=PrefetchFifo, *, orderly=True):
    """The prefetch FIFO, and what is claimed of it and of its banks.

    A bank holds what its array does, which is ``BEATS / 2``, and two on the way out of it. Its own
    counter is a cycle late: what was fetched in the cycle before still counts.
    """
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = component(PrefetchFifoConfig(width=2, beats=BEATS))
    m.submodules.dut = inside = Inside(dut)
    if orderly:
        m.d.comb += Assume(~transfer(dut.second) | transfer(dut.first))

    # All of it. ``freed`` is what left a cycle ago.
    level, left_1 = Signal(8), Signal(2)
    left = transfer(dut.first) + transfer(dut.second)
    m.d.sync += [level.eq(level + transfer(dut.i) - left), left_1.eq(left)]
    m.d.comb += [
        Assert(level <= BEATS + 4),
        Assert(dut.freed == left_1),
        Assert(dut.occupancy == level + left_1),
        Assert(~transfer(dut.first) | (level >= 1)),
        Assert(~transfer(dut.second) | (level >= 2)),
    ]

    # Its banks.
    levels = []
    for n in range(2):
        one = {name: inside[f"bank_{n}.{name}"] for name in (
            "filled", "fetched", "fetch", "push", "in_array", "shown", "written", "read")}
        rows = Signal(8, name=f"rows_{n}")       # in the array
        m.d.sync += rows.eq(rows + one["push"] - one["fetch"])
        levels.append(rows + one["in_array"] + one["shown"])
        m.d.comb += [
            Assert(rows <= BEATS // 2),
            Assert(~one["fetch"] | (rows != 0)),
            # Its own counters are none other.
            Assert(one["filled"] == rows + one["fetched"]),
            Assert((one["written"] - one["read"])[:3] == rows[:3]),
        ]
    m.d.comb += Assert(level == levels[0] + levels[1])
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
def test_a_queue_is_full_and_empty_when_it_says_so(tmp_path):
    m, ports = queue_bench()
    status, log = prove(tmp_path, m, ports, depth=2, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("old, new", [
    ("filled < c.depth - 1)", "filled <= c.depth - 1)"), ("filled > 1", "filled > 0")])
def test_wrong_queues_fail(old, new, tmp_path):
    m, ports = queue_bench(mutant(Queue, old, new))
    status, log = prove(tmp_path, m, ports, depth=DEPTH + 4)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
def test_a_prefetch_fifo_frees_what_it_has(tmp_path):
    m, ports = fifo_bench()
    status, log = prove(tmp_path, m, ports, depth=4, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("component, old, new", [
    (FifoBank, "Mux(fetched, -1, 1)", "1"),
    (FifoBank, "(few[0] & ~fetched)", "few[0]"),
    (PrefetchFifo, "takes_first + takes_second)", "takes_first)")])
def test_wrong_prefetch_fifos_fail(component, old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(f"flightllm_hw.memory.fifo.{component.__name__}",
                        mutant(component, old, new))
    m, ports = fifo_bench(fifo.PrefetchFifo)
    status, log = prove(tmp_path, m, ports, depth=BEATS)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
def test_the_second_beat_without_the_first_fails(tmp_path):
    m, ports = fifo_bench(orderly=False)
    status, log = prove(tmp_path, m, ports, depth=BEATS)
    assert status != 0 and "FAIL" in log
