# SPDX-License-Identifier: Apache-2.0
"""Of many faults the first."""

from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.memory.faults import Fault
from flightllm_hw.primitives.mux import WideMux, WideMuxConfig

__all__ = ["AHEAD", "FirstFault", "FirstFaultConfig", "fault_report"]

AHEAD = 8
"""Operations that may be under way; each lane has room for as many."""


def fault_report() -> data.StructLayout:
    """A fault, NONE without one, and where.

    ``operation``: which one wanted what is not there; they are counted from the last ``halt`` on.
    """
    return data.StructLayout({"fault": Fault, "address": ADDRESS_BITS,
                              "operation": range(2 * AHEAD)})


@dataclass(frozen=True, kw_only=True)
class FirstFaultConfig:
    """How many there may be.

    Parameters
    ----------
    count : int
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Fault count must be at least 1, not {self.count!r}")


class FirstFault(wiring.Component):
    """The fault of the lowest number that has one.

    Its number is found first, and chooses the report: two LUTs a bit for eight of them, where a
    chain of conditions takes three times as many.

    Parameters
    ----------
    config : FirstFaultConfig

    Members
    -------
    i : In
        Reports (:func:`fault_report`).
    o : Out
        One of them.

    Latency: 1. Reset: none.
    """

    def __init__(self, config: FirstFaultConfig):
        self.config = config
        super().__init__({"i": In(data.ArrayLayout(fault_report(), config.count)),
                          "o": Out(fault_report())})

    def elaborate(self, platform):
        m = Module()
        count = 1 << (self.config.count - 1).bit_length()
        reports = place(m, platform, "reports", WideMux(WideMuxConfig(
            width=fault_report().size, inputs=count)))
        for n in reversed(range(self.config.count)):
            with m.If(self.i[n].fault != Fault.NONE):
                m.d.comb += reports.s.eq(n)
            m.d.comb += reports.i[n].eq(self.i[n].as_value())
        m.d.sync += self.o.as_value().eq(reports.o)
        return m
