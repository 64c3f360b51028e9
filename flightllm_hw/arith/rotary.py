# SPDX-License-Identifier: Apache-2.0
"""The phase that a position has turned, in three DSP slices.

::

    step   0..16 ──►(x)──►(+ 2^15)──► bit 16 ───────────────────────► phase  0
    step  17..33 ──►(x)──►(+ carry)──► bits 0..16 ──────────────────► phase  1..17
    step  34..47 ──►(x)──►(+ carry)──► bits 0..13 ──────────────────► phase 18..31
    cycle 0                        3, 4, 5                                   5
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.rotary import POSITION_BITS, STEP_BITS
from flightllm_hw.formats.functions.sine import PHASE_BITS
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, opmode

from .quadratic import slice_config

__all__ = ["RotaryPhase", "RotaryPhaseConfig"]

# By which a slice's cascade is shifted, and what an unsigned factor can have.
LIMB = 17

DROP = STEP_BITS - PHASE_BITS


@dataclass(frozen=True, kw_only=True)
class RotaryPhaseConfig:
    """There is nothing to choose."""


class RotaryPhase(wiring.Component):
    """phase = round(position * step / 2^16) mod 2^32, ``latency`` = 5 cycles later.

    Moves in every cycle, a phase each. No handshake, no reset.

    Numerics: exact, see :func:`flightllm_hw.formats.functions.rotary.rotary_phase`. A half is
    rounded upwards.

    Parameters
    ----------
    config : RotaryPhaseConfig

    Members
    -------
    position : In
        Of a token.
    step : In
        What a position turns, in 2^-48 of a turn.
    phase : Out
        A fraction of a turn.

    Platform overrides: three DSP48E2; with them some 50 flip-flops and no LUT.
    """

    latency = 5

    def __init__(self, config: RotaryPhaseConfig):
        self.config = config
        super().__init__({
            "position": In(POSITION_BITS),
            "step": In(STEP_BITS),
            "phase": Out(PHASE_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        first, cascade = opmode(x="M", y="M", z="C"), opmode(x="M", y="M", z="PCIN>>17")
        position_1 = Signal(POSITION_BITS, reset_less=True)
        step_1 = Signal(STEP_BITS - 2 * LIMB, reset_less=True)
        m.d.sync += [position_1.eq(self.position), step_1.eq(self.step[2 * LIMB:])]

        below = None
        slices = []
        for name, position, step, mode, late in (
                ("low", self.position, self.step[:LIMB], first, False),
                ("middle", self.position, self.step[LIMB:2 * LIMB], cascade, True),
                ("high", position_1, step_1, cascade, True)):
            config = slice_config((mode,), late=late)
            dsp = place(m, platform, name, Dsp48e2(config))
            m.d.comb += [dsp.a.eq(position), dsp.b.eq(step), dsp.opmode.eq(mode),
                         dsp.inmode.eq(config.inmodes[0])]
            m.d.comb += dsp.c.eq(1 << DROP - 1) if below is None else dsp.pcin.eq(below.pcout)
            slices.append(dsp)
            below = dsp

        # All bits of a product at once: the lower ones wait for the upper ones.
        low, middle, high = slices
        low_5 = place(m, platform, "low_late", Delay(DelayConfig(width=LIMB - DROP, cycles=2)))
        middle_5 = place(m, platform, "middle_late", Delay(DelayConfig(width=LIMB, cycles=1)))
        m.d.comb += [
            low_5.i.eq(low.p[DROP:LIMB]),
            middle_5.i.eq(middle.p),
            self.phase.eq(Cat(low_5.o, middle_5.o, high.p[:STEP_BITS - 2 * LIMB])),
        ]
        return m
