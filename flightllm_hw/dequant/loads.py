# SPDX-License-Identifier: Apache-2.0
"""Which registers of a block change, when, and from what: a wire each."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig

from .layouts import CHUNKS, CODE_PLANES, RecipeLayout

__all__ = ["Loads", "LoadsLayout"]


class LoadsLayout(data.Struct):
    """Enables, clears and choices for the block under way; a clear goes before an enable.

    - ``tops``: top planes for two blocks come.
    - ``chunk_0``: chunk 0 does; ``six``: planes 4 and 5 of codes of 6 bits do.
      ``rows[h]``: codes for half h of the rows, which come by bytes or with chunk 0; ``high[h]``:
      the same, or ``six``.
    - ``clear[p]``: of plane p. ``clear_direct[p]``: of the tile whose codes have ways of their own
      (:data:`~flightllm_hw.dequant.layouts.WAYS`). ``clear_shared``: of those of 3 bits.
    - ``choice_2``, ``choice_4``: what planes 2, 4 are loaded from.
    - ``indices[n]``: both planes of the index beat that is first, second; ``clear_indices[n]``.
    - ``completes``: the block is whole, and what is common to its codes comes; ``clear_mate``: it
      has no second row. ``other_lower``, ``other_upper``: its zero points are a header's second.
    """

    tops: 1
    chunk_0: 1
    six: 1
    rows: 2
    high: 2
    clear: CODE_PLANES
    clear_direct: 4
    clear_shared: 1
    choice_2: 2
    choice_4: 2
    indices: 2
    clear_indices: 2
    completes: 1
    clear_mate: 1
    other_lower: 1
    other_upper: 1


class Loads(wiring.Component):
    """Enables and clears of :class:`~flightllm_hw.dequant.planes.Planes`' registers.

    They are made in a module of their own, so that the planes see no gate in front of them.
    Synthesis that sees one (Yosys's ``xilinx_dffopt``) saves a control set and puts the gate into
    each D instead: a LUT6 a bit, where a choice of two beats is half a LUT. A control set serves
    eight registers, and these are wide.

    Combinational, a level of LUTs.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    recipe, load_tops, load, chunk, last_chunk, shared : In
    index, index_second, second_of_two, second_group : In
        As :class:`~flightllm_hw.dequant.planes.Planes` has them.
    o : Out
        Enables, clears, choices.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "recipe": In(RecipeLayout),
            "load_tops": In(1),
            "load": In(1),
            "chunk": In(CHUNKS),
            "last_chunk": In(1),
            "shared": In(1),
            "index": In(2),
            "index_second": In(2),
            "second_of_two": In(1),
            "second_group": In(1),
            "o": Out(LoadsLayout),
        })

    def elaborate(self, platform):
        m = Module()
        recipe, o = self.recipe, self.o
        chunk_0 = self.load & self.chunk[0]
        chunk_1 = self.load & self.chunk[1]
        completes = self.load & self.last_chunk
        m.d.comb += [
            o.tops.eq(self.load_tops | (self.load & self.shared)),
            o.completes.eq(completes),
        ]

        # Rows of the second half come with chunk 1 where codes come by bytes, over what chunk 0 has
        # left in their place.
        m.d.comb += [o.chunk_0.eq(chunk_0), o.six.eq(chunk_1 & recipe.six)]
        for half in range(2):
            comes = chunk_0 | (chunk_1 & recipe.eight if half else 0)
            m.d.comb += [o.rows[half].eq(comes), o.high[half].eq(comes | (chunk_1 & recipe.six))]

        # Chunk 0 clears what the code has not, or has from elsewhere.
        m.d.comb += [
            o.clear[2].eq(chunk_0 & recipe.two & ~recipe.odd),
            o.clear[3].eq(chunk_0 & recipe.two),
            o.clear[4].eq(chunk_0 & ~recipe.five & ~recipe.eight),
            *(o.clear[n].eq(chunk_0 & ~recipe.eight) for n in (5, 6, 7)),
            *(o.clear_direct[n].eq(chunk_0 & (self.shared | recipe.eight)) for n in (0, 1)),
            o.clear_direct[3].eq(chunk_0 & (recipe.two | recipe.eight)),
            o.clear_shared.eq(chunk_0 & ~self.shared),
            o.choice_2.eq(Mux(recipe.two, Cat(self.second_of_two, 1), recipe.eight)),
            o.choice_4.eq(Mux(recipe.five, Cat(self.second_of_two, 1), recipe.eight)),
        ]

        # Of a block's index beats one is first and one is second, or there is but one of the two.
        # What is first comes with the last chunk or not at all; what is second may come with chunk
        # 0, and there is none before that.
        for second in range(2):
            named = ((self.index[0] & (self.index_second[0] == second))
                     | (self.index[1] & (self.index_second[1] == second)))
            m.d.comb += [
                o.indices[second].eq(self.load & named),
                o.clear_indices[second].eq((chunk_0 if second else completes) & ~named),
            ]

        # Zero points. A chain has two rows, or one in two groups.
        other = self.second_group & ~recipe.dense
        m.d.comb += [
            o.clear_mate.eq(completes & ~recipe.dense),
            o.other_lower.eq(other & ~recipe.split),
            o.other_upper.eq(other | (recipe.split & ~recipe.dense)),
        ]
        return m
