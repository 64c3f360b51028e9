# SPDX-License-Identifier: Apache-2.0
"""Counters of events."""

from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .counters import COUNTER_BITS

__all__ = ["CounterBank", "CounterBankConfig", "counters"]


def counters(names: tuple[tuple[str, str], ...]) -> data.StructLayout:
    """The counters of a table of :mod:`.counters`."""
    return data.StructLayout({name: COUNTER_BITS for name, _ in names})


@dataclass(frozen=True, kw_only=True)
class CounterBankConfig:
    """How many.

    Parameters
    ----------
    count : int
    """

    count: int


class CounterBank(wiring.Component):
    """Counters that wrap.

    Parameters
    ----------
    config : CounterBankConfig

    Members
    -------
    clear : In
        All are zero from the next cycle on.
    events : In
        A bit for each that counts; it shows two cycles later.
    o : Out
        The counters, the first one lowest.

    Reset: all are zero.
    """

    def __init__(self, config: CounterBankConfig):
        self.config = config
        super().__init__({"clear": In(1), "events": In(config.count),
                          "o": Out(config.count * COUNTER_BITS)})

    def elaborate(self, platform):
        m = Module()
        for n in range(self.config.count):
            count = self.o[n * COUNTER_BITS:][:COUNTER_BITS]
            m.d.sync += count.eq(count + self.events[n])
        with m.If(self.clear):
            m.d.sync += self.o.eq(0)
        return m
