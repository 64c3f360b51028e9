# SPDX-License-Identifier: Apache-2.0
"""The quotient of two FP32 numbers, two digits a stage.

::

    1.a - 1.b ──► r < 0: 2 r + 1.b, else 2 r - 1.b, 25 x ──► normalise ──► round ──► choose ──► o
        └─ digit 0     └─ digits 1 .. 25
    cycle 0           1 ... 13                              14           15        16         17
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import EXPONENT_MAX, FRACTION_BITS, QUIET_NAN, Fp32

__all__ = ["Fp32Divide", "Fp32DivideConfig"]

SIGNIFICAND_BITS = FRACTION_BITS + 1
STEPS = SIGNIFICAND_BITS + 1
"""Digits behind the first one, which is a zero where 1.a < 1.b."""

STAGES = -(-STEPS // 2)


@dataclass(frozen=True, kw_only=True)
class Fp32DivideConfig:
    """There is nothing to choose."""


class Fp32Divide(wiring.Component):
    """o = flush(round(flush(a) / flush(b))), ``latency`` = 17 cycles later.

    Moves in every cycle, a quotient each. No handshake, no reset.

    Numerics: rounds to nearest, ties to even. The flush looks at the rounded quotient: where IEEE
    makes it 2^-126 it stays, and what is smaller becomes a zero of the quotient's sign. Beyond the
    largest float it is infinite, as is anything but zero divided by zero. Zero divided by zero,
    infinity by infinity, and any NaN, give the one NaN 0x7FC00000. Bit-exact to
    :func:`flightllm_hw.formats.flush` around numpy's quotient, but for the bits of NaNs.

    Non-restoring division: a remainder below zero has the divisor added, doubled, where a restored
    one would have it taken away; either way its sign is the same, and the digit.

    Parameters
    ----------
    config : Fp32DivideConfig

    Members
    -------
    a, b : In
        Dividend and divisor.
    o : Out
        Quotient.

    Cost: about 820 LUTs and 800 flip-flops; 7 LUT levels.
    """

    latency = 4 + STAGES

    def __init__(self, config: Fp32DivideConfig):
        self.config = config
        super().__init__({"a": In(Fp32), "b": In(Fp32), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        a, b, o = self.a, self.b, self.o

        # The first digit; what the operands say without their quotient.
        remainder = Signal(SIGNIFICAND_BITS + 1, name="remainder_1", reset_less=True)
        divisor = Signal(FRACTION_BITS, name="divisor_1", reset_less=True)
        exponent_1 = Signal(signed(9), reset_less=True)
        sign_1, nan_1, inf_1, zero_1 = (
            Signal(name=f"{name}_1", reset_less=True) for name in ("sign", "nan", "inf", "zero"))
        m.d.sync += [
            remainder.eq(a.fraction - b.fraction),
            divisor.eq(b.fraction),
            exponent_1.eq(a.exponent - b.exponent),
            sign_1.eq(a.sign ^ b.sign),
            nan_1.eq(a.is_nan() | b.is_nan() | a.is_zero() & b.is_zero() | a.is_inf() & b.is_inf()),
            inf_1.eq(a.exponent.all() | b.is_zero()),
            zero_1.eq(a.is_zero() | b.exponent.all()),
        ]
        carried = place(m, platform, "carried", Delay(DelayConfig(width=13, cycles=STAGES)))
        m.d.comb += carried.i.eq(Cat(exponent_1, sign_1, nan_1, inf_1, zero_1))

        # The others. The one that makes a complement a negative goes where doubling leaves a zero.
        quotient = ~remainder[-1]
        for n in range(STAGES):
            for step in range(2 * n, min(2 * n + 2, STEPS)):
                digit = ~remainder[-1]
                after = Signal(SIGNIFICAND_BITS + 1, name=f"after_{step}")
                operand = Cat(divisor, Const(1, 2)) ^ digit.replicate(SIGNIFICAND_BITS + 1)
                m.d.comb += after.eq(Cat(digit, remainder[:-1]) + operand)
                remainder, quotient = after, Cat(~after[-1], quotient)
            held = []
            for name, value in (("remainder", remainder), ("divisor", divisor),
                                ("quotient", quotient)):
                held.append(Signal(len(value), name=f"{name}_{n + 2}", reset_less=True))
                m.d.sync += held[-1].eq(value)
            remainder, divisor, quotient = held

        # Normalise: the first digit that is a one leads. Nothing is left of a remainder if it is
        # zero, or lacks just the divisor.
        leads = quotient[-1]
        fraction, guard, sticky = (
            Signal(n, name=name, reset_less=True)
            for n, name in ((FRACTION_BITS, "fraction"), (1, "guard"), (1, "sticky")))
        exponent = Signal(signed(10), reset_less=True)
        carried_1 = Signal(4, reset_less=True)
        rest = Mux(remainder[-1], ~Cat(divisor, Const(1, 1)) + 1, 0)[:SIGNIFICAND_BITS]
        m.d.sync += [
            fraction.eq(Mux(leads, quotient[2:-1], quotient[1:-2])),
            guard.eq(Mux(leads, quotient[1], quotient[0])),
            sticky.eq((remainder[:-1] != rest) | leads & quotient[0]),
            exponent.eq(carried.o[:9].as_signed() + Cat(leads, Const(63, 6))),
            carried_1.eq(carried.o[9:]),
        ]

        # Round: the fraction's carry goes into the exponent. Below 2^-126 IEEE keeps a bit less, so
        # that 2^-127 * 1.11...1, a tie, becomes 2^-126.
        up = Signal()
        rounded = Signal(signed(10 + FRACTION_BITS), reset_less=True)
        specials = Signal(4, reset_less=True)
        m.d.comb += up.eq(guard & (sticky | fraction[0])
                          | ~exponent.any() & fraction.all())
        m.d.sync += [rounded.eq(Cat(fraction, exponent).as_signed() + up),
                     specials.eq(carried_1)]

        # Choose.
        sign, nan, inf, zero = specials
        found = rounded[FRACTION_BITS:].as_signed()
        o_last = Signal(Fp32, reset_less=True)
        m.d.sync += [o_last.fraction.eq(rounded), o_last.exponent.eq(found), o_last.sign.eq(sign)]
        with m.If(nan):
            m.d.sync += o_last.as_value().eq(QUIET_NAN)
        with m.Elif(inf | (found >= EXPONENT_MAX)):
            m.d.sync += [o_last.exponent.eq(EXPONENT_MAX), o_last.fraction.eq(0)]
        with m.Elif(zero | (found <= 0)):
            m.d.sync += [o_last.exponent.eq(0), o_last.fraction.eq(0)]
        m.d.comb += o.eq(o_last)
        return m
