# SPDX-License-Identifier: Apache-2.0
"""The LANES unit's front: MV and MM to all lanes, and to whom gathers what they give."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.layouts import kinds, task
from flightllm_hw.dequant.layouts import TapeLayout
from flightllm_hw.exchange.layouts import ExchangeConfig, results
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.isa.table import Unit, kind
from flightllm_hw.lane.layouts import operation
from flightllm_hw.lane.legality import legal
from flightllm_hw.memory.faults import Fault

from .faults import AHEAD, fault_report

__all__ = ["LanesUnit"]


class LanesUnit(wiring.Component):
    """Gives each operation to all lanes and to the gather, which says when it is done.

    ::

        i ─► task ─► legal? ─┬─► operation   (lanes have room for AHEAD of them)
                             └─► queue ─► o  (one after the other) ··· gathered ─► done

    Lanes begin the next operation while the results of the last one are gathered.

    Errors: ``OPERATION`` for what no lane can carry out, an MV of more than one token among it;
    what a lane says of an operation, once it is the oldest. (A lane is told of before anything of
    what is wrong can be gathered. Of several lanes one counts.) ``halt`` gives up all that are
    under way.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    i : In, stream
        Tasks (:func:`~flightllm_hw.control.layouts.task`).
    done : Out
        The oldest task is done.
    error, error_address : Out
        A :class:`~flightllm_hw.memory.faults.Fault`, and where; until ``clear``.
    clear : In
        Forgets it.
    halt : In
        Gives up what is under way: it is done.
    operation_valid, operation : Out
        To the lanes (:func:`~flightllm_hw.lane.layouts.operation`).
    o : Out, stream
        To the gather (:func:`~flightllm_hw.exchange.layouts.results`).
    gathered : In
        All results of the oldest one are in the vector buffer.
    fault : In
        Of a lane (:func:`~.faults.fault_report`).
    busy : Out
        An operation is under way.

    Reset: forgets all tasks.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(task(Unit.LANES))),
            "done": Out(1),
            "error": Out(Fault), "error_address": Out(ADDRESS_BITS), "clear": In(1),
            "halt": In(1),
            "operation_valid": Out(1), "operation": Out(operation(config.lane)),
            "o": Out(stream.Signature(results(ExchangeConfig(accelerator=config)))),
            "gathered": In(1),
            "fault": In(fault_report()),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        of_one = kinds(Unit.LANES).index(kind("MV"))

        # The task, and whether it can be carried out. MV and MM have the same fields.
        at = Signal(task(Unit.LANES), reset_less=True)
        p = at.fields.mv
        op = self.operation
        illegal = Signal()
        m.d.comb += [
            *(op.tape[name].eq(Value.cast(p[name])) for name, _ in data.Layout.cast(TapeLayout)),
            op.tokens.eq(p.tokens), op.stride.eq(p.stride), op.word.eq(p.word),
            op.scale_bank.eq(p.bank),
        ]
        m.d.sync += illegal.eq(~legal(m, c.lane, op) | (p.tokens > c.lane.tokens)
                               | ((at.kind == of_one) & (p.tokens != 1)))

        queue = place(m, platform, "queue", Queue(QueueConfig(
            width=self.o.payload.shape().size, depth=AHEAD)))
        gather = Signal.like(self.o.payload, name="gather")
        m.d.comb += [
            *(gather[name].eq(Value.cast(p[name])) for name, _ in gather.shape()),
            queue.i.payload.eq(gather.as_value()),
            self.o.payload.as_value().eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid & ~self.halt),
            queue.o.ready.eq(self.o.ready | self.halt),
        ]

        # What is under way; given up, it is done one after the other.
        pending = Signal(range(AHEAD + 1))
        done = Signal.like(self.fault.operation)
        gives = Signal()
        stopped = Signal()
        drops = Signal()
        m.d.comb += [
            stopped.eq(self.halt | (self.error != Fault.NONE)),
            drops.eq(self.halt & ~queue.o.valid),
            self.done.eq(pending.any() & (self.gathered | drops)),
            self.busy.eq(pending.any()),
        ]
        m.d.sync += [pending.eq(pending + gives - self.done), done.eq(done + self.done)]
        with m.If(self.halt):
            m.d.sync += done.eq(0)
        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += self.i.ready.eq(pending != AHEAD)
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += Value.cast(at).eq(Value.cast(self.i.payload))
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.next = "GIVE"
            with m.State("GIVE"):
                with m.If(stopped):
                    m.d.comb += gives.eq(1)
                    m.next = "TAKE"
                with m.Elif(~illegal):
                    m.d.comb += [gives.eq(1), self.operation_valid.eq(1), queue.i.valid.eq(1)]
                    m.next = "TAKE"
                with m.Elif(~pending.any()):
                    # Those before it are done: the error is this one's.
                    m.d.comb += gives.eq(1)
                    m.d.sync += [self.error.eq(Fault.OPERATION), self.error_address.eq(0)]
                    m.next = "TAKE"
        with m.If(pending.any() & (self.fault.fault != Fault.NONE) & ~stopped
                  & (self.fault.operation == done)):
            m.d.sync += [self.error.eq(self.fault.fault), self.error_address.eq(self.fault.address)]
        with m.If(self.clear & ~self.busy):
            m.d.sync += self.error.eq(Fault.NONE)
        return m
