# SPDX-License-Identifier: Apache-2.0
"""Reciprocal and reciprocal square root, chosen element by element.

::

    fraction, e's last bit ──► row, d ──► table ──► polynomial ──►(+)──► choose ──► o
    exponent ──► 252 - e or 189 - (e + 1) / 2 ─────────────────────^        ^
    zero, infinity, NaN, sign ──────────────────────────────────────────────'
    cycle 0                    1          3              9         10        11
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.inverse import INVERSE_D_BITS, inverse_table
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.rom import Rom, RomConfig

from .layouts import BIAS, EXPONENT_MAX, FRACTION_BITS, QUIET_NAN, Fp32
from .quadratic import QuadraticPolynomial, polynomial

__all__ = ["Inverse", "InverseConfig", "Root"]


class Root(enum.Enum, shape=1):
    """Which root of the argument is inverted."""

    FIRST = 0
    SQUARE = 1


@dataclass(frozen=True, kw_only=True)
class InverseConfig:
    """There is nothing to choose."""


class Inverse(wiring.Component):
    """o = 1 / x or 1 / sqrt(x), ``latency`` = 11 cycles later.

    Moves in every cycle, an element each. No handshake, no reset.

    Numerics: bit-exact to :mod:`flightllm_hw.formats.functions.inverse`: within 0.7 ulp.

    Parameters
    ----------
    config : InverseConfig

    Members
    -------
    x : In
        Argument.
    root : In
        Which of them.
    o : Out
        Result.

    Platform overrides: two DSP48E2 and one RAMB36E2; with them about 120 LUTs and 210 flip-flops,
    and 5 LUT levels.
    """

    latency = 11

    def __init__(self, config: InverseConfig):
        self.config = config
        super().__init__({"x": In(Fp32), "root": In(Root), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        x = self.x
        square = Signal()
        m.d.comb += square.eq(self.root == Root.SQUARE)

        # The row: 256 of a fraction's first 8 bits, or the same of 7 and the exponent's last one.
        # And d, whose first bit is its sign: the middle of a segment is 0.
        table = inverse_table()
        config = polynomial(table)
        row_1 = Signal(9, reset_less=True)
        d_1 = Signal(INVERSE_D_BITS, reset_less=True)
        first, rest = x.fraction[INVERSE_D_BITS - 1:], x.fraction[:INVERSE_D_BITS - 1]
        second, more = x.fraction[INVERSE_D_BITS:], x.fraction[:INVERSE_D_BITS]
        with m.If(square):
            m.d.sync += [row_1.eq(Cat(second, ~x.exponent[0], Const(1, 1))), d_1.eq(more)]
        with m.Else():
            m.d.sync += [row_1.eq(first), d_1.eq(Cat(Const(0, 1), rest))]
        segments = place(m, platform, "segments", Rom(RomConfig(
            width=config.width, words=table.words)))
        d = place(m, platform, "d", Delay(DelayConfig(width=INVERSE_D_BITS,
                                                      cycles=segments.latency)))
        value = place(m, platform, "value", QuadraticPolynomial(config))
        m.d.comb += [
            segments.addr.eq(row_1),
            d.i.eq(Cat(d_1[:-1], ~d_1[-1])),
            value.word.eq(segments.data),
            value.d.eq(d.o.as_signed()),
        ]
        significand_9 = value.o[table.quadratic.point - FRACTION_BITS - 1:][:FRACTION_BITS + 2]

        # The exponent, which counts the significand's leading one as well: one less than it is, and
        # another one less as the significand is below 1.
        halves = Signal(8)
        m.d.comb += halves.eq((x.exponent + 1) >> 1)
        exponent_1 = Signal(signed(9), reset_less=True)
        m.d.sync += exponent_1.eq(Mux(square, BIAS + (BIAS - 3) // 2 - halves,
                                      2 * BIAS - 2 - x.exponent))
        exponents = place(m, platform, "exponents", Delay(DelayConfig(width=9, cycles=8)))
        m.d.comb += exponents.i.eq(exponent_1)
        word_10 = Signal(signed(9 + FRACTION_BITS), reset_less=True)
        m.d.sync += word_10.eq(Cat(Const(0, FRACTION_BITS), exponents.o).as_signed()
                               + significand_9)

        # What the argument says by itself.
        specials = place(m, platform, "specials", Delay(DelayConfig(width=4, cycles=9)))
        nan_1, inf_1, zero_1, sign_1 = (Signal(name=f"{name}_1", reset_less=True)
                                        for name in ("nan", "inf", "zero", "sign"))
        m.d.sync += [
            nan_1.eq(x.is_nan() | square & x.sign & ~x.is_zero()),
            inf_1.eq(x.is_zero()),
            zero_1.eq(x.exponent.all()),
            sign_1.eq(x.sign),
        ]
        m.d.comb += specials.i.eq(Cat(nan_1, inf_1, zero_1, sign_1))
        nan_10, inf_10, zero_10, sign_10 = specials.o

        # Choose.
        exponent_10 = word_10[FRACTION_BITS:].as_signed()
        o_11 = Signal(Fp32, reset_less=True)
        with m.If(nan_10):
            m.d.sync += o_11.as_value().eq(QUIET_NAN)
        with m.Else():
            m.d.sync += [o_11.fraction.eq(word_10), o_11.exponent.eq(exponent_10),
                         o_11.sign.eq(sign_10)]
            with m.If(inf_10):
                m.d.sync += [o_11.exponent.eq(EXPONENT_MAX), o_11.fraction.eq(0)]
            with m.Elif(zero_10 | (exponent_10 <= 0)):
                m.d.sync += [o_11.exponent.eq(0), o_11.fraction.eq(0)]
        m.d.comb += self.o.eq(o_11)
        return m
