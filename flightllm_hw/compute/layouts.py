# SPDX-License-Identifier: Apache-2.0
"""What flows between the parts of the matrix engine."""

from amaranth.hdl import Cat, signed
from amaranth.lib import data

from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["BORROW", "Pair", "element", "offer", "packed", "step", "sums", "tile"]

BORROW = {"lo": 0, "hi": -1}
"""The :class:`Pair` -2^18: what a packed pair with a negative ``lo`` lends it."""


class Pair(data.Struct):
    """Two int8 packed for one DSP48E2: the integer ``hi * 2^18 + lo``.

    ``lo`` is the one; ``hi`` is the other less the borrow that a negative ``lo``, sign-extended,
    takes from it.
    """

    lo: signed(8)
    hi: signed(9)


def packed(lo, hi):
    """Value of a :class:`Pair` of the int8 ``lo`` and ``hi``."""
    return Cat(lo, (hi - lo[-1])[:9])


def element():
    """What a tile holds for a DSP: two rows' codes, or a code and its index in its block.

    In front of the DSP the index is the number of the MUX input that the code meets.
    """
    return data.StructLayout({"code": signed(8), "mate": signed(8)})


def tile(config: LaneConfig):
    """A tile: its :class:`~flightllm_hw.formats.Pattern` and an element a DSP of every chain."""
    return data.StructLayout({
        "pattern": range(len(Pattern)),
        "elements": data.ArrayLayout(data.ArrayLayout(element(), config.chain.length),
                                     config.chains),
    })


def step(config: ChainConfig):
    """Activations that meet a tile: a window of int8 columns for each of two tokens."""
    return data.StructLayout({
        "windows": data.ArrayLayout(data.ArrayLayout(signed(8), config.window), 2),
        "last": 1,
    })


def offer(config: ChainConfig):
    """Inputs of the sparse MUXes of one DSP group: packed activations, half as many as slots.

    Dense tiles are offered :data:`BORROW`, everywhere.
    """
    return data.ArrayLayout(Pair, config.slots // 2)


def sums(config: ChainConfig):
    """Results of a chain: the two packed sums of each reduction node, the first segment's first."""
    both = data.StructLayout({"lo": signed(config.sum_bits), "hi": signed(config.sum_bits)})
    return data.ArrayLayout(both, config.nodes)

