# SPDX-License-Identifier: Apache-2.0
"""Token scales for the lanes: with the codes, or when a reduction is made."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.isa.table import Bank
from flightllm_hw.sfu.layouts import code_row, made_scalar

from .destinations import destination, whose
from .layouts import ExchangeConfig

__all__ = ["TokenScales", "token_scale"]

WAITING = 32
"""Reductions that may wait: they come at most every eighth cycle, rows at most in every cycle and
those of the queue, up to 128, at once."""


def token_scale(config: ExchangeConfig):
    """A token's scale for the ``lanes``: ``at`` is the bank times their tokens, and the token."""
    return data.StructLayout({
        "lanes": config.lanes, "at": range(2 * config.lane.tokens), "value": 32})


class TokenScales(wiring.Component):
    """A scale a cycle: a segment's z with its first row, else the oldest reduction that waits.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i, to : In
        Rows of codes, and where they go.
    scalar_valid, scalar, scalar_to : In
        Scalars that passes make, and where their passes' codes go.
    o_valid, o : Out
        Scales, a cycle later or when there is room.
    busy : Out
        Some wait.

    Reset: forgets them.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        sfu = config.accelerator.sfu
        super().__init__({
            "i_valid": In(1), "i": In(code_row(sfu)), "to": In(destination(config)),
            "scalar_valid": In(1), "scalar": In(made_scalar(sfu)),
            "scalar_to": In(destination(config)),
            "o_valid": Out(1), "o": Out(token_scale(config)), "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        scale = Signal(token_scale(c), reset_less=True)
        m.d.comb += self.o.eq(scale)

        # Reductions.
        to = self.scalar_to
        lanes, token = whose(m, c, to, self.scalar.segment, "scalar")
        made = Signal(token_scale(c), reset_less=True)
        made_valid = Signal()
        waiting = place(m, platform, "waiting", Queue(QueueConfig(
            width=len(made.as_value()), depth=WAITING)))
        m.d.sync += [
            made_valid.eq(self.scalar_valid & ~to.target.any()
                          & (to.scales == Bank.REDUCTION)),
            made.lanes.eq(lanes), made.at.eq(Cat(token, to.bank)), made.value.eq(self.scalar.value),
        ]
        m.d.comb += [waiting.i.valid.eq(made_valid), waiting.i.payload.eq(made.as_value()),
                     self.busy.eq(made_valid | waiting.o.valid | self.o_valid)]

        # A row's come first.
        to = self.to
        lanes, token = whose(m, c, to, self.i.segment, "row")
        with_row = Signal()
        m.d.comb += [
            with_row.eq(self.i_valid & self.i.first & ~to.target.any()
                        & (to.scales == Bank.Z)),
            waiting.o.ready.eq(~with_row),
        ]
        m.d.sync += self.o_valid.eq(with_row | waiting.o.valid)
        with m.If(with_row):
            m.d.sync += [scale.lanes.eq(lanes), scale.at.eq(Cat(token, to.bank)),
                         scale.value.eq(self.i.z)]
        with m.Else():
            m.d.sync += scale.as_value().eq(waiting.o.payload)
        return m
