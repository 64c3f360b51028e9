# SPDX-License-Identifier: Apache-2.0
"""What a tape is read by, and what comes off it."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["CODE_PLANES", "INDEX_PLANES", "TapeLayout", "block", "header",
           "row_scales", "scales"]

CODE_PLANES = 8
"""Bits of the widest code."""

INDEX_PLANES = 4
"""Bits of the widest index."""


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


def block(config: LaneConfig):
    """A block: planes of codes and indices, and what its codes mean.

    ``offsets`` are minus the header's zero points; ``group`` is the parity of the block's group in
    its row block, which tells the two groups of a header apart. ``dense`` and ``split`` follow from
    the pattern: the block is one tile; each half of a chain serves a row of its own.
    """
    return data.StructLayout({
        "pattern": range(len(Pattern)),
        "dense": 1,
        "split": 1,
        "codes": data.ArrayLayout(unsigned(config.plane_bits), CODE_PLANES),
        "indices": data.ArrayLayout(unsigned(config.plane_bits), INDEX_PLANES),
        "offsets": data.ArrayLayout(unsigned(8), 2 * config.chains),
        "group": 1,
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
