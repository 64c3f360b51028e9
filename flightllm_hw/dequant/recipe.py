# SPDX-License-Identifier: Apache-2.0
"""From a matrix's shape to how its blocks are put together."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern

from .layouts import CHUNKS, RecipeLayout, TapeLayout

__all__ = ["Recipe"]


class Recipe(wiring.Component):
    """Works out :class:`~flightllm_hw.dequant.layouts.RecipeLayout`, so that nobody has to later.

    Parameters
    ----------
    config : LaneConfig
        The patterns that there are.

    Members
    -------
    tape : In
        The matrix; it stays.
    o : Out
        Its recipe, ``latency`` = 2 cycles later; ``dense``, ``split``, ``paired`` and ``odd`` one
        cycle later.

    Reset: none.
    """

    latency = 2

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({"tape": In(TapeLayout), "o": Out(RecipeLayout)})

    def elaborate(self, platform):
        m = Module()
        c = self.config
        tape = self.tape
        recipe = Signal(RecipeLayout, reset_less=True)
        m.d.comb += self.o.eq(recipe)

        # Beats of a block: of codes, without the one that two blocks share; of indices.
        code_beats = Signal(range(5), reset_less=True)
        index_beats = Signal(range(3), reset_less=True)
        m.d.sync += [
            recipe.pattern.eq(tape.pattern),
            recipe.dense.eq(tape.pattern == Pattern.DENSE.value),
            recipe.odd.eq(tape.bits[0]),
            code_beats.eq(tape.bits >> 1),
        ]
        with m.Switch(tape.pattern):
            for pattern in c.patterns:
                with m.Case(pattern.value):
                    m.d.sync += [
                        index_beats.eq(pattern.index_planes // 2),
                        recipe.paired.eq(c.tile_rows(pattern) == c.chains),
                        recipe.split.eq(c.chain.splits(pattern) > 1),
                    ]

        # Where each lies: beat n is in chunk n // 2. A block of one code beat has one more in front
        # of it, if it is the first of two that share that.
        m.d.sync += [
            recipe.two.eq(code_beats == 1),
            recipe.three.eq(recipe.odd & (code_beats == 1)),
            recipe.five.eq(recipe.odd & (code_beats == 2)),
            recipe.six.eq(code_beats == 3),
            recipe.eight.eq(code_beats == 4),
            *(recipe.index[n].eq(index_beats > n) for n in range(2)),
        ]
        for name, before in (("first", 1), ("second", 0)):
            chunks = getattr(recipe, name)
            beats = Signal(range(8), name=f"beats_{name}")
            m.d.comb += beats.eq(code_beats + index_beats + before)
            m.d.sync += [chunks.both[n].eq(beats >= 2 * n + 2) for n in range(CHUNKS)]
            m.d.sync += [chunks.last[n].eq(beats <= 2 * n + 2) for n in range(CHUNKS)]
            for n in range(2):
                beat = Signal(3, name=f"index_beat_{name}_{n}")
                m.d.comb += beat.eq(code_beats + n + before)
                m.d.sync += [
                    chunks.index_second[n].eq(beat[0]),
                    chunks.index_chunk[n].eq(1 << beat[1:]),
                ]

        # -2^(b-1) modulo 256: bits b - 1 and up.
        m.d.sync += [recipe.middle[n].eq(~tape.zero_point & (tape.bits <= n + 1))
                     for n in range(8)]

        # A block is one tile or two.
        for more, one, tiles in ((recipe.more, recipe.one, tape.group_tiles),
                                 (recipe.more_in_last, recipe.one_in_last, tape.last_tiles)):
            blocks = Mux(recipe.dense, tiles, tiles >> 1)
            m.d.sync += [more.eq(blocks - 1), one.eq(blocks == 1)]
        return m
