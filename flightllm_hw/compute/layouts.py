# SPDX-License-Identifier: Apache-2.0
"""What flows between the parts of the matrix engine."""

from amaranth.hdl import Cat, signed, unsigned
from amaranth.lib import data

from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["EXCESS", "EXCESS_OF_CODE", "Pair", "element", "offer", "packed", "step", "sums",
           "tile"]

EXCESS_OF_CODE = 128
"""What a code in a tile is too large by: an int8 with its top bit inverted, which is no sign."""

EXCESS = {"lo": -EXCESS_OF_CODE, "hi": -EXCESS_OF_CODE}
"""The :class:`Pair` that a dense tile's two codes are together too large by, as a DSP has them."""


class Pair(data.Struct):
    """Two activations packed for one DSP48E2: the integer ``hi * 2^18 + lo``.

    ``lo`` is the one, an int8; ``hi`` is the other, in -127 .. 127, less the borrow that a negative
    ``lo``, sign-extended, takes from it. Nothing else comes out of the quantizer; -128 would want a
    ninth bit, and with it two LUTs of every DSP's MUX.
    """

    lo: signed(8)
    hi: signed(8)


def packed(lo, hi):
    """Value of a :class:`Pair` of the activations ``lo`` and ``hi``.

    The borrow inverts ``hi``'s bits up to the lowest that is set. In two halves of four bits each
    bit has five inputs at most, and two share a LUT: five LUTs, where a carry chain has eight.
    """
    bits = []
    borrow = lo[-1]
    for half in (hi[:4], hi[4:]):
        bits += [half[n] ^ (borrow & ~half[:n].any()) for n in range(4)]
        borrow = borrow & ~half.any()
    return Cat(lo, *bits)


def element():
    """What a tile holds for a DSP: two rows' codes, or a code and its index in its block.

    Codes are int8 plus :data:`EXCESS_OF_CODE`. In front of the DSP the index is the number of the
    MUX input that the code meets.
    """
    return data.StructLayout({"code": unsigned(8), "mate": unsigned(8)})


def tile(config: LaneConfig):
    """A tile: its :class:`~flightllm_hw.formats.Pattern` and an element a DSP of every chain."""
    return data.StructLayout({
        "pattern": range(len(Pattern)),
        "elements": data.ArrayLayout(data.ArrayLayout(element(), config.chain.length),
                                     config.chains),
    })


def step(config: ChainConfig):
    """Activations that meet a tile: a window of int8 columns for each of two tokens.

    Where both tokens have a meaning, the second one's activations are not -128.
    """
    return data.StructLayout({
        "windows": data.ArrayLayout(data.ArrayLayout(signed(8), config.window), 2),
        "last": 1,
    })


def offer(config: ChainConfig):
    """Inputs of the sparse MUXes of one DSP group: packed activations, half as many as slots.

    Dense tiles are offered :data:`EXCESS`, everywhere.
    """
    return data.ArrayLayout(Pair, config.slots // 2)


def sums(config: ChainConfig):
    """Results of a chain: the two packed sums of each reduction node, the first segment's first."""
    both = data.StructLayout({"lo": signed(config.sum_bits), "hi": signed(config.sum_bits)})
    return data.ArrayLayout(both, config.nodes)

