# SPDX-License-Identifier: Apache-2.0
"""Integers to FP32.

::

    i ──► sign, magnitude ──► << 16 n ──► << 4 n ──► << n ──► round ──► o        n = 0 .. 3
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import BIAS, FRACTION_BITS, Fp32

__all__ = ["IntToFp32", "IntToFp32Config"]


@dataclass(frozen=True, kw_only=True)
class IntToFp32Config:
    """Size of a conversion.

    Parameters
    ----------
    width : int
        Bits of the integer, two's complement, 2 to 64.
    """

    width: int

    def __post_init__(self) -> None:
        if not 2 <= self.width <= 64:
            raise ValueError(f"Integer width must be 2 to 64 bits, not {self.width!r}")

    @property
    def shifts(self) -> tuple[int, ...]:
        """The units that the stages shift by, each up to three times."""
        return tuple(unit for unit in (16, 4, 1) if unit < self.width)


class IntToFp32(wiring.Component):
    """o = fp32(i), ``latency`` = 3 + ceil(log4(width)) cycles later: 6 from 17 bits on.

    Moves in every cycle, an integer each. No handshake, no reset.

    Numerics: rounds to nearest, ties to even; exact up to 25 bits. Zero is positive. Nothing
    overflows.

    A stage of the shift sees how many of the number's leading units are zero, 0 to 3, and shifts
    them out; the counts are the digits of the exponent.

    Parameters
    ----------
    config : IntToFp32Config
        Width.

    Members
    -------
    i : In
        Integer.
    o : Out
        The same, rounded.

    Cost: for 48 bits about 260 LUTs and 260 flip-flops; 5 LUT levels.
    """

    def __init__(self, config: IntToFp32Config):
        self.config = config
        super().__init__({"i": In(signed(config.width)), "o": Out(Fp32)})

    @property
    def latency(self) -> int:
        """Cycles from ``i`` to ``o``."""
        return 3 + len(self.config.shifts)

    def elaborate(self, platform):
        m = Module()
        width, shifts = self.config.width, self.config.shifts

        # Sign and magnitude. The most negative integer is its own magnitude.
        magnitude = Signal(width, name="magnitude_1", reset_less=True)
        sign_1 = Signal(reset_less=True)
        negative = self.i[-1]
        m.d.sync += [
            magnitude.eq((self.i ^ negative.replicate(width)) + negative),
            sign_1.eq(negative),
        ]
        signs = place(m, platform, "signs", Delay(DelayConfig(width=1, cycles=self.latency - 1)))
        m.d.comb += signs.i.eq(sign_1)

        # Shift the leading one to the top, and write down by how much.
        shifted = Const(0, 0)
        for n, unit in enumerate(shifts):
            stage = n + 2
            zero = [~magnitude[-k * unit:].any() if k * unit < width else Const(0, 1)
                    for k in (1, 2, 3)]
            digit = Signal(2, name=f"digit_{stage}")
            m.d.comb += digit.eq(Cat(zero[0] & ~zero[1] | zero[2], zero[1]))
            after = Signal(width, name=f"magnitude_{stage}", reset_less=True)
            shifted_after = Signal(len(shifted) + 2, name=f"shifted_{stage}", reset_less=True)
            with m.Switch(digit):
                for k in range(4):
                    with m.Case(k):
                        m.d.sync += after.eq(magnitude << k * unit)
            m.d.sync += shifted_after.eq(Cat(digit, shifted))
            magnitude, shifted = after, shifted_after

        # Round: the fraction's carry goes into the exponent.
        whole = Cat(Const(0, max(0, FRACTION_BITS + 3 - width)), magnitude)
        cut = len(whole) - 1 - FRACTION_BITS
        fraction = Signal(FRACTION_BITS, reset_less=True)
        exponent = Signal(8, reset_less=True)
        up = Signal(reset_less=True)
        m.d.sync += [
            fraction.eq(whole[cut:-1]),
            # Zero has no leading one.
            exponent.eq(Mux(whole[-1], BIAS + width - 1 - shifted, 0)),
            up.eq(whole[cut - 1] & (whole[:cut - 1].any() | whole[cut])),
        ]
        rounded = Signal(FRACTION_BITS + 8, reset_less=True)
        m.d.sync += rounded.eq(Cat(fraction, exponent) + up)
        m.d.comb += self.o.as_value().eq(Cat(rounded, signs.o))
        return m
