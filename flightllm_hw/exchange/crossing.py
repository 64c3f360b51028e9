# SPDX-License-Identifier: Apache-2.0
"""Registers on a long way."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Crossing", "CrossingConfig"]


@dataclass(frozen=True, kw_only=True)
class CrossingConfig:
    """What crosses.

    Parameters
    ----------
    flags : int
        Bits that a reset clears.
    payload : int
        Other bits.
    stages : int
        Registers; 0 is a wire.
    """

    flags: int
    payload: int
    stages: int

    def __post_init__(self) -> None:
        if self.flags < 1 or self.payload < 1:
            raise ValueError(f"Crossing flags and payload must have at least 1 bit each, not"
                             f" {self.flags!r} and {self.payload!r}")
        if self.stages < 0:
            raise ValueError(f"Crossing stages must not be negative, not {self.stages!r}")


class Crossing(wiring.Component):
    """The same ``stages`` cycles later, in registers that can be placed along the way.

    A delay line would become shift registers, which are all in one place, and equal ones would be
    merged; attributes keep these apart.

    Parameters
    ----------
    config : CrossingConfig

    Members
    -------
    flags, i : In
    o_flags, o : Out

    Reset: clears the flags.
    """

    def __init__(self, config: CrossingConfig):
        self.config = config
        super().__init__({
            "flags": In(config.flags), "i": In(config.payload),
            "o_flags": Out(config.flags), "o": Out(config.payload),
        })

    def elaborate(self, platform):
        m = Module()
        flags, payload = self.flags, self.i
        attributes = {"shreg_extract": "no", "keep": "true"}
        for n in range(self.config.stages):
            flags_n = Signal(self.config.flags, name=f"flags_{n + 1}", attrs=attributes)
            payload_n = Signal(self.config.payload, name=f"payload_{n + 1}", reset_less=True,
                               attrs=attributes)
            m.d.sync += [flags_n.eq(flags), payload_n.eq(payload)]
            flags, payload = flags_n, payload_n
        m.d.comb += [self.o_flags.eq(flags), self.o.eq(payload)]
        return m
