# SPDX-License-Identifier: Apache-2.0
"""The VECTOR unit's front: passes and tables for the special function unit."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.layouts import kinds, task
from flightllm_hw.exchange.destinations import destination
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.table import Target, Unit, kind
from flightllm_hw.isa.vector import Arrange, Output, widths
from flightllm_hw.memory.faults import Fault
from flightllm_hw.sfu.layouts import TAG_BITS, vector_pass
from flightllm_hw.sfu.pipeline import CODED, LATENCY
from flightllm_hw.sfu.rotation import rotation

__all__ = ["VectorUnit"]


class VectorUnit(wiring.Component):
    """Hands passes to the special function unit, and tells the broadcast where their codes go.

    ::

        i ─► task ─► legal? ─┬─► o_pass, destination        ┐
                             ├─► (all done) o_rotation      ├─► in flight ─► all quiet? ─► done
                             └─► (all done) error           ┘

    Passes follow one another without a pause; what depends on what they know by themselves
    (:class:`~flightllm_hw.isa.vector.Wait`). They are done together, once nothing of any of them is
    under way. A table waits until all before it are done, and what follows waits for it. Of keys
    and values one segment's are under way at a time, and done when memory has answered.

    Errors: ``OPERATION`` for a pass of more rows than the buffer has, an odd number of rows in
    halves, keys or values that are not a segment a lane with the same number of codes each, a table
    of more pairs than there are steps. What memory says of an append is that pass's error.

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
    o_pass : Out, stream
        Passes, their tags in turn.
    o_rotation : Out, stream
        Tables (:func:`~flightllm_hw.sfu.rotation.rotation`).
    write_en, write_tag, write_data : Out
        Destinations, for the :class:`~flightllm_hw.exchange.broadcast.Broadcast`.
    working, appending : In
        The special function unit or the broadcast are busy; so is a lane's append.
    append_error, append_error_address : In
        The fault of a lane's append.
    busy : Out
        A task is in here.

    Reset: forgets all tasks.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(task(Unit.VECTOR))),
            "done": Out(1),
            "error": Out(Fault), "error_address": Out(ADDRESS_BITS), "clear": In(1),
            "o_pass": Out(stream.Signature(vector_pass(config.sfu))),
            "o_rotation": Out(stream.Signature(rotation(config.sfu))),
            "write_en": Out(1), "write_tag": Out(TAG_BITS),
            "write_data": Out(destination(ExchangeConfig(accelerator=config))),
            "working": In(1), "appending": In(1),
            "append_error": In(Fault), "append_error_address": In(ADDRESS_BITS),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        of_table = kinds(Unit.VECTOR).index(kind("MISC.TABLE"))

        # The task, and whether it can be carried out.
        at = Signal(task(Unit.VECTOR), reset_less=True)
        p, table = at.fields.misc_pass, at.fields.misc_table
        is_table, appends, illegal = Signal(), Signal(), Signal()
        m.d.comb += is_table.eq(at.kind == of_table)
        to_memory = (p.output == Output.CODES) & (p.target != Target.ACTIVATIONS)
        pairs_bits = (c.sfu.rotary_pairs - 1).bit_length()
        m.d.sync += [
            appends.eq(~is_table & to_memory),
            illegal.eq(Mux(
                is_table, table.pairs[pairs_bits:].any(),
                p.rows[c.sfu.row_bits:].any() | ((p.arrange == Arrange.HALVES) & ~p.rows[0])
                | (to_memory & (~p.spread | p.group.any() | p.limit_step)))),
        ]

        # What they are told.
        tag = Signal(TAG_BITS)
        of_pass = self.o_pass.payload
        elements = c.sfu.element_bits - 1
        renamed = {"last_segment": p.segments, "last_row": p.rows, "wait": p.order, "tag": tag}
        m.d.comb += [
            *(of_pass[name].eq(Value.cast(renamed[name] if name in renamed else p[name]))
              for name in (*widths(c.sfu), "tag") if name not in ("limit", "output")),
            of_pass.limit.eq(Mux(p.limit[elements:].any(), 1 << elements, p.limit)),
            # Nobody takes FP32 from here.
            of_pass.output.eq(Mux(p.output == Output.OUT, Output.NONE, p.output)),
            self.o_rotation.payload.position.eq(table.position),
            self.o_rotation.payload.row.eq(table.o),
            self.o_rotation.payload.last_pair.eq(table.pairs),
            self.o_rotation.payload.halves.eq(table.halves),
            self.write_tag.eq(tag),
            *(self.write_data[name].eq(p[name]) for name, _ in self.write_data.shape()
              if name not in ("scales", "target")),
        ]
        with m.If(p.output == Output.CODES):
            m.d.comb += [self.write_data.scales.eq(p.scales), self.write_data.target.eq(p.target)]

        # In flight, and all of it quiet for so long that what has left one place has been seen in
        # the next.
        settle = CODED - LATENCY + 2 * c.crossings + 8
        quiet = Signal(range(settle))
        settled = Signal()
        some = Signal()  # Pending, or were until a cycle ago.
        pending = Signal(8)
        appended = Signal()
        ahead = Signal.like(pending)
        issues = Signal()
        drains = Signal()
        finishes = Signal()
        m.d.comb += [
            finishes.eq(pending.any() & settled),
            self.busy.eq(pending.any()),
        ]
        with m.If(issues | self.working | self.appending):
            m.d.sync += [quiet.eq(0), settled.eq(0)]
        with m.Elif(quiet != settle - 1):
            m.d.sync += quiet.eq(quiet + 1)
        with m.Else():
            m.d.sync += settled.eq(1)
        m.d.sync += [pending.eq(pending + issues - self.done), some.eq(pending.any() | issues)]

        # They are done one after the other; an append's error is known before it is.
        def fail(error, address):
            return [self.error.eq(error), self.error_address.eq(address)]

        with m.If(drains & finishes):
            with m.If(appended & ~ahead.any() & (self.append_error != Fault.NONE)
                      & (self.error == Fault.NONE)):
                m.d.sync += fail(self.append_error, self.append_error_address)
            with m.Else():
                m.d.comb += self.done.eq(1)
                m.d.sync += ahead.eq(ahead - ahead.any())
        with m.If(~pending.any()):
            m.d.sync += appended.eq(0)

        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += [drains.eq(1), self.i.ready.eq(~(some & settled))]
                with m.If(self.i.valid & self.i.ready):
                    m.d.sync += Value.cast(at).eq(Value.cast(self.i.payload))
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.next = "DECIDE"
            with m.State("DECIDE"):
                with m.If(self.error != Fault.NONE):
                    m.d.comb += issues.eq(1)
                    m.next = "TAKE"
                with m.Elif(is_table | illegal | (appends & appended)):
                    m.next = "DRAIN"
                with m.Else():
                    m.d.comb += self.write_en.eq(1)
                    m.next = "PASS"
            with m.State("PASS"):
                m.d.comb += [self.o_pass.valid.eq(1), issues.eq(self.o_pass.ready)]
                with m.If(issues):
                    m.d.sync += tag.eq(tag + 1)
                    with m.If(appends):
                        m.d.sync += [appended.eq(1), ahead.eq(pending)]
                    m.next = "TAKE"
            with m.State("DRAIN"):
                m.d.comb += drains.eq(1)
                with m.If(~pending.any()):
                    with m.If(self.error != Fault.NONE):
                        m.d.comb += issues.eq(1)
                        m.next = "TAKE"
                    with m.Elif(illegal):
                        m.d.sync += fail(Fault.OPERATION, 0)
                        m.d.comb += issues.eq(1)
                        m.next = "TAKE"
                    with m.Elif(is_table):
                        m.next = "TABLE"
                    with m.Else():
                        m.d.comb += self.write_en.eq(1)
                        m.next = "PASS"
            with m.State("TABLE"):
                m.d.comb += [self.o_rotation.valid.eq(1), issues.eq(self.o_rotation.ready)]
                with m.If(issues):
                    m.next = "SPIN"
            with m.State("SPIN"):
                with m.If(finishes):
                    m.next = "TAKE"
        with m.If(self.clear & ~self.busy):
            m.d.sync += fail(Fault.NONE, 0)
        return m
