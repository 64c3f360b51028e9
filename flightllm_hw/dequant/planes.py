# SPDX-License-Identifier: Apache-2.0
"""The block under way: plane registers, and what its codes have added to them.

Precision is a matter of how many beats a block takes, never of shifting bits: plane j of every
block lies in the same place of its beat, and is loaded into plane register j::

    first  ──► planes 0,1  |  planes 4,5  |  indices ...
    second ──► planes 2,3  |  planes 6,7  |  indices ...
                 chunk 0       chunk 1        chunk 2
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig

from .layouts import CHUNKS, RecipeLayout, block

__all__ = ["Planes"]


class Planes(wiring.Component):
    """Beats to a block, a chunk a cycle; planes that the matrix has not are zero.

    Parameters
    ----------
    config : LaneConfig
        Width of a plane.

    Members
    -------
    recipe : In
        The matrix's.
    first, second : In
        The next two beats.
    clear : In
        Before a matrix: its codes have no zero points, unless they come.
    load_zeros, load_tops, load : In
        ``first`` is the zero points of a header, or the top planes of two blocks of odd codes;
        ``first`` and ``second`` are a chunk.
    chunk : In
        Which chunk, a bit each.
    second_of_two : In
        The block is the second of those that share top planes.
    second_group : In
        It belongs to the second group of its header.
    o : Out
        The block, with the chunks that have been loaded; complete after the last.

    Latency: ``latency`` = 1 cycle. Reset: none.
    """

    latency = 1

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "recipe": In(RecipeLayout),
            "first": In(config.beat_bits),
            "second": In(config.beat_bits),
            "clear": In(1),
            "load_zeros": In(1),
            "load_tops": In(1),
            "load": In(1),
            "chunk": In(CHUNKS),
            "second_of_two": In(1),
            "second_group": In(1),
            "o": Out(block(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c, recipe = self.config, self.recipe
        width = c.plane_bits
        first = [self.first[n * width:(n + 1) * width] for n in range(2)]
        second = [self.second[n * width:(n + 1) * width] for n in range(2)]

        shown = Signal(block(c), reset_less=True)
        chunk_0 = Signal()
        chunk_1 = Signal()
        m.d.comb += [
            self.o.eq(shown),
            chunk_0.eq(self.load & self.chunk[0]),
            chunk_1.eq(self.load & self.chunk[1]),
        ]
        with m.If(self.load):
            m.d.sync += [shown.pattern.eq(recipe.pattern), shown.dense.eq(recipe.dense)]

        tops = Signal(2 * width, reset_less=True)
        top = Mux(self.second_of_two, tops[width:], tops[:width])
        with m.If(self.load_tops):
            m.d.sync += tops.eq(self.first)

        # Codes. A plane has one beat that it comes from, or two. Chunk 0 clears those that the
        # code does not have; a clear is a register's own reset.
        codes = shown.codes
        with m.If(chunk_0):
            m.d.sync += [codes[n].eq(first[n]) for n in range(2)]
        with m.If(chunk_0 & recipe.two & ~recipe.odd):
            m.d.sync += codes[2].eq(0)
        with m.Elif(chunk_0):
            m.d.sync += codes[2].eq(Mux(recipe.two, top, second[0]))
        with m.If(chunk_0 & recipe.two):
            m.d.sync += codes[3].eq(0)
        with m.Elif(chunk_0):
            m.d.sync += codes[3].eq(second[1])
        with m.If(chunk_0 & ~recipe.five):
            m.d.sync += codes[4].eq(0)
        with m.Elif(chunk_0 | (chunk_1 & recipe.six)):
            m.d.sync += codes[4].eq(Mux(recipe.five, top, first[0]))
        for n, there, plane in ((5, recipe.six, first[1]), (6, recipe.eight, second[0]),
                                (7, recipe.eight, second[1])):
            with m.If(chunk_0):
                m.d.sync += codes[n].eq(0)
            with m.Elif(chunk_1 & there):
                m.d.sync += codes[n].eq(plane)

        # Indices follow the codes, so that a beat of them is first or second; beat 1 is never in
        # chunk 0.
        for n in range(2):
            comes = Signal(name=f"index_comes_{n}")
            m.d.comb += comes.eq(self.load & recipe.index[n]
                                 & (self.chunk & recipe.index_chunk[n]).any())
            for plane in range(2):
                register = shown.indices[2 * n + plane]
                with m.If(chunk_0 & ~recipe.index[n]):
                    m.d.sync += register.eq(0)
                with m.Elif(comes):
                    m.d.sync += register.eq(
                        Mux(recipe.index_second[n], second[plane], first[plane]))

        # Minus the zero point of each of a header's entries: a chain has two rows, or one in two
        # groups. Without zero points they are all zero, and the middle of the range takes their
        # place.
        zeros = Signal(16 * c.chains, reset_less=True)
        with m.If(self.clear):
            m.d.sync += zeros.eq(0)
        with m.Elif(self.load_zeros):
            m.d.sync += zeros.eq(self.first)
        other_lower = Signal()
        other_upper = Signal()
        m.d.comb += [
            other_lower.eq(self.second_group & ~recipe.dense & ~recipe.split),
            other_upper.eq((self.second_group | recipe.split) & ~recipe.dense),
        ]
        for n in range(c.chains):
            entry, other = zeros.word_select(2 * n, 8), zeros.word_select(2 * n + 1, 8)
            with m.If(self.load):
                m.d.sync += [
                    shown.lower[n].eq(Mux(other_lower, other, entry) | recipe.middle),
                    shown.upper[n].eq(Mux(other_upper, other, entry) | recipe.middle),
                    shown.mate[n].eq(Mux(recipe.dense, other | recipe.middle, 0)),
                ]
        return m
