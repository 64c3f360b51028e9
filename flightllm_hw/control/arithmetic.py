# SPDX-License-Identifier: Apache-2.0
"""The program's own arithmetic: addresses, positions, counts."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import KINDS, kind

from .registers import REGISTER_BITS

__all__ = ["Arithmetic"]


class Arithmetic(wiring.Component):
    """One of SYS.ADD to SYS.MAX, modulo 2^32, unsigned. Shifts look at the lower five bits of y.

    A product takes a cycle for every bit of y up to its highest one, all else a cycle: programs
    that go through a matrix add and shift, and few of them multiply.

    Members
    -------
    start : In
        Begins, while nothing is under way.
    kind : In
        Which, a place in the table of instructions. Held until ``done``.
    x, y : In
        Operands, in the cycle of ``start``.
    done : Out
        In this cycle ``o`` is the result: 2 cycles after ``start``, SYS.MUL up to 34.
    o : Out
        The result; stays until the next ``start``.

    Reset: idle.
    """

    start: In(1)
    kind: In(range(len(KINDS)))
    x: In(REGISTER_BITS)
    y: In(REGISTER_BITS)
    done: Out(1)
    o: Out(REGISTER_BITS)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        x, y, result = (Signal(REGISTER_BITS, name=name, reset_less=True)
                        for name in ("x_1", "y_1", "result"))
        working = Signal()
        last = Signal()
        m.d.comb += [last.eq(1), self.o.eq(result)]
        m.d.sync += [working.eq(self.start | (working & ~last)), self.done.eq(working & last)]
        with m.If(self.start):
            m.d.sync += [x.eq(self.x), y.eq(self.y), result.eq(0)]
        with m.Elif(working):
            with m.Switch(self.kind):
                for name, value in (
                        ("ADD", x + y), ("SUB", x - y), ("AND", x & y),
                        ("SHL", x << y[:5]), ("SHR", x >> y[:5]),
                        ("MIN", Mux(x < y, x, y)), ("MAX", Mux(x < y, y, x))):
                    with m.Case(KINDS.index(kind(f"SYS.{name}"))):
                        m.d.sync += result.eq(value)
                with m.Case(KINDS.index(kind("SYS.MUL"))):
                    # By hand: the sum of what y's bits stand for.
                    m.d.comb += last.eq(y == 0)
                    m.d.sync += [result.eq(result + Mux(y[0], x, 0)), x.eq(x << 1), y.eq(y >> 1)]
        return m
