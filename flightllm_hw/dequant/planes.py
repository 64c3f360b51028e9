# SPDX-License-Identifier: Apache-2.0
"""The block under way: plane registers, and what its codes have added to them.

Precision is a matter of how many beats a block takes, never of shifting bits: plane j of every
block lies in the same place of its beat, and is loaded into plane register j. Codes of 8 bits lie
by bytes, so that a chunk has all planes of half of the rows::

    b < 8    first  ──► planes 0,1     |  planes 4,5      |
             second ──► planes 2,3     |  indices ...     |
    b = 8    both   ──► rows 0 .. C-1  |  rows C .. 2C-1  |  indices ...
                           chunk 0          chunk 1           chunk 2

    b = 3    first  ──► planes 2,2'    |                  the first of two blocks: 2' is the
             second ──► planes 0,1     |  indices ...     second one's, and waits for it
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.layouts import EXCESS_OF_CODE
from flightllm_hw.config import LaneConfig

from .layouts import CHUNKS, CODE_PLANES, RecipeLayout, block

__all__ = ["Planes"]


def _of_four(choice, *values):
    """A LUT6 a bit: values meet one another first, no condition that mappers would share."""
    low, high = (Mux(choice[1], values[2 + n], values[n]) for n in range(2))
    return Mux(choice[0], high, low)


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
        ``first`` is the zero points of a header, or the top planes of two blocks of 5 bits;
        ``first`` and ``second`` are a chunk.
    chunk, last_chunk : In
        Which chunk, a bit each; whether it is the block's last.
    shared : In
        It begins with the top planes of two blocks of 3 bits.
    index, index_second : In
        It has index beat n; as its second.
    second_of_two : In
        The block is the second of those that share top planes.
    second_group : In
        It belongs to the second group of its header.
    o : Out
        The block, with the chunks that have been loaded; complete after the last, which what is
        common to its codes comes with.

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
            "last_chunk": In(1),
            "shared": In(1),
            "index": In(2),
            "index_second": In(2),
            "second_of_two": In(1),
            "second_group": In(1),
            "o": Out(block(config)),
        })

    def _half(self, plane, half):
        """Bits of a plane that belong to the first or the second half of the rows."""
        rows = self.config.chains
        return Cat(plane[(2 * k + half) * rows:][:rows] for k in range(self.config.chain.length))

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
        completes = Signal()
        m.d.comb += completes.eq(self.load & self.last_chunk)
        with m.If(completes):
            m.d.sync += [shown.pattern.eq(recipe.pattern), shown.dense.eq(recipe.dense)]

        tops = [Signal(width, name=f"tops_{n}", reset_less=True) for n in range(2)]
        with m.If(self.load_tops | (self.load & self.shared)):
            m.d.sync += [tops[n].eq(first[n]) for n in range(2)]

        # Codes. A plane has one beat that it comes from, or two; or bytes, where rows of the second
        # half come with chunk 1, over what chunk 0 has left in their place. Chunk 0 clears what the
        # code does not have; a clear is a register's own reset. One of four is a LUT's worth.
        choice_2 = Signal(2)
        choice_4 = Signal(2)
        m.d.comb += [
            choice_2.eq(Mux(recipe.two, Cat(self.second_of_two, 1), recipe.eight)),
            choice_4.eq(Mux(recipe.five, Cat(self.second_of_two, 1), recipe.eight)),
        ]
        beats = Cat(self.first, self.second)
        for half in range(2):
            comes = Signal(name=f"comes_{half}")
            m.d.comb += comes.eq(chunk_0 | (chunk_1 & recipe.eight if half else 0))
            codes = [self._half(plane, half) for plane in shown.codes]
            first_0, first_1, second_0, second_1, top_0, top_1 = (
                self._half(plane, half) for plane in (*first, *second, *tops))
            octets = [Cat(beats[64 * row + 8 * k + n] for k in range(c.chain.length)
                          for row in range(c.chains)) for n in range(CODE_PLANES)]
            with m.If(comes):
                m.d.sync += [
                    codes[0].eq(Mux(recipe.eight, octets[0], Mux(self.shared, second_0, first_0))),
                    codes[1].eq(Mux(recipe.eight, octets[1], Mux(self.shared, second_1, first_1))),
                ]
            with m.If(chunk_0 & recipe.two & ~recipe.odd):
                m.d.sync += codes[2].eq(0)
            with m.Elif(comes):
                m.d.sync += codes[2].eq(_of_four(choice_2, second_0, octets[2], first_0, top_1))
            with m.If(chunk_0 & recipe.two):
                m.d.sync += codes[3].eq(0)
            with m.Elif(comes):
                m.d.sync += codes[3].eq(Mux(recipe.eight, octets[3], second_1))
            with m.If(chunk_0 & ~recipe.five & ~recipe.eight):
                m.d.sync += codes[4].eq(0)
            with m.Elif(comes | (chunk_1 & recipe.six)):
                m.d.sync += codes[4].eq(_of_four(choice_4, first_0, octets[4], top_0, top_1))
            with m.If(chunk_0 & ~recipe.eight):
                m.d.sync += [codes[n].eq(0) for n in (5, 6, 7)]
            with m.Else():
                with m.If(comes | (chunk_1 & recipe.six)):
                    m.d.sync += codes[5].eq(Mux(recipe.eight, octets[5], first_1))
                with m.If(comes):
                    m.d.sync += [codes[n].eq(octets[n]) for n in (6, 7)]

        # Indices follow the codes, so that a beat of them is first or second; beat 1 is never in
        # chunk 0.
        for n in range(2):
            comes = Signal(name=f"index_comes_{n}")
            m.d.comb += comes.eq(self.load & self.index[n])
            for plane in range(2):
                register = shown.indices[2 * n + plane]
                with m.If(chunk_0 & ~recipe.index[n]):
                    m.d.sync += register.eq(0)
                with m.Elif(comes):
                    m.d.sync += register.eq(
                        Mux(self.index_second[n], second[plane], first[plane]))

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
        # Codes leave with an excess of 128 (`compute/layouts.py`): the top bit of what is added to
        # them is inverted.
        for n in range(c.chains):
            entry, other = zeros.word_select(2 * n, 8), zeros.word_select(2 * n + 1, 8)
            with m.If(completes):
                m.d.sync += [
                    shown.lower[n].eq((Mux(other_lower, other, entry) | recipe.middle)
                                      ^ EXCESS_OF_CODE),
                    shown.upper[n].eq((Mux(other_upper, other, entry) | recipe.middle)
                                      ^ EXCESS_OF_CODE),
                    shown.mate[n].eq(Mux(recipe.dense, (other | recipe.middle) ^ EXCESS_OF_CODE,
                                         0)),
                ]
        return m
