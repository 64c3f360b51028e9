# SPDX-License-Identifier: Apache-2.0
"""Sums of neighbours in a stream: a level of a tree that is walked in time."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.add import Fp32Add, Fp32AddConfig
from flightllm_hw.hierarchy import place

__all__ = ["PairSum", "PairSumConfig"]


@dataclass(frozen=True, kw_only=True)
class PairSumConfig:
    """There is nothing to choose."""


class PairSum(wiring.Component):
    """o = i_0 + i_1, i_2 + i_3, ... of each run of items; the last one alone counts as i + 0.

    A pair leaves ``latency`` cycles after its second item, or its only one.

    Parameters
    ----------
    config : PairSumConfig

    Members
    -------
    valid, last, i : In
        Items; a run ends with ``last``.
    o_valid, o_last, o : Out
        Sums, likewise.

    Reset: forgets what is under way.
    """

    latency = Fp32Add.latency

    def __init__(self, config: PairSumConfig):
        self.config = config
        super().__init__({
            "valid": In(1), "last": In(1), "i": In(32),
            "o_valid": Out(1), "o_last": Out(1), "o": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        held = Signal(32, reset_less=True)
        holds = Signal()
        with m.If(self.valid):
            m.d.sync += [held.eq(self.i), holds.eq(~holds & ~self.last)]
        add = place(m, platform, "add", Fp32Add(Fp32AddConfig()))
        m.d.comb += [
            add.a.as_value().eq(Mux(holds, held, self.i)),
            add.b.as_value().eq(Mux(holds, self.i, 0)),
            self.o.eq(add.o.as_value()),
        ]
        # A delay line has no reset; what is under way at one must not count.
        flags = Signal(2 * self.latency)
        m.d.sync += flags.eq(flags << 2 | (self.valid & (holds | self.last)) << 1
                             | (self.valid & self.last))
        m.d.comb += [self.o_valid.eq(flags[-1]), self.o_last.eq(flags[-2])]
        return m
