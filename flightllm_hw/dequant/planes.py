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

A choice in front of a register is half a LUT a bit, or a whole one; a register is none. The first
tile's codes meet an adder that has two inputs to spare (:mod:`flightllm_hw.dequant.dequantize`), so
what comes to a plane from several places goes to as many registers, all but one of them cleared::

    first tile   plane of a beat ──► codes ──(or)─► adder      second tile  ─┐
                 byte's bit ───────► ways ────┘                             ─┴─► Mux ──► codes

That is 384 LUTs for 768 registers at `u280`. The second tile's codes are read twice, by what keeps
them and by what adds to mates, and are gathered before. Indices stay where their beats came, and
are sorted as they are read.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.layouts import EXCESS_OF_CODE
from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place

from .layouts import CHUNKS, CODE_PLANES, WAYS, RecipeLayout, block
from .loads import Loads

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

    def _places(self, half, tile):
        """Where a half of the rows has its codes of the first or the second of two tiles."""
        c = self.config
        return [n for n in range(c.plane_bits) if (n // c.chains % 2, n % 2) == (half, tile)]

    def elaborate(self, platform):
        m = Module()
        c, recipe = self.config, self.recipe
        width = c.plane_bits
        first = [self.first[n * width:(n + 1) * width] for n in range(2)]
        second = [self.second[n * width:(n + 1) * width] for n in range(2)]

        loads = place(m, platform, "loads", Loads(c))
        for name in ("recipe", "load_tops", "load", "chunk", "last_chunk", "shared", "index",
                     "index_second", "second_of_two", "second_group"):
            m.d.comb += getattr(loads, name).eq(getattr(self, name))
        on = loads.o

        shown = Signal(block(c), reset_less=True)
        m.d.comb += self.o.eq(shown)
        with m.If(on.completes):
            m.d.sync += [
                shown.pattern.eq(recipe.pattern),
                shown.dense.eq(recipe.dense),
                shown.swapped.eq(self.index_second[0]),
            ]

        tops = [Signal(width, name=f"tops_{n}", reset_less=True) for n in range(2)]
        with m.If(on.tops):
            m.d.sync += [tops[n].eq(first[n]) for n in range(2)]

        # Codes. A plane has one beat that it comes from, or two; or bytes, where rows of the second
        # half come with chunk 1. A clear is a register's own reset. One of four is a LUT's worth.
        beats = Cat(self.first, self.second)
        octets = Signal(data.ArrayLayout(width, CODE_PLANES))
        m.d.comb += [octets[n].eq(Cat(
            beats[64 * (row % c.chains) + 8 * k + n] for k in range(c.chain.length)
            for row in range(2 * c.chains))) for n in range(CODE_PLANES)]
        gathered = Signal(data.ArrayLayout(width, CODE_PLANES))
        for n, value in enumerate((
                Mux(recipe.eight, octets[0], Mux(self.shared, second[0], first[0])),
                Mux(recipe.eight, octets[1], Mux(self.shared, second[1], first[1])),
                _of_four(on.choice_2, second[0], octets[2], first[0], tops[1]),
                Mux(recipe.eight, octets[3], second[1]),
                _of_four(on.choice_4, first[0], octets[4], tops[0], tops[1]),
                Mux(recipe.eight, octets[5], first[1]),
                octets[6],
                octets[7])):
            m.d.comb += gathered[n].eq(value)

        codes = [[None] * width for _ in range(CODE_PLANES)]
        ways = [[None] * (width // 2) for _ in WAYS]

        def load(name, value, places, clear, comes, bits, step=1):
            """Registers for some places of a plane, ``bits`` of the block."""
            register = Signal(len(places), name=name, reset_less=True)
            with m.If(clear):
                m.d.sync += register.eq(0)
            with m.Elif(comes):
                m.d.sync += register.eq(Cat(value[at] for at in places))
            for at, bit in zip(places, register, strict=True):
                bits[at // step] = bit

        for half in range(2):
            a, b = (self._places(half, tile) for tile in range(2))
            # Of the second tile all ways to a plane end in one register.
            for n, value in enumerate(gathered):
                load(f"codes_{n}_{half}", value, b if n in WAYS else a + b, on.clear[n],
                     on.high[half] if n in (4, 5) else on.rows[half], codes[n])
            # Of the first tile each has its own, and nothing to choose.
            for n, value, clear, comes in (
                    (0, first[0], on.clear_direct[0], on.chunk_0),
                    (1, first[1], on.clear_direct[1], on.chunk_0),
                    (3, second[1], on.clear_direct[3], on.chunk_0),
                    (5, first[1], on.chunk_0, on.six)):
                load(f"direct_{n}_{half}", value, a, clear, comes, codes[n])
            for n in range(4):
                load(f"octets_{n}_{half}", octets[WAYS[n]], a, on.clear[7], on.rows[half],
                     ways[n], 2)
            for n in range(2):
                load(f"shared_{n}_{half}", second[n], a, on.clear_shared, on.chunk_0,
                     ways[4 + n], 2)
        m.d.comb += [
            *(self.o.codes[n].eq(Cat(bits)) for n, bits in enumerate(codes)),
            *(self.o.ways[n].eq(Cat(bits)) for n, bits in enumerate(ways)),
        ]

        # Indices stay where they come, too.
        for n, beat in enumerate((first, second)):
            for plane in range(2):
                register = shown.indices[2 * n + plane]
                with m.If(on.clear_indices[n]):
                    m.d.sync += register.eq(0)
                with m.Elif(on.indices[n]):
                    m.d.sync += register.eq(beat[plane])

        # Minus the zero point of each of a header's entries: a chain has two rows, or one in two
        # groups. Without zero points they are all zero, and the middle of the range takes their
        # place.
        zeros = Signal(16 * c.chains, reset_less=True)
        with m.If(self.clear):
            m.d.sync += zeros.eq(0)
        with m.Elif(self.load_zeros):
            m.d.sync += zeros.eq(self.first)
        # Codes leave with an excess of 128 (`compute/layouts.py`): the top bit of what is added to
        # them is inverted.
        for n in range(c.chains):
            entry, other = zeros.word_select(2 * n, 8), zeros.word_select(2 * n + 1, 8)
            with m.If(on.completes):
                m.d.sync += [
                    shown.lower[n].eq((Mux(on.other_lower, other, entry) | recipe.middle)
                                      ^ EXCESS_OF_CODE),
                    shown.upper[n].eq((Mux(on.other_upper, other, entry) | recipe.middle)
                                      ^ EXCESS_OF_CODE),
                    shown.mate[n].eq((other | recipe.middle) ^ EXCESS_OF_CODE),
                ]
            with m.If(on.clear_mate):
                m.d.sync += shown.mate[n].eq(0)
        return m
