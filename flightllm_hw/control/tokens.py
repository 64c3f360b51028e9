# SPDX-License-Identifier: Apache-2.0
"""Dependencies between the units' queues: tokens, counted for every giver and every taker."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import Unit

__all__ = ["Tokens", "TokensConfig"]


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """How many tokens there can be.

    Parameters
    ----------
    bits : int
        Width of a counter. Programs count on 8: 255 tokens, one more is an error.
    """

    bits: int = 8


class Tokens(wiring.Component):
    """A counter for every ordered pair of units.

    ::

                     taker v
                MEMORY LANES ...
        giver u    +-----+-----+     give[u] counts up in row u,
        MEMORY     |  3  |  0  |     take[v] counts down in column v,
        LANES      |  1  |  0  |     some[v] is what column v is not without
        ...        +-----+-----+

    A token that is given in one cycle can be taken from the next one on.

    Parameters
    ----------
    config : TokensConfig

    Members
    -------
    give : In
        For every giver, the units that get a token.
    take : In
        For every taker, the units that it takes a token from: only such as ``some`` names.
    some : Out
        For every taker, the units that it could take a token from.
    overflow : Out
        For every giver: in the cycle before it gave a token too many. That counter stays at
        its most.
    clear : In
        Forgets all tokens, whatever else happens.

    Reset: no tokens.
    """

    def __init__(self, config: TokensConfig):
        self.config = config
        pairs = data.ArrayLayout(len(Unit), len(Unit))
        super().__init__({
            "give": In(pairs),
            "take": In(pairs),
            "some": Out(pairs),
            "overflow": Out(len(Unit)),
            "clear": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        for giver in Unit:
            full = Signal(len(Unit), name=f"full_{giver.name.lower()}")
            m.d.sync += self.overflow[giver].eq(full.any() & ~self.clear)
            for taker in Unit:
                count = Signal(self.config.bits, name=f"{giver.name}_to_{taker.name}".lower())
                given = self.give[giver][taker]
                taken = self.take[taker][giver]
                m.d.comb += [
                    self.some[taker][giver].eq(count.any()),
                    full[taker].eq(given & ~taken & count.all()),
                ]
                with m.If(self.clear):
                    m.d.sync += count.eq(0)
                with m.Elif(given & ~taken & ~count.all()):
                    m.d.sync += count.eq(count + 1)
                with m.Elif(taken & ~given):
                    m.d.sync += count.eq(count - 1)
        return m
