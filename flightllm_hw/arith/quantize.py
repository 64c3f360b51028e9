# SPDX-License-Identifier: Apache-2.0
"""Activations to int8 codes: a division that knows how a float32 quotient would have rounded.

::

    i, scale ──► first digit ──► two digits, 4 x ──► integer and half; tie? ──► round ──► o
    cycle     0               1      2 ... 5                                 6         7
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import FRACTION_BITS, Fp32

__all__ = ["Fp32Quantize", "Fp32QuantizeConfig"]

STEPS = 8
"""Digits behind the first one: quotients below 2^8 have their half among them."""

WIDTH = FRACTION_BITS + 2
"""Bits of a remainder: two significands' difference."""

STAGES = STEPS // 2


@dataclass(frozen=True, kw_only=True)
class Fp32QuantizeConfig:
    """There is nothing to choose."""


class Fp32Quantize(wiring.Component):
    """o = saturate(round(fp32(flush(i) / flush(scale)))), ``latency`` = 7 cycles later.

    Moves in every cycle, a code each. No handshake, no reset.

    Numerics: the quotient is rounded to float32 first, as in
    :func:`flightllm_hw.formats.quantize_activations`, and that to the nearest integer; ties to even
    in both. Codes saturate to [-127, 127], those of infinity too. The code is 0 where i or the
    scale is NaN, the scale is infinite, or the scale is zero.

    Let q = |i / scale|, k its integer part and h = k + 1/2. The float32 is h, a tie of k and k + 1,
    where q is within half a unit in the last place of h. With 2^e <= q < 2^(e + 1)::

        |q - h| <= 2^(e - 24)    or    |2 |i| - (2 k + 1) |scale|| <= 2^(e - 23) |scale|

    Equality never occurs. Below h = 1/2 the unit is half as large, but what ties there becomes 0,
    and so does what is less.

    The division adds or subtracts the scale for each digit (it does not restore), so that the digit
    of weight 1/2 leaves just this remainder of an odd multiple, and its sign is the side of h. A
    small quotient comes to that digit early; from then on its remainder is only doubled. In the end
    the bound is 2^-16 of the scale's significand, or 2^-17 where the significand of i is the lesser
    one.

    Parameters
    ----------
    config : Fp32QuantizeConfig

    Members
    -------
    i : In
        Number.
    scale : In
        What a code of 1 stands for.
    o : Out
        Code.

    Cost: about 340 LUTs and 280 flip-flops; 6 LUT levels.
    """

    latency = 3 + STAGES

    def __init__(self, config: Fp32QuantizeConfig):
        self.config = config
        super().__init__({"i": In(Fp32), "scale": In(Fp32), "o": Out(signed(8))})

    def elaborate(self, platform):
        m = Module()
        i, scale = self.i, self.scale

        # The first digit: 1 where the significand is at least that of the scale.
        remainder = Signal(WIDTH, name="remainder_1", reset_less=True)
        fraction = Signal(FRACTION_BITS, name="fraction_1", reset_less=True)
        higher_1 = Signal(signed(9), reset_less=True)
        m.d.sync += [
            remainder.eq(i.fraction - scale.fraction),
            fraction.eq(scale.fraction),
            higher_1.eq(i.exponent - scale.exponent),
        ]

        # What exponents say: 0, 127, or how many digits the half is from the last.
        zero_1, most_1, sign_1 = (
            Signal(name=f"{name}_1", reset_less=True) for name in ("zero", "most", "sign"))
        zero_2, most_2, sign_2 = (
            Signal(name=f"{name}_2", reset_less=True) for name in ("zero", "most", "sign"))
        specials = place(m, platform, "specials", Delay(DelayConfig(width=3, cycles=STAGES)))
        zero_6, most_6, sign_6 = specials.o
        m.d.sync += [
            zero_1.eq(i.is_zero() | i.is_nan() | scale.is_zero() | scale.exponent.all()),
            most_1.eq(i.exponent.all()),
            sign_1.eq(i.sign ^ scale.sign),
            zero_2.eq(zero_1 | (higher_1 < -1)),
            most_2.eq(most_1 | (higher_1 >= STEPS)),
            sign_2.eq(sign_1),
        ]
        m.d.comb += specials.i.eq(Cat(zero_2, most_2, sign_2))
        higher = higher_1[:4]

        # Two digits a cycle. Once the half is there, the remainder is only doubled; one that leaves
        # its range is far from a tie.
        digits, far = Const(0, 0), Const(0, 1)
        for n in range(STAGES):
            divisor = Cat(fraction, Const(1, 2))
            for step in (2 * n + 1, 2 * n + 2):
                go = Signal(name=f"go_{step}")
                digit = Signal(name=f"digit_{step}")
                after = Signal(WIDTH, name=f"after_{step}")
                operand = (divisor ^ digit.replicate(WIDTH)) & go.replicate(WIDTH)
                m.d.comb += [
                    go.eq(higher.as_signed() >= step - 1),
                    digit.eq(~remainder[-1]),
                    # The doubled remainder has room for the one that makes a complement a negative.
                    after.eq(Cat(go & digit, remainder[:-1]) + operand),
                ]
                far = far | ~go & (remainder[-1] ^ remainder[-2])
                digits, remainder = Cat(digit, digits), after
            held = []
            for name, value in (("remainder", remainder), ("fraction", fraction),
                                ("higher", higher), ("digits", digits), ("far", far)):
                held.append(Signal(len(value), name=f"{name}_{n + 2}", reset_less=True))
                m.d.sync += held[-1].eq(value)
            remainder, fraction, higher, digits, far = held

        # The integer and the half; whether it is a tie.
        below = remainder[-1]
        one = Cat(fraction, Const(1, 1))
        limit = Mux(digits[-1], one[-8:], one[-7:])
        first, rest = remainder[:8], remainder[8:-1]
        near_6 = Signal(reset_less=True)
        halves_6 = Signal(STEPS + 1, reset_less=True)
        m.d.sync += [
            near_6.eq(~far & ~(rest ^ below.replicate(len(rest))).any()
                      & (Cat(below, first ^ below.replicate(8)) < Cat(Const(1, 1), limit))),
            halves_6.eq(Mux(higher[-1], digits[-1], Cat(~below, digits) >> ~higher[:-1])),
        ]

        # Round and give the sign in one sum: -(k + up) = ~k + (1 - up).
        half_6, integer_6 = halves_6[0], halves_6[1:]
        most = most_6 | integer_6[7] | integer_6[:7].all()
        up = Mux(near_6, integer_6[0], half_6) & ~most
        magnitude = integer_6[:7] | most.replicate(7)
        o_7 = Signal(8, reset_less=True)
        with m.If(zero_6):
            m.d.sync += o_7.eq(0)
        with m.Else():
            m.d.sync += o_7.eq(Cat(magnitude ^ sign_6.replicate(7), sign_6) + (up ^ sign_6))
        m.d.comb += self.o.eq(o_7)
        return m
