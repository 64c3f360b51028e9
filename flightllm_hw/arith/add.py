# SPDX-License-Identifier: Apache-2.0
"""The sum of two FP32 numbers, in one path: align, add, normalise, round.

::

    a, b ──► swap ─┬─ big ─────────► +- ──► << 16 n ──► << 4 n ──► << n, round ──► choose ──► o
                   └─ small ──► >> d ─^
    cycle 0         1               2    3           4          5             6            7
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import FRACTION_BITS, QUIET_NAN, Fp32

__all__ = ["Fp32Add", "Fp32AddConfig"]

SIGNIFICAND_BITS = FRACTION_BITS + 1
BELOW = 2
"""Bits kept behind those of the greater summand. What is behind these only matters as a whole."""


@dataclass(frozen=True, kw_only=True)
class Fp32AddConfig:
    """There is nothing to choose."""


def one_of(select, values):
    """The value that two bits choose of four: a LUT a bit, and synthesis sees it."""
    return Mux(select[1], Mux(select[0], values[3], values[2]),
               Mux(select[0], values[1], values[0]))


class Fp32Add(wiring.Component):
    """o = flush(round(flush(a) + flush(b))), ``latency`` = 7 cycles later.

    Moves in every cycle, a sum each. No handshake, no reset.

    Numerics: rounds to nearest, ties to even. From 2^128 - 2^103 on a sum is infinite. What is
    smaller than 2^-126 is exact and becomes a zero of the sum's sign; where the summands cancel,
    the zero is positive; two zeros give a negative one only if both are. Infinity minus infinity,
    and any NaN, give the one NaN 0x7FC00000. Bit-exact to :func:`flightllm_hw.formats.flush` around
    numpy's sum, but for the bits of NaNs.

    The lesser magnitude is subtracted from the greater, so no difference is negative. A difference
    either has lost no bit in the alignment, or its leading one is at most a place lower.

    Parameters
    ----------
    config : Fp32AddConfig

    Members
    -------
    a, b : In
        Summands.
    o : Out
        Sum.

    Cost: about 310 LUTs and 270 flip-flops; 6 LUT levels.
    """

    latency = 7

    def __init__(self, config: Fp32AddConfig):
        self.config = config
        super().__init__({"a": In(Fp32), "b": In(Fp32), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        a, b = self.a, self.b

        # Order by magnitude. The distance's last bit is known at once: shift by it here.
        swap = Signal()
        odd = Signal()
        big_1 = Signal(Fp32, reset_less=True)
        small_1 = Signal(SIGNIFICAND_BITS + 1, reset_less=True)
        distance_1 = Signal(8, reset_less=True)
        zero_a, zero_b = a.is_zero(), b.is_zero()
        one_a, one_b = Cat(a.fraction, Const(1, 1)), Cat(b.fraction, Const(1, 1))
        both_zero_1 = Signal(reset_less=True)
        subtract_1 = Signal(reset_less=True)
        m.d.comb += [
            swap.eq(a.as_value()[:-1] < b.as_value()[:-1]),
            odd.eq(a.exponent[0] ^ b.exponent[0]),
        ]
        m.d.sync += [
            big_1.eq(Mux(swap, b, a)),
            distance_1.eq(Mux(swap, b.exponent, a.exponent) - Mux(swap, a.exponent, b.exponent)),
            both_zero_1.eq(zero_a & zero_b),
            subtract_1.eq(a.sign ^ b.sign),
        ]
        with m.If(Mux(swap, zero_a, zero_b)):
            m.d.sync += small_1.eq(0)
        with m.Else():
            m.d.sync += small_1.eq(one_of(Cat(odd, swap), [
                Cat(Const(0, 1), one_b), one_b, Cat(Const(0, 1), one_a), one_a]))

        # Align: by 2 n, then by 8 n. What is 32 places away or more changes no sum.
        by_2, by_8 = distance_1[1:3], distance_1[3:5]
        some = Signal(SIGNIFICAND_BITS + BELOW)
        lost = Signal(2)
        big_2 = Signal(SIGNIFICAND_BITS, reset_less=True)
        small_2 = Signal(SIGNIFICAND_BITS + BELOW, reset_less=True)
        sticky_2 = Signal(reset_less=True)
        subtract_2 = Signal(reset_less=True)
        wide = Cat(Const(0, 1), small_1)
        far = distance_1[5:].any()
        m.d.comb += [
            some.eq(one_of(by_2, [wide >> 2 * n for n in range(4)])),
            lost[0].eq(one_of(by_2, [wide[:2 * n].any() for n in range(4)])),
            lost[1].eq(one_of(by_8, [some[:8 * n].any() for n in range(4)])),
        ]
        m.d.sync += small_2.eq(one_of(by_8, [some >> 8 * n for n in range(4)]))
        with m.If(far):
            m.d.sync += small_2.eq(0)
        with m.If(both_zero_1):
            m.d.sync += big_2.eq(0)
        with m.Else():
            m.d.sync += big_2.eq(Cat(big_1.fraction, Const(1, 1)))
        m.d.sync += [
            sticky_2.eq(lost.any()),
            subtract_2.eq(subtract_1),
        ]

        # Add or subtract; what was lost takes part as one last bit. The bit behind it carries the
        # one that makes a complement a negative.
        width = SIGNIFICAND_BITS + BELOW + 1
        sum_3 = Signal(width, reset_less=True)
        sticky_3 = Signal(reset_less=True)
        operand = Cat(sticky_2, small_2, Const(0, 1)) ^ subtract_2.replicate(width + 1)
        total = Cat(Const(1, 1), Const(0, 1 + BELOW), big_2) + Cat(subtract_2, operand)
        m.d.sync += Cat(sticky_3, sum_3).eq(total[1:])

        # What the summands say without their sum. NaN is greater than infinity.
        nan_2, inf_2, sign_2 = (
            Signal(name=f"{name}_2", reset_less=True) for name in ("nan", "inf", "sign"))
        clash = subtract_1 & ~distance_1.any()
        m.d.sync += [
            nan_2.eq(big_1.exponent.all() & (big_1.fraction.any() | clash)),
            inf_2.eq(big_1.exponent.all()),
            sign_2.eq(big_1.sign),
        ]
        specials = place(m, platform, "specials", Delay(DelayConfig(width=4, cycles=4)))
        nan_6, inf_6, sign_6, subtract_6 = specials.o
        exponents = place(m, platform, "exponents", Delay(DelayConfig(width=8, cycles=4)))
        exponent_5 = exponents.o
        m.d.comb += [
            specials.i.eq(Cat(nan_2, inf_2, sign_2, subtract_2)),
            exponents.i.eq(big_1.exponent),
        ]

        # Shift the leading one to the top: by 16 or not, by 4 n,
        sum_4 = Signal(width, reset_less=True)
        by_16_4 = Signal(reset_less=True)
        none = ~sum_3[-16:].any()
        with m.If(none):
            m.d.sync += sum_4.eq(sum_3 << 16)
        with m.Else():
            m.d.sync += sum_4.eq(sum_3)
        sum_5 = Signal(width, reset_less=True)
        by_16_5 = Signal(reset_less=True)
        by_4 = Signal(2)
        by_4_5 = Signal(2, reset_less=True)
        zero = [~sum_4[-4 * k:].any() for k in (1, 2, 3)]
        m.d.comb += by_4.eq(Cat(zero[0] & ~zero[1] | zero[2], zero[1]))
        m.d.sync += sum_5.eq(one_of(by_4, [(sum_4 << 4 * n)[:width] for n in range(4)]))
        sticky_4 = Signal(reset_less=True)
        sticky_5 = Signal(reset_less=True)
        m.d.sync += [
            by_16_4.eq(none), by_16_5.eq(by_16_4), by_4_5.eq(by_4),
            sticky_4.eq(sticky_3), sticky_5.eq(sticky_4),
        ]

        # and by n. Round at once: the fraction's carry goes into the exponent.
        by_1 = Signal(2)
        normal = Signal(width)
        cut = width - SIGNIFICAND_BITS
        up = Signal()
        move = Signal(9)
        addend = Cat(up, Const(0, FRACTION_BITS - 1), move)
        rounded_6 = Signal(FRACTION_BITS + 9, reset_less=True)
        zero_6 = Signal(reset_less=True)
        m.d.comb += [
            by_1.eq(Mux(sum_5[-1], 0, Mux(sum_5[-2], 1, Mux(sum_5[-3], 2, 3)))),
            normal.eq(one_of(by_1, [(sum_5 << n)[:width] for n in range(4)])),
            up.eq(normal[cut - 1] & (normal[:cut - 1].any() | sticky_5 | normal[cut])),
            move.eq(1 - Cat(by_1, by_4_5, by_16_5)),
        ]
        m.d.sync += [
            rounded_6.eq(Cat(normal[cut:-1], exponent_5) + addend),
            zero_6.eq(~normal[-1]),
        ]

        # Choose. Exponents are -24 to 256, in 9 bits: from 255 on a sum is infinite.
        # Where a subtraction leaves nothing, the zero is positive.
        exponent_6 = rounded_6[FRACTION_BITS:]
        upper = exponent_6[7:]
        over_6 = inf_6 | exponent_6[:8].all() & ~exponent_6[8] | (upper == 0b10)
        under_6 = zero_6 | (upper == 0b11) | ~exponent_6.any()
        o_7 = Signal(Fp32, reset_less=True)
        m.d.sync += [
            o_7.fraction.eq(rounded_6),
            o_7.exponent.eq(exponent_6 | over_6.replicate(8)),
            o_7.sign.eq(sign_6 & ~(zero_6 & subtract_6)),
        ]
        with m.If(nan_6):
            m.d.sync += o_7.as_value().eq(QUIET_NAN)
        with m.Elif(over_6):
            m.d.sync += o_7.fraction.eq(0)
        with m.Elif(under_6):
            m.d.sync += [o_7.fraction.eq(0), o_7.exponent.eq(0)]
        m.d.comb += self.o.eq(o_7)
        return m
