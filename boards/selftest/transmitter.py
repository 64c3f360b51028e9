# SPDX-License-Identifier: Apache-2.0
"""Bytes to a serial line: one start bit, eight bits from the lowest on, one stop bit."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Transmitter", "TransmitterConfig"]

BITS = 10


@dataclass(frozen=True, kw_only=True)
class TransmitterConfig:
    """How long a bit takes, in cycles.

    Raises
    ------
    ValueError
        If that is no cycle.
    """

    divisor: int

    def __post_init__(self) -> None:
        if self.divisor < 1:
            raise ValueError(f"A bit must take a cycle or more, not {self.divisor!r}")


class Transmitter(wiring.Component):
    """A UART's sending half, 8N1.

    A byte is taken when the one before has left; it takes 10 * ``divisor`` cycles.

    Parameters
    ----------
    config : TransmitterConfig

    Members
    -------
    i : In
        Bytes.
    tx : Out
        The line, high when idle; a register.

    Reset sends the line to idle at once.
    """

    def __init__(self, config: TransmitterConfig) -> None:
        self.config = config
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        """Shift bits out, a divisor each."""
        m = Module()
        bits = Signal(BITS, init=-1)
        left = Signal(range(BITS + 1))
        timer = Signal(range(self.config.divisor))
        m.d.comb += [self.tx.eq(bits[0]), self.i.ready.eq(left == 0)]

        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left != 0):
            m.d.sync += [
                timer.eq(self.config.divisor - 1),
                bits.eq(Cat(bits[1:], Const(1, 1))),
                left.eq(left - 1),
            ]
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [
                timer.eq(self.config.divisor - 1),
                bits.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                left.eq(BITS),
            ]
        return m
