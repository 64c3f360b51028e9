# SPDX-License-Identifier: Apache-2.0
"""The product of two FP32 numbers, in two DSP slices.

::

    1.a, 1.b ──► 24 x 24 in two DSP48E2 ──► normalise ──► round ──┬─► choose ──► o
    exponents ──► sum - 127 ─────────────────────^──────────^     │
    zero, infinity, NaN, sign ────────────────────────────────────'
    cycle     0                        4           5          6          7
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, inmode, opmode

from .layouts import BIAS, EXPONENT_MAX, FRACTION_BITS, QUIET_NAN, Fp32

__all__ = ["Fp32Multiply", "Fp32MultiplyConfig"]

# The lower slice takes 17 bits of b, all that an unsigned operand can have; it leaves its result a
# cycle before the upper one needs it. Both have the same attributes and differ in their modes.
LOW_BITS = 17
LOW_INMODE, HIGH_INMODE = inmode(a1=True, b1=True), inmode()
LOW_OPMODE, HIGH_OPMODE = opmode(x="M", y="M"), opmode(x="M", y="M", z="PCIN>>17")
LOW = Dsp48e2Config(areg=2, breg=2, opmodes=(LOW_OPMODE,), inmodes=(LOW_INMODE,), alumodes=(0,))
HIGH = Dsp48e2Config(areg=2, breg=2, opmodes=(HIGH_OPMODE,), inmodes=(HIGH_INMODE,), alumodes=(0,))


@dataclass(frozen=True, kw_only=True)
class Fp32MultiplyConfig:
    """There is nothing to choose."""


class Fp32Multiply(wiring.Component):
    """o = flush(round(flush(a) * flush(b))), ``latency`` = 7 cycles later.

    Moves in every cycle, a product each. No handshake, no reset.

    Numerics: rounds to nearest, ties to even. The flush looks at the rounded product: from
    2^-126 - 2^-150 on IEEE makes it 2^-126, and what is smaller becomes a zero of the product's
    sign. From 2^128 - 2^103 on it is infinite. Zero times infinity, and any NaN, give the one NaN
    0x7FC00000. Bit-exact to :func:`flightllm_hw.formats.flush` around numpy's product, but for the
    bits of NaNs.

    Parameters
    ----------
    config : Fp32MultiplyConfig

    Members
    -------
    a, b : In
        Factors.
    o : Out
        Product.

    Platform overrides: two DSP48E2; with them about 100 LUTs and 150 flip-flops, and 5 LUT levels.
    """

    latency = 7

    def __init__(self, config: Fp32MultiplyConfig):
        self.config = config
        super().__init__({"a": In(Fp32), "b": In(Fp32), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        a, b, o = self.a, self.b, self.o

        # 1.a * 1.b = high * 2^17 + the lower 17 bits of low. What is not 1.x is told apart below.
        low = place(m, platform, "low", Dsp48e2(LOW))
        high = place(m, platform, "high", Dsp48e2(HIGH))
        one_a, one_b = Cat(a.fraction, Const(1, 1)), Cat(b.fraction, Const(1, 1))
        m.d.comb += [
            low.a.eq(one_a), low.b.eq(one_b[:LOW_BITS]),
            low.inmode.eq(LOW_INMODE), low.opmode.eq(LOW_OPMODE),
            high.a.eq(one_a), high.b.eq(one_b[LOW_BITS:]),
            high.inmode.eq(HIGH_INMODE), high.opmode.eq(HIGH_OPMODE),
            high.pcin.eq(low.pcout),
        ]
        low_any_4 = Signal(reset_less=True)
        m.d.sync += low_any_4.eq(low.p[:LOW_BITS].any())

        # The exponent of a product below 2, biased; from -125 to 381 where it matters.
        sum_1 = Signal(9, reset_less=True)
        exponent_2 = Signal(signed(10), reset_less=True)
        exponent_4 = Signal(signed(10))
        exponents = place(m, platform, "exponents", Delay(DelayConfig(width=10, cycles=2)))
        m.d.sync += [
            sum_1.eq(a.exponent + b.exponent),
            exponent_2.eq(sum_1 - BIAS),
        ]
        m.d.comb += [exponents.i.eq(exponent_2), exponent_4.eq(exponents.o)]

        # What the factors say without their product.
        sign_1, nan_1, inf_1, zero_1, clash_1 = (
            Signal(name=f"{name}_1", reset_less=True)
            for name in ("sign", "nan", "inf", "zero", "clash"))
        m.d.sync += [
            sign_1.eq(a.sign ^ b.sign),
            nan_1.eq(a.is_nan() | b.is_nan()),
            inf_1.eq(a.is_inf() | b.is_inf()),
            zero_1.eq(a.is_zero() | b.is_zero()),
            clash_1.eq(a.is_inf() & b.is_zero() | a.is_zero() & b.is_inf()),
        ]
        specials = place(m, platform, "specials", Delay(DelayConfig(width=4, cycles=5)))
        nan_6, inf_6, zero_6, sign_6 = specials.o
        m.d.comb += specials.i.eq(Cat(nan_1 | clash_1, inf_1, zero_1, sign_1))

        # Normalise: the product is below 4.
        top = high.p[30]
        fraction_5 = Signal(FRACTION_BITS, reset_less=True)
        guard_5 = Signal(reset_less=True)
        sticky_5 = Signal(reset_less=True)
        exponent_5 = Signal(signed(10), reset_less=True)
        m.d.sync += [
            fraction_5.eq(Mux(top, high.p[7:30], high.p[6:29])),
            guard_5.eq(Mux(top, high.p[6], high.p[5])),
            sticky_5.eq(high.p[:5].any() | top & high.p[5] | low_any_4),
            exponent_5.eq(exponent_4 + top),
        ]

        # Round: the fraction's carry goes into the exponent. Below 2^-126 IEEE keeps a bit less, so
        # that 2^-127 * 1.11...1 is a tie or above and becomes 2^-126.
        up = Signal()
        rounded_6 = Signal(signed(10 + FRACTION_BITS), reset_less=True)
        m.d.comb += up.eq(guard_5 & (sticky_5 | fraction_5[0])
                          | ~exponent_5.any() & fraction_5.all())
        m.d.sync += rounded_6.eq(Cat(fraction_5, exponent_5).as_signed() + up)

        # Choose. Zero times what is finite never seems to overflow.
        exponent_6 = rounded_6[FRACTION_BITS:].as_signed()
        over_6 = exponent_6 >= EXPONENT_MAX
        under_6 = exponent_6 <= 0
        o_7 = Signal(Fp32, reset_less=True)
        with m.If(nan_6):
            m.d.sync += o_7.as_value().eq(QUIET_NAN)
        with m.Else():
            m.d.sync += [o_7.fraction.eq(rounded_6), o_7.exponent.eq(exponent_6),
                         o_7.sign.eq(sign_6)]
            with m.If(inf_6 | over_6):
                m.d.sync += [o_7.exponent.eq(EXPONENT_MAX), o_7.fraction.eq(0)]
            with m.Elif(zero_6 | under_6):
                m.d.sync += [o_7.exponent.eq(0), o_7.fraction.eq(0)]
        m.d.comb += o.eq(o_7)
        return m
