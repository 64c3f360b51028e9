# SPDX-License-Identifier: Apache-2.0
"""exp, sigmoid, SiLU and GELU, chosen element by element.

::

    x ──► Exponent ──► Exp2 ──┬─ significand ──► >> ──► p or 1 - p ──►(x)──► round ──► o
          t = ±V(|x|)   2^t   └─ power ───────────^────────────────────^
    x or 1 ────────────────────────────────────────────────────────────'
    cycle 0          12      19                                22      26  28       29
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions import exponents
from flightllm_hw.formats.functions.exp2 import SIGNIFICAND_POINT
from flightllm_hw.formats.functions.exponential import PRODUCT_DROP
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, opmode

from .exp2 import Exp2, Exp2Config
from .exponent import Exponent, ExponentConfig
from .layouts import BIAS, EXPONENT_MAX, FRACTION_BITS, QUIET_NAN, Fp32
from .quadratic import slice_config

__all__ = ["Exponential", "ExponentialConfig", "Function"]


class Function(enum.Enum, shape=2):
    """What is computed."""

    EXP = 0
    SIGMOID = 1
    SILU = 2
    GELU = 3


@dataclass(frozen=True, kw_only=True)
class ExponentialConfig:
    """There is nothing to choose."""


class Exponential(wiring.Component):
    """o = exp(x), sigmoid(x), silu(x) or gelu(x), ``latency`` = 29 cycles later.

    Moves in every cycle, an element each. No handshake, no reset.

    Numerics: bit-exact to :mod:`flightllm_hw.formats.functions.exponential`: exp within
    1.1 ulp, sigmoid 1.3, SiLU and GELU 1.6.

    Parameters
    ----------
    config : ExponentialConfig

    Members
    -------
    x : In
        Argument.
    select : In
        Which of them.
    o : Out
        Result.

    Platform overrides: seven DSP48E2 and two RAMB36E2; with them about 570 LUTs and 530
    flip-flops, and 5 LUT levels.
    """

    latency = 29

    def __init__(self, config: ExponentialConfig):
        self.config = config
        super().__init__({"x": In(Fp32), "select": In(Function), "o": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        x, select = self.x, self.select
        exponent = place(m, platform, "exponent", Exponent(ExponentConfig()))
        exp2 = place(m, platform, "exp2", Exp2(Exp2Config()))

        def late(name, value, cycles):
            delay = place(m, platform, name, Delay(DelayConfig(width=len(value), cycles=cycles)))
            m.d.comb += delay.i.eq(value)
            return delay.o

        # 2^t. Positive exponents are those of exp alone, whose complement nobody asks for.
        is_exp = Signal()
        m.d.comb += [
            is_exp.eq(~Value.cast(select).any()),
            exponent.x.eq(x),
            exponent.invert.eq(x.sign | ~is_exp),
            exp2.t.eq(exponent.t),
        ]
        with m.If(is_exp):
            m.d.comb += exponent.select.eq(exponents.EXP)
        with m.Elif(select == Function.GELU):
            m.d.comb += exponent.select.eq(exponents.GELU)
        with m.Else():
            m.d.comb += exponent.select.eq(exponents.SIGMOID)

        # 1 - p is ~p; p has as many zeros in front as 2^t's exponent says, or is all zeros.
        significand, power = exp2.significand, exp2.power
        complement_19 = Signal()
        m.d.comb += complement_19.eq(late("complement", ~x.sign & ~is_exp, 19))
        zeros_19 = Signal(5)
        m.d.comb += zeros_19.eq((~power[:5] | (~power[5:8]).any().replicate(5))
                                & complement_19.replicate(5))
        p_20 = Signal(SIGNIFICAND_POINT + 1, reset_less=True)
        p_21 = Signal(SIGNIFICAND_POINT + 1, reset_less=True)
        p_22 = Signal(SIGNIFICAND_POINT + 1, reset_less=True)
        zeros_20 = Signal(3, reset_less=True)
        zeros_21 = Signal(1, reset_less=True)
        complement_20, complement_21 = (Signal(name=f"complement_{n}", reset_less=True)
                                        for n in (20, 21))
        m.d.sync += [
            zeros_20.eq(zeros_19[2:]),
            zeros_21.eq(zeros_20[2:]),
            complement_20.eq(complement_19),
            complement_21.eq(complement_20),
            p_22.eq(Mux(zeros_21, p_21 >> 16, p_21) ^ complement_21.replicate(len(p_22))),
        ]
        for digit, unit, before, after in ((zeros_19[:2], 1, significand, p_20),
                                           (zeros_20[:2], 4, p_20, p_21)):
            with m.Switch(digit):
                for n in range(4):
                    with m.Case(n):
                        m.d.sync += after.eq(before >> n * unit)

        # w: x, or 1. A zero's leading one does no harm, the result is zero anyway.
        times_x = (select == Function.SILU) | (select == Function.GELU)
        w_fraction = late("w_fraction", x.fraction & times_x.replicate(FRACTION_BITS), 22)
        w_exponent = late("w_exponent", Mux(times_x, x.exponent, BIAS), 19)
        nan_28, sign_28 = late("specials", Cat(x.is_nan(), x.sign & times_x), 28)

        # w * p, but the last bits.
        low_mode, high_mode = opmode(x="M", y="M"), opmode(x="M", y="M", z="PCIN>>17")
        low_config, high_config = slice_config((low_mode,)), slice_config((high_mode,), late=True)
        low = place(m, platform, "low", Dsp48e2(low_config))
        high = place(m, platform, "high", Dsp48e2(high_config))
        w = Cat(w_fraction, Const(1, 1))
        m.d.comb += [
            low.a.eq(p_22), low.b.eq(w[:PRODUCT_DROP]), low.opmode.eq(low_mode),
            low.inmode.eq(low_config.inmodes[0]),
            high.a.eq(p_22), high.b.eq(w[PRODUCT_DROP:]), high.opmode.eq(high_mode),
            high.inmode.eq(high_config.inmodes[0]),
            high.pcin.eq(low.pcout),
        ]

        # The exponent of a product below 2.
        exponent_20 = Signal(signed(10), reset_less=True)
        m.d.sync += exponent_20.eq(w_exponent + (power | complement_19.replicate(len(power)))
                                   .as_signed())
        exponent_26 = late("exponents", exponent_20, 6).as_signed()

        # Normalise: the product is below 4.
        top_place = FRACTION_BITS + SIGNIFICAND_POINT - PRODUCT_DROP + 1
        cut = top_place - FRACTION_BITS
        top = high.p[top_place]
        fraction_27 = Signal(FRACTION_BITS, reset_less=True)
        guard_27 = Signal(reset_less=True)
        exponent_27 = Signal(signed(10), reset_less=True)
        m.d.sync += [
            fraction_27.eq(Mux(top, high.p[cut:], high.p[cut - 1:])),
            guard_27.eq(Mux(top, high.p[cut - 1], high.p[cut - 2])),
            exponent_27.eq(exponent_26 + top),
        ]

        # Round: the fraction's carry goes into the exponent.
        rounded_28 = Signal(signed(10 + FRACTION_BITS), reset_less=True)
        m.d.sync += rounded_28.eq(Cat(fraction_27, exponent_27).as_signed() + guard_27)

        # Choose.
        exponent_28 = rounded_28[FRACTION_BITS:].as_signed()
        o_29 = Signal(Fp32, reset_less=True)
        with m.If(nan_28):
            m.d.sync += o_29.as_value().eq(QUIET_NAN)
        with m.Else():
            m.d.sync += [o_29.fraction.eq(rounded_28), o_29.exponent.eq(exponent_28),
                         o_29.sign.eq(sign_28)]
            with m.If(exponent_28 >= EXPONENT_MAX):
                m.d.sync += [o_29.exponent.eq(EXPONENT_MAX), o_29.fraction.eq(0)]
            with m.Elif(exponent_28 <= 0):
                m.d.sync += [o_29.exponent.eq(0), o_29.fraction.eq(0)]
        m.d.comb += self.o.eq(o_29)
        return m
