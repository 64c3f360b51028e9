# SPDX-License-Identifier: Apache-2.0
"""The order of a pass: segment after segment, row after row.

::

    i ──► pass ──► next segment ──► segment ──► rows
          (steps, waits)  ▲ scalars     ▲ in flight
"""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.timing import PACE, REDUCING_PACE
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    LastFactor,
    Output,
    Reduce,
    Step,
    Wait,
    widths,
)

from .layouts import beat, vector_pass
from .pipeline import LATENCY

__all__ = ["PassSequencer"]

class PassSequencer(wiring.Component):
    """A row a cycle, as long as nothing has to be waited for.

    Waits, before a segment: for its scalars, and for its ``PACE``. Before a row: for what of the
    vector buffer it depends on (:class:`~flightllm_hw.isa.vector.Wait`), for ``hold``, and before
    the last one of a segment that is reduced for the pace of reductions.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    i : In, stream
        Passes.
    s, z, d : Out
        Scalars of the next segment.
    s_value, z_value, there : In
        See :class:`~flightllm_hw.sfu.scalars.ScalarFile`.
    claim_en, claim : Out
        A scalar will be made.
    hold : In
        No row may go that gives codes or FP32 to the outside.
    valid, a, b, beat : Out
        A row: its operands' addresses, and all else.
    busy : Out
        There is a pass.

    Reset: forgets passes.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        at = widths(config)["d"]
        super().__init__({
            "i": In(stream.Signature(vector_pass(config))),
            "s": Out(at), "z": Out(at), "d": Out(at),
            "s_value": In(32), "z_value": In(32), "there": In(1),
            "claim_en": Out(1), "claim": Out(at),
            "hold": In(1),
            "valid": Out(1), "a": Out(config.row_bits), "b": Out(config.row_bits),
            "beat": Out(beat(config)),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        lane_bits = c.width.bit_length() - 1

        # The pass, advanced from segment to segment; what it shows is the next one.
        p = Signal(vector_pass(c))
        waits = Signal()
        segment = Signal.like(p.last_segment)
        uses = Signal(3)
        takes = Signal()
        last_segment = Signal()
        m.d.comb += [
            self.i.ready.eq(~waits | (takes & last_segment)),
            last_segment.eq(segment == p.last_segment),
            # Scalars that it does not use stand in for one another.
            self.d.eq(Mux(uses[2], p.d, Mux(uses[0], p.s, p.z))),
            self.s.eq(Mux(uses[0], p.s, Mux(uses[1], p.z, p.d))),
            self.z.eq(Mux(uses[1], p.z, Mux(uses[0], p.s, p.d))),
        ]
        new = self.i.payload
        with m.If(takes):
            m.d.sync += [
                segment.eq(segment + 1),
                *(p[name].eq(p[name] + p[f"{name}_step"]) for name in ("a", "b", "o", "limit")),
                *(p[name].eq(p[name] + p[f"{name}_step"]) for name in ("s", "z", "d")),
            ]
        with m.If(self.i.ready):
            m.d.sync += [
                Value.cast(p).eq(Value.cast(new)), waits.eq(self.i.valid), segment.eq(0),
                uses[0].eq((new.first == Factor.SCALAR) | (new.addend == Addend.SCALAR)
                           | (new.addend == Addend.MINUS_SCALAR)
                           | (new.last == LastFactor.SCALAR)),
                uses[1].eq((new.output == Output.CODES) | (new.step == Step.UNDER)),
                uses[2].eq(new.reduce != Reduce.NONE),
            ]

        # Its scalars are looked up two cycles behind a change, when the segment's own is claimed,
        # and known in the one after.
        known = Signal(2)
        ready = Signal()
        m.d.sync += known.eq(Mux(takes | self.i.ready, 0, known << 1 | 1))
        m.d.comb += ready.eq(waits & known[1] & (self.there | ~uses.any()))

        # The segment whose rows go.
        at = Signal(data.StructLayout({
            "a": c.row_bits, "b": c.row_bits, "o": c.row_bits, "b_still": 1, "wait": 2,
            "limit": c.element_bits, "last_row": c.row_bits}))
        out = Signal(beat(c), reset_less=True)
        running = Signal()
        row = Signal(c.row_bits)
        pace = Signal(range(PACE))
        reduces = Signal()
        gap = Signal(range(REDUCING_PACE))
        goes = Signal()
        last_row = Signal()
        last_pair = Signal()

        # Rows in flight, and how many there may be: fewer than the pass before had rows, and one
        # less for a rotation, whose second row follows the first at once. Rows of this pass alone
        # may be as many as there are.
        in_flight = Signal(LATENCY - 1)
        count = Signal(range(LATENCY + 1))
        most = LATENCY + 1
        size, issued, allowed, own = (Signal(range(most + 1), name=name)
                                      for name in ("size", "issued", "allowed", "own"))
        total = Signal(range(2 * most + 1))
        m.d.comb += total.eq(Mux(~segment.any(), 0, issued) + size)
        m.d.sync += size.eq(Mux(p.last_row >= most, most, p.last_row + 1))
        m.d.sync += [in_flight.eq(in_flight << 1 | goes), count.eq(count + goes - in_flight[-1])]

        # May a row go?
        halves = Signal()
        hi = Signal()
        may = Signal()
        m.d.comb += [halves.eq(out.arrange == Arrange.HALVES), hi.eq(halves & row[0])]
        with m.Switch(at.wait):
            with m.Case(Wait.NONE):
                m.d.comb += may.eq(1)
            with m.Case(Wait.CHAIN):
                m.d.comb += may.eq((count <= own) | (count < allowed))
            with m.Case(Wait.DRAIN):
                m.d.comb += may.eq(count <= own)
        held = Signal()
        gives = Signal()
        early = Signal()
        m.d.comb += [
            held.eq(self.hold & gives | reduces & early),
            goes.eq(running & (hi | (may & ~held))),
            takes.eq(ready & (~running | (goes & last_row)) & ~pace.any()),
            self.busy.eq(waits | running | (count != 0)),
        ]
        m.d.sync += [self.claim.eq(p.d), self.claim_en.eq(takes & uses[2])]
        with m.If(pace != 0):
            m.d.sync += pace.eq(pace - 1)

        # The reductions' pace: of a rotation's last two rows the first one waits.
        with m.If(goes & last_row & reduces):
            m.d.sync += gap.eq(REDUCING_PACE - 1)
        with m.Elif(gap != 0):
            m.d.sync += gap.eq(gap - 1)
        with m.If(halves):
            m.d.comb += early.eq(last_pair & (gap > 1))
        with m.Else():
            m.d.comb += early.eq(last_row & (gap != 0))
        with m.If(goes):
            m.d.sync += [row.eq(row + 1), last_row.eq(row + 1 == at.last_row),
                         last_pair.eq(row + 2 == at.last_row)]
            with m.If(own != most):
                m.d.sync += own.eq(own + 1)
            with m.If(last_row):
                m.d.sync += running.eq(0)
        with m.If(takes):
            m.d.sync += [
                running.eq(1), row.eq(0), last_row.eq(~p.last_row.any()),
                last_pair.eq(p.last_row == 1),
                issued.eq(Mux(total > most, most, total)),
                pace.eq(PACE - 1), reduces.eq(uses[2]),
                gives.eq((p.output == Output.CODES) | (p.output == Output.OUT)),
                *(at[name].eq(p[name])
                  for name in ("a", "b", "o", "b_still", "limit", "wait", "last_row")),
                *(out[name].eq(p[name])
                  for name in ("arrange", "first", "addend", "function", "last", "output",
                               "output_tap", "reduce", "reduce_tap", "step", "d", "k1", "k2")),
                out.s.eq(self.s_value), out.z.eq(self.z_value),
                out.segment.eq(segment), out.tag.eq(p.tag),
            ]
            with m.If(~segment.any()):
                m.d.sync += [own.eq(0), allowed.eq(issued - (p.arrange == Arrange.HALVES))]

        # Rows leave through a register.
        half = Signal(c.row_bits)
        offset = Signal(c.row_bits)
        full = at.limit[lane_bits:]
        counts = Signal(c.width)
        m.d.comb += [
            half.eq((at.last_row >> 1) + 1),
            offset.eq(Mux(halves, (row >> 1) + Mux(hi, half, 0), row)),
        ]
        with m.If(row < full):
            m.d.comb += counts.eq(-1)
        with m.Elif(row == full):
            m.d.comb += [counts[n].eq(at.limit[:lane_bits] > n) for n in range(c.width - 1)]
        outgoing = Signal(beat(c), reset_less=True)
        m.d.sync += [
            self.valid.eq(goes),
            self.a.eq(at.a + offset),
            self.b.eq(at.b + Mux(at.b_still, 0, offset)),
            outgoing.eq(out),
            outgoing.o.eq(at.o + offset),
            outgoing.hi.eq(hi),
            outgoing.first_row.eq(~row.any()),
            outgoing.last_row.eq(last_row),
            outgoing.counts.eq(counts),
        ]
        m.d.comb += self.beat.eq(outgoing)
        return m
