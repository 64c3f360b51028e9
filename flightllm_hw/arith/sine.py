# SPDX-License-Identifier: Apache-2.0
"""Sine and cosine of a phase.

::

            .──► t or ~t ──► table ──► polynomial ──► IntToFp32 ──► / 2^26, sign ──► sine
    phase ──┤
            '──► ~t or t ──► table ──► polynomial ──► IntToFp32 ──► / 2^26, sign ──► cosine
    cycle 0             1          3              9             15               16
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.sine import (
    PHASE_BITS,
    SINE_D_BITS,
    SINE_DROP,
    SINE_POINT,
    sine_table,
)
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.rom import Rom, RomConfig

from .convert import IntToFp32, IntToFp32Config
from .layouts import Fp32
from .quadratic import QuadraticPolynomial, polynomial

__all__ = ["SineCosine", "SineCosineConfig"]


@dataclass(frozen=True, kw_only=True)
class SineCosineConfig:
    """There is nothing to choose."""


class SineCosine(wiring.Component):
    """sine = sin(2 pi phase / 2^32), and cosine, ``latency`` = 16 cycles later.

    Moves in every cycle, a phase each. No handshake, no reset.

    Numerics: bit-exact to :func:`flightllm_hw.formats.functions.sine.sine_cosine`: within 2^-24.

    Parameters
    ----------
    config : SineCosineConfig

    Members
    -------
    phase : In
        A fraction of a turn.
    sine, cosine : Out
        Its sine and cosine.

    Platform overrides: four DSP48E2 and two RAMB36E2; with them about 420 LUTs and 710 flip-flops,
    and 4 LUT levels.
    """

    latency = 16

    def __init__(self, config: SineCosineConfig):
        self.config = config
        super().__init__({"phase": In(PHASE_BITS), "sine": Out(Fp32), "cosine": Out(Fp32)})

    def elaborate(self, platform):
        m = Module()
        quarter = self.phase[-2:]
        kept = self.phase[SINE_DROP:-2]
        for name, inverted, negative, o in (
                ("sine", quarter[0], quarter[1], self.sine),
                ("cosine", ~quarter[0], quarter[0] ^ quarter[1], self.cosine)):
            self._elaborate_one(m, platform, name, kept ^ inverted.replicate(len(kept)),
                                negative, o)
        return m

    def _elaborate_one(self, m, platform, name, t, negative, o):
        # Segment, and d, whose first bit is its sign: the middle of a segment is 0.
        t_1 = Signal(len(t), name=f"{name}_t_1", reset_less=True)
        m.d.sync += t_1.eq(t)
        table = sine_table()
        config = polynomial(table)
        segments = place(m, platform, f"{name}_segments", Rom(RomConfig(
            width=config.width, words=table.words)))
        d = place(m, platform, f"{name}_d", Delay(DelayConfig(width=SINE_D_BITS,
                                                              cycles=segments.latency)))
        value = place(m, platform, f"{name}_value", QuadraticPolynomial(config))
        signs = place(m, platform, f"{name}_sign", Delay(DelayConfig(width=1, cycles=15)))
        m.d.comb += [
            segments.addr.eq(t_1[SINE_D_BITS:]),
            d.i.eq(Cat(t_1[:SINE_D_BITS - 1], ~t_1[SINE_D_BITS - 1])),
            value.word.eq(segments.data),
            value.d.eq(d.o.as_signed()),
            signs.i.eq(negative),
        ]

        # A magnitude of at most 2^26, and a power of two.
        convert = place(m, platform, f"{name}_convert",
                        IntToFp32(IntToFp32Config(width=SINE_POINT + 2)))
        m.d.comb += convert.i.eq(value.o[table.quadratic.point - SINE_POINT:])
        some = convert.o.exponent.any()
        o_16 = Signal(Fp32, name=f"{name}_16", reset_less=True)
        m.d.sync += [
            o_16.fraction.eq(convert.o.fraction),
            o_16.exponent.eq(Mux(some, convert.o.exponent - SINE_POINT, 0)),
            o_16.sign.eq(signs.o & some),
        ]
        m.d.comb += o.eq(o_16)
