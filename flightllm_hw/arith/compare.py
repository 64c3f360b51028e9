# SPDX-License-Identifier: Apache-2.0
"""The order of FP32 numbers, and the greater of two.

::

    key       -0x7F80_0001 ... -0x80_0001     0      0x80_0000 ... 0x7F80_0000   0x7FC0_0000
    number        -inf         -2^-126     -0, +0     2^-126           inf           NaN
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .layouts import QUIET_NAN, Fp32

__all__ = ["Fp32Max", "Fp32MaxConfig", "ordered_key"]


def ordered_key(x):
    """A signed integer of 32 bits that is ordered as the numbers are; combinational.

    The bits of a number not below 0; the complement of the magnitude's bits of one below 0. All
    zeros, subnormals among them, have the key 0. Every NaN has the key 0x7FC00000, above infinity.
    So the first of the greatest keys is where numpy's ``argmax`` of flushed numbers is, with NaNs
    too, and two keys are equal where numbers compare equal, or both are NaN.

    Parameters
    ----------
    x : view of Fp32

    Returns
    -------
    Value, signed(32)
    """
    magnitude = x.as_value()[:-1]
    below = x.sign & ~x.is_zero()
    number = Mux(x.is_zero(), 0, Cat(magnitude ^ below.replicate(31), below))
    return Mux(x.is_nan(), QUIET_NAN, number)[:32].as_signed()


@dataclass(frozen=True, kw_only=True)
class Fp32MaxConfig:
    """What is compared.

    Parameters
    ----------
    magnitude : bool
        Whether |a| and |b| are, instead of a and b.
    """

    magnitude: bool


class Fp32Max(wiring.Component):
    """o = max(flush(a), flush(b)), or of their magnitudes, ``latency`` = 1 cycle later.

    Moves in every cycle, a pair each. No handshake, no reset.

    Numerics: any NaN gives the one NaN 0x7FC00000. A zero is positive, whichever came. So neither
    order nor grouping matters: every tree of these finds the same bits.

    Parameters
    ----------
    config : Fp32MaxConfig
        Numbers or magnitudes.

    Members
    -------
    a, b : In
        Numbers.
    o : Out
        The greater.

    Cost: about 75 LUTs and 32 flip-flops; 5 LUT levels, 6 for magnitudes.
    """

    latency = 1

    def __init__(self, config: Fp32MaxConfig):
        self.config = config
        super().__init__({"a": In(Fp32), "b": In(Fp32), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        a, b = self.a, self.b

        # Order by magnitude, in which NaN is the greatest; where both are negative, the other way
        # round. Which subnormal is taken does not matter.
        less = Signal()
        nan = Signal()
        take_b = Signal()
        chosen = Signal(Fp32)
        m.d.comb += less.eq(a.as_value()[:-1] < b.as_value()[:-1])
        if self.config.magnitude:
            m.d.comb += [take_b.eq(less), nan.eq(chosen.is_nan())]
        else:
            m.d.comb += [
                take_b.eq(Mux(a.sign ^ b.sign, a.sign, less ^ a.sign)),
                nan.eq(a.is_nan() | b.is_nan()),
            ]
        m.d.comb += chosen.eq(Mux(take_b, b, a))

        o_1 = Signal(Fp32, reset_less=True)
        m.d.sync += o_1.eq(chosen)
        if self.config.magnitude:
            m.d.sync += o_1.sign.eq(0)
        with m.If(nan):
            m.d.sync += o_1.as_value().eq(QUIET_NAN)
        with m.Elif(chosen.is_zero()):
            m.d.sync += o_1.as_value().eq(0)
        m.d.comb += self.o.eq(o_1)
        return m
