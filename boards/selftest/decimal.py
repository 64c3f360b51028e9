# SPDX-License-Identifier: Apache-2.0
"""Counting in decimal, so that a terminal shows what a person reads.

::

    step ──► digit 0 ──carry──► digit 1 ──carry──► digit 2 ..
             0 .. 9   a cycle   0 .. 9   a cycle   0 .. 9
"""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["Decimal", "DecimalCounter", "Meter"]


@dataclass(frozen=True, kw_only=True)
class Decimal:
    """A number of so many decimal digits, units in the lowest four bits.

    Raises
    ------
    ValueError
        If there is no digit.
    """

    digits: int = 9

    def __post_init__(self) -> None:
        if self.digits < 1:
            raise ValueError(f"A decimal number must have a digit, not {self.digits!r}")

    @property
    def width(self) -> int:
        """Bits."""
        return 4 * self.digits


class DecimalCounter(wiring.Component):
    """value = number of cycles with ``step`` since ``clear``, modulo 10^digits.

    Carries are registered: digit k is late by ``k`` cycles, so that a counter of any length is one
    LUT deep. The value is right ``digits`` cycles after the last step.

    Parameters
    ----------
    config : Decimal

    Members
    -------
    step, clear : In
        Count, begin at 0; ``clear`` is the stronger.
    value : Out
        Digits.

    Reset clears.
    """

    def __init__(self, config: Decimal) -> None:
        self.config = config
        super().__init__({"step": In(1), "clear": In(1), "value": Out(config.width)})

    def elaborate(self, platform: Any) -> Module:
        """Chain the digits."""
        m = Module()
        digits, step = [], self.step
        for k in range(self.config.digits):
            digit, carry = Signal(4, name=f"digit_{k}"), Signal(name=f"carry_{k}")
            m.d.sync += carry.eq(step & (digit == 9))
            with m.If(step):
                m.d.sync += digit.eq(Mux(digit == 9, 0, digit + 1))
            with m.If(self.clear):
                m.d.sync += [digit.eq(0), carry.eq(0)]
            digits.append(digit)
            step = carry
        m.d.comb += self.value.eq(Cat(digits))
        return m


class Meter(wiring.Component):
    """value = cycles of this domain while ``gate`` was on last, give or take one.

    ``gate`` may come from any other domain. The value begins at 0 with it and stands still
    ``digits`` + 4 cycles after it went off; until it is on again, others may read it.

    Parameters
    ----------
    config : Decimal

    Members
    -------
    gate : In
        When to count.
    value : Out
        Digits.
    """

    def __init__(self, config: Decimal) -> None:
        self.config = config
        super().__init__({"gate": In(1), "value": Out(config.width)})

    def elaborate(self, platform: Any) -> Module:
        """Bring the gate over, and count."""
        m = Module()
        gate = Signal()
        was = Signal()
        m.submodules.gate = FFSynchronizer(self.gate, gate)
        m.submodules.counter = counter = DecimalCounter(self.config)
        m.d.sync += was.eq(gate)
        m.d.comb += [
            counter.step.eq(gate),
            counter.clear.eq(gate & ~was),
            self.value.eq(counter.value),
        ]
        return m
