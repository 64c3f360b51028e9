# SPDX-License-Identifier: Apache-2.0
"""Operands in front of the multipliers: each element on its own, or in pairs that a rotation mixes.

::

    rows        next ── here ── before                a x first factor:   x, y
    a           a_0     a_1     a_2                   the other product:  u, v
    b           b_0     b_1     b_2

    PAIRS       x_2i cos - x_2i+1 sin                 both in the row that is here
                x_2i+1 cos + x_2i sin
    HALVES      here lo: x cos - next sin             the first row of two
                here hi: y cos before + before sin    the second
"""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import Arrange, Factor

__all__ = ["OperandPair"]

ONE = 0x3F80_0000


class OperandPair(wiring.Component):
    """The operands of two neighbouring lanes.

    Moves in every cycle. The row that is here came a cycle ago.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    a, b : In
        The elements of the next row.
    arrange, hi, first, s, k1 : In
        Of the row that is here.
    x, y : Out
        The first product's factors, a cycle later.
    u, v : Out
        Those of a rotation's other product.
    o_b : Out
        The elements of b that are here, a cycle later.

    Cost: about 320 LUTs.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        pair = data.ArrayLayout(32, 2)
        super().__init__({
            **{name: In(pair) for name in ("a", "b")},
            "arrange": In(2), "hi": In(1), "first": In(2), "s": In(32), "k1": In(32),
            **{name: Out(pair) for name in ("x", "y", "u", "v", "o_b")},
        })

    def elaborate(self, platform):
        m = Module()
        for lane in range(2):
            other = 1 - lane
            a_0, b_0 = self.a[lane], self.b[lane]
            a_1, a_2, b_1, b_2 = (
                Signal(32, name=f"{name}_{lane}", reset_less=True)
                for name in ("a_1", "a_2", "b_1", "b_2"))
            m.d.sync += [a_1.eq(a_0), a_2.eq(a_1), b_1.eq(b_0), b_2.eq(b_1)]
            near_a, near_b = (Signal(32, name=f"near_{name}_{lane}", reset_less=True)
                              for name in ("a", "b"))
            m.d.sync += [near_a.eq(self.a[other]), near_b.eq(self.b[other])]

            x, y, u, v, b = (Signal(32, name=f"{name}_{lane}", reset_less=True)
                             for name in ("x", "y", "u", "v", "b"))
            m.d.sync += [x.eq(a_1), b.eq(b_1)]
            with m.Switch(self.arrange):
                with m.Case(Arrange.PAIRS):
                    m.d.sync += [y.eq(near_b if lane else b_1),
                                 u.eq(near_a), v.eq(b_1 if lane else near_b)]
                with m.Case(Arrange.HALVES):
                    m.d.sync += [y.eq(Mux(self.hi, b_2, b_1)),
                                 u.eq(Mux(self.hi, a_2, a_0)), v.eq(Mux(self.hi, b_1, b_0))]
                with m.Default():
                    factors = {Factor.ONE: ONE, Factor.B: b_1, Factor.SCALAR: self.s,
                               Factor.CONSTANT: self.k1}
                    m.d.sync += y.eq(Array(factors[f] for f in Factor)[self.first])
            m.d.comb += [self.x[lane].eq(x), self.y[lane].eq(y), self.u[lane].eq(u),
                         self.v[lane].eq(v), self.o_b[lane].eq(b)]
        return m
