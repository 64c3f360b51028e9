# SPDX-License-Identifier: Apache-2.0
"""A delay line, which an FPGA keeps in the shift registers (SRL) of its LUTs."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Delay", "DelayConfig"]


@dataclass(frozen=True, kw_only=True)
class DelayConfig:
    """Size of a delay line.

    Parameters
    ----------
    width : int
        Bits.
    cycles : int
        Delay; 0 is a wire.
    registers : bool
        In flip-flops, where there are more of them to spare than LUTs.
    """

    width: int
    cycles: int
    registers: bool = False

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"Delay width must be at least 1 bit, not {self.width!r}")
        if self.cycles < 0:
            raise ValueError(f"Delay cycles must not be negative, not {self.cycles!r}")


class Delay(wiring.Component):
    """``o`` is what ``i`` was ``cycles`` cycles ago.

    Moves in every cycle. Powers up as zeros and has no reset, so that Vivado and Yosys make an
    SRL16E or SRLC32E a bit of it from two cycles on, unless it is to be flip-flops.

    Parameters
    ----------
    config : DelayConfig
        Width and cycles.

    Members
    -------
    i : In
        Any value of ``width`` bits.
    o : Out
        The same, later.
    """

    def __init__(self, config: DelayConfig):
        self.config = config
        super().__init__({"i": In(config.width), "o": Out(config.width)})

    @property
    def latency(self) -> int:
        """Cycles from ``i`` to ``o``."""
        return self.config.cycles

    def elaborate(self, platform):
        m = Module()
        value = self.i
        attributes = {"shreg_extract": "no", "keep": "true"} if self.config.registers else {}
        for n in range(self.config.cycles):
            stage = Signal(self.config.width, name=f"stage_{n + 1}", reset_less=True,
                           attrs=attributes)
            m.d.sync += stage.eq(value)
            value = stage
        m.d.comb += self.o.eq(value)
        return m
