# SPDX-License-Identifier: Apache-2.0
"""What a tape is read by, what flows inside its decoder, and what comes off it."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["CHUNKS", "CODE_PLANES", "INDEX_PLANES", "WAYS", "ChunksLayout", "Entry", "RecipeLayout",
           "TapeLayout", "block", "header", "row_scales", "scales"]

CODE_PLANES = 8
"""Bits of the widest code."""

INDEX_PLANES = 4
"""Bits of the widest index."""

WAYS = (0, 1, 3, 5, 0, 1)
"""Planes that codes come to by a second way, with registers of its own: four of 8-bit codes, two of
the first of two blocks of 3 bits."""

CHUNKS = (CODE_PLANES + INDEX_PLANES) // 4
"""Chunks of the largest block: pairs of beats, and a beat holds two planes."""


class TapeLayout(data.Struct):
    """A matrix on the tape: :class:`~flightllm_hw.compiler.tape.TapeShape` in hardware."""

    pattern: range(len(Pattern))
    bits: 4
    zero_point: 1
    masked: 1
    row_blocks: 16
    group_tiles: 5
    groups: 12
    last_tiles: 5


class ChunksLayout(data.Struct):
    """How a block's beats are loaded.

    - Bit n of ``both``: chunk n has two beats; of ``last``: it is the block's last.
    - Index beat n is in the chunk that ``index_chunk[n]`` has a bit for, as its second where
      ``index_second[n]``.
    """

    both: CHUNKS
    last: CHUNKS
    index_chunk: data.ArrayLayout(CHUNKS, 2)
    index_second: 2


class RecipeLayout(data.Struct):
    """How a matrix's blocks are put together: what a :class:`TapeLayout` comes to.

    - ``dense``: a block is one tile. ``split``: each half of a chain serves a row of its own.
      ``paired``: a header is for two groups. ``odd``: codes of odd width; blocks share beats.
    - Codes have planes 0, 1 and, where not ``two``, 2, 3 of the first chunk; the top plane is 4
      where they are ``five``; ``six`` have planes 4, 5 of the second chunk. ``eight`` come by
      bytes, half of the rows in each of two chunks.
    - ``three``: the shared beat is the first of the first block's two, not one by itself.
    - ``index`` n: there is index beat n.
    - ``first``, ``second``: chunks of the first, second of two blocks that share a beat; of all
      blocks they are ``second`` where none is shared in that way.
    - ``middle``: what all codes have added where there are no zero points.
    - ``more``: blocks of a group behind its first; ``one``: there is none. ``more_in_last``,
      ``one_in_last``: of a row block's last group.
    """

    pattern: range(len(Pattern))
    dense: 1
    split: 1
    paired: 1
    odd: 1
    two: 1
    three: 1
    five: 1
    six: 1
    eight: 1
    index: 2
    first: ChunksLayout
    second: ChunksLayout
    middle: 8
    more: 5
    one: 1
    more_in_last: 5
    one_in_last: 1


class Entry(data.Struct):
    """A header, as what reads the blocks behind it needs it.

    ``empty``: it is none, its section has no header. ``single``: it is for one group.
    ``first_ends``, ``second_ends``: its first group, its second one is the row block's last.
    ``last``: no header of its section follows; ``last_in_row_block``, ``last_in_matrix`` likewise.
    """

    empty: 1
    single: 1
    first_ends: 1
    second_ends: 1
    last: 1
    last_in_row_block: 1
    last_in_matrix: 1


def block(config: LaneConfig):
    """A block: planes of codes and indices, and what its codes have added to them: 128 - z.

    - ``dense``: the block is one tile.
    - ``ways`` n is ORed to plane :data:`WAYS` [n] of the first tile's codes, or of the first rows'.
    - ``indices`` are the planes of the beat that came as first, then of the one that came as
      second; ``swapped``: the lower bits are those of the second.
    - An addend a chain: ``lower``, ``upper`` to the codes in its lower, upper half, ``mate`` to
      those of a dense tile's second row; zero for sparse ones.
    """
    addends = data.ArrayLayout(unsigned(8), config.chains)
    return data.StructLayout({
        "pattern": range(len(Pattern)),
        "dense": 1,
        "swapped": 1,
        "codes": data.ArrayLayout(unsigned(config.plane_bits), CODE_PLANES),
        "ways": data.ArrayLayout(unsigned(config.plane_bits // 2), len(WAYS)),
        "indices": data.ArrayLayout(unsigned(config.plane_bits), INDEX_PLANES),
        "lower": addends,
        "upper": addends,
        "mate": addends,
    })


def scales(config: LaneConfig):
    """Group scales of a header's entries."""
    return data.ArrayLayout(unsigned(16), 2 * config.chains)


def row_scales(config: LaneConfig):
    """Row scales (FP32) of half of a row block's rows, an entry a chain; ``half`` says which."""
    return data.StructLayout({
        "scales": data.ArrayLayout(unsigned(32), config.chains),
        "half": 1,
        "last": 1,
    })


def header(config: LaneConfig):
    """A header that the tape holds: its number in the row block, and whether it is the last."""
    return data.StructLayout({"number": 12, "last": 1})
