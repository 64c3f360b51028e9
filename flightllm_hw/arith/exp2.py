# SPDX-License-Identifier: Apache-2.0
"""Two to the power of a fixed-point number, as a significand and an exponent."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.exp2 import (
    EXP2_D_BITS,
    EXP2_SEGMENT_BITS,
    EXPONENT_POINT,
    SIGNIFICAND_POINT,
    exp2_table,
)
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.rom import Rom, RomConfig

from .exponent import T_BITS
from .quadratic import QuadraticPolynomial, polynomial

__all__ = ["Exp2", "Exp2Config"]


@dataclass(frozen=True, kw_only=True)
class Exp2Config:
    """There is nothing to choose."""


class Exp2(wiring.Component):
    """2^t = significand * 2^(power - 25), ``latency`` = 7 cycles later.

    Moves in every cycle, an element each. No handshake, no reset.

    Numerics: bit-exact to :func:`flightllm_hw.formats.functions.exp2.exp2`.

    Parameters
    ----------
    config : Exp2Config

    Members
    -------
    t : In
        Exponent, 31 bits of it behind the point.
    significand : Out
        26 bits, the first one 1.
    power : Out
        What is before the point of ``t``.

    Platform overrides: two DSP48E2; with them about 180 LUTs, the table for the most part, and 90
    flip-flops.
    """

    latency = 7

    def __init__(self, config: Exp2Config):
        self.config = config
        super().__init__({
            "t": In(signed(T_BITS)),
            "significand": Out(SIGNIFICAND_POINT + 1),
            "power": Out(signed(T_BITS - EXPONENT_POINT)),
        })

    def elaborate(self, platform):
        m = Module()
        table = exp2_table()
        config = polynomial(table)
        segments = place(m, platform, "segments", Rom(RomConfig(
            width=config.width, words=table.words, style="distributed")))
        d = place(m, platform, "d", Delay(DelayConfig(width=EXP2_D_BITS, cycles=1)))
        value = place(m, platform, "value", QuadraticPolynomial(config))
        power = place(m, platform, "power", Delay(DelayConfig(
            width=len(self.power), cycles=self.latency)))

        segment = EXPONENT_POINT - EXP2_SEGMENT_BITS
        below = self.t[segment - EXP2_D_BITS:segment]
        cut = table.quadratic.point - SIGNIFICAND_POINT
        m.d.comb += [
            segments.addr.eq(self.t[segment:EXPONENT_POINT]),
            # The middle of a segment is 0.
            d.i.eq(Cat(below[:-1], ~below[-1])),
            value.word.eq(segments.data),
            value.d.eq(d.o.as_signed()),
            self.significand.eq(value.o[cut:]),
            power.i.eq(self.t[EXPONENT_POINT:]),
            self.power.eq(power.o.as_signed()),
        ]
        return m
