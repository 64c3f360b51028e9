# SPDX-License-Identifier: Apache-2.0
"""FP32 to int8.

::

    e = 133   1xxxxxx.x|xxx...     the integer, a half, and whether there is anything behind it
    e = 127   0000001.x|xxx...
    e = 126   0000000.1|xxx...
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .layouts import BIAS, Fp32

__all__ = ["Fp32ToInt8", "Fp32ToInt8Config"]

INTEGER_BITS = 7
"""Of a magnitude below 128. From there on all saturate, and -128 does no harm."""


@dataclass(frozen=True, kw_only=True)
class Fp32ToInt8Config:
    """There is nothing to choose."""


class Fp32ToInt8(wiring.Component):
    """o = saturate(round(i)), ``latency`` = 2 cycles later.

    Moves in every cycle, a number each. No handshake, no reset.

    Numerics: rounds to nearest, ties to even; saturates to [-128, 127], infinity too. NaN is 0.

    Parameters
    ----------
    config : Fp32ToInt8Config

    Members
    -------
    i : In
        Number.
    o : Out
        Integer.

    Cost: about 60 LUTs and 20 flip-flops; 5 LUT levels.
    """

    latency = 2

    def __init__(self, config: Fp32ToInt8Config):
        self.config = config
        super().__init__({"i": In(Fp32), "o": Out(signed(8))})

    def elaborate(self, platform):
        m = Module()
        i = self.i
        top = BIAS + INTEGER_BITS - 1
        least = BIAS - 1

        # Shift the bits that can matter to their place: an integer and a half. What is behind these
        # only matters as a whole. In range the exponent's last three bits tell the shift.
        bits = Cat(i.fraction[-INTEGER_BITS:], Const(1, 1))
        behind = i.fraction[:-INTEGER_BITS].any()
        magnitude_1 = Signal(INTEGER_BITS + 1, reset_less=True)
        sticky_1 = Signal(reset_less=True)
        sign_1 = Signal(reset_less=True)
        shift = Signal(3)
        m.d.comb += shift.eq(top - i.exponent)
        m.d.sync += sign_1.eq(i.sign)
        with m.If(i.is_nan() | (i.exponent < least)):
            m.d.sync += [magnitude_1.eq(0), sticky_1.eq(0)]
        with m.Elif(i.exponent > top):
            m.d.sync += [magnitude_1.eq(-1), sticky_1.eq(1)]
        with m.Else():
            lost = Signal(INTEGER_BITS)
            m.d.comb += lost.eq(bits[:INTEGER_BITS] & ((1 << shift) - 1))
            m.d.sync += [magnitude_1.eq(bits >> shift), sticky_1.eq(behind | lost.any())]

        # Round and give the sign in one sum: -(n + up) = ~n + (1 - up).
        integer = magnitude_1[1:]
        up = magnitude_1[0] & (sticky_1 | magnitude_1[1])
        one = Signal()
        o_2 = Signal(8, reset_less=True)
        m.d.comb += one.eq((up ^ sign_1) & ~(integer.all() & ~sign_1))
        m.d.sync += o_2.eq(Cat(integer ^ sign_1.replicate(INTEGER_BITS), sign_1) + one)
        m.d.comb += self.o.eq(o_2)
        return m
