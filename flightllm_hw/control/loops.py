# SPDX-License-Identifier: Apache-2.0
"""Where the program goes on: the program counter and its loops."""

from itertools import pairwise

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import LOOPS, kind

from .layouts import PC_BITS, fields

__all__ = ["Loops"]

_WIDTHS = {f.name: f.bits for f in kind("SYS.LOOP").fields}


class Loops(wiring.Component):
    """The program counter, and a stack of the loops that it is in.

    ::

        pc     SYS.LOOP count, length     a loop of this count begins
        pc+1   first                      <──.
        ...                                  │ count - 1 times
        pc+length  last                   ───'
        pc+1+length   <- its end: the pc that tells that the body is through

    The end of the innermost loop alone is looked at; once that loop is through, the next one's.
    A count of zero, or no body at all, goes straight to the end, which may be that of the loop
    around.

    Members
    -------
    clear : In
        To instruction 0, no loops.
    advance : In
        The instruction at ``pc`` is over.
    enter : In
        It is over, and it was a loop; not while ``too_deep``.
    loop : In
        That loop's count and length.
    too_deep : Out
        ``loop`` would be one too many. A loop that is not entered never is.
    pc : Out
        The program counter.
    ready : Out
        It is right: a cycle after ``clear``, 2 cycles after ``advance`` or ``enter``, and one more
        for each loop that ends there. None of these may come before.

    Reset: as ``clear``.
    """

    clear: In(1)
    advance: In(1)
    enter: In(1)
    loop: In(fields(kind("SYS.LOOP")))
    too_deep: Out(1)
    pc: Out(PC_BITS)
    ready: Out(1, init=1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        frame = data.StructLayout({"start": PC_BITS, "end": PC_BITS, "left": _WIDTHS["count"]})
        stack = [Signal(frame, name=f"frame_{n}", reset_less=True) for n in range(LOOPS)]
        depth = Signal(range(LOOPS + 1))
        top = stack[0]

        behind = Signal(PC_BITS)
        end = Signal(PC_BITS)
        skips = Signal()
        m.d.comb += [
            behind.eq(self.pc + 1),
            end.eq(self.pc + self.loop.length + 1),
            skips.eq((self.loop.count == 0) | (self.loop.length == 0)),
            self.too_deep.eq((depth == LOOPS) & ~skips),
        ]
        with m.If(self.clear):
            m.d.sync += [self.pc.eq(0), depth.eq(0), self.ready.eq(1)]
        with m.Elif(self.advance | self.enter):
            m.d.sync += [self.ready.eq(0), self.pc.eq(behind)]
            with m.If(self.enter & skips):
                m.d.sync += self.pc.eq(end)
            with m.Elif(self.enter):
                m.d.sync += [depth.eq(depth + 1), top.start.eq(behind), top.end.eq(end),
                             top.left.eq(self.loop.count - 1)]
                m.d.sync += [below.eq(above) for above, below in pairwise(stack)]
        with m.Elif(~self.ready):
            with m.If((depth == 0) | (self.pc != top.end)):
                m.d.sync += self.ready.eq(1)
            with m.Elif(top.left == 0):
                # Through: the loop around may end here, too.
                m.d.sync += depth.eq(depth - 1)
                m.d.sync += [above.eq(below) for above, below in pairwise(stack)]
            with m.Else():
                m.d.sync += [self.pc.eq(top.start), top.left.eq(top.left - 1), self.ready.eq(1)]
        return m
