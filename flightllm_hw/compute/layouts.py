# SPDX-License-Identifier: Apache-2.0
"""What flows between the parts of the matrix engine."""

from amaranth.hdl import Cat, signed
from amaranth.lib import data

from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["Control", "Pair", "element", "offer", "packed", "step", "sums",
           "tile"]


class Pair(data.Struct):
    """Two int8 packed for one DSP48E2: the integer ``hi * 2^18 + lo``.

    ``lo`` is the one; ``hi`` is the other less the borrow that a negative ``lo``, sign-extended,
    takes from it. In front of a sparse tile's DSP the same bits hold the code (``lo``) and the
    number of the MUX input that it meets (``hi``).
    """

    lo: signed(8)
    hi: signed(9)


def packed(lo, hi):
    """Value of a :class:`Pair` of the int8 ``lo`` and ``hi``."""
    return Cat(lo, (hi - lo[-1])[:9])


class Control(data.Struct):
    """How a DSP takes its operands in one cycle."""

    dense: 1
    """The two codes of a pair meet the column's activation; else one code, picked activations."""
    wide: 1
    """The MUX picks one token's activation of all its inputs; else two tokens', of half each."""


def element():
    """What a tile holds for a DSP: two rows' codes, or a code and its index in its block."""
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
    """Inputs of the sparse MUXes of one DSP group: packed activations, half as many as slots."""
    return data.ArrayLayout(Pair, config.slots // 2)


def sums(config: ChainConfig):
    """Results of a chain: the two packed sums of each reduction node, the first segment's first."""
    both = data.StructLayout({"lo": signed(config.sum_bits), "hi": signed(config.sum_bits)})
    return data.ArrayLayout(both, config.nodes)

