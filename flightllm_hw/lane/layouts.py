# SPDX-License-Identifier: Apache-2.0
"""What a lane is told to do, and what it gives."""

from amaranth.hdl import signed
from amaranth.lib import data

from flightllm_hw.compute.layouts import step
from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import TapeLayout

__all__ = ["SUM_BITS", "operation", "request", "result", "tag", "tagged_step"]

SUM_BITS = 48
"""Width of a dot product: a DSP48E2's P."""


def operation(config: LaneConfig):
    """A matrix times the tokens in the activation buffer.

    ``tape`` is the matrix; ``tokens`` how many tokens meet it (1 to ``config.tokens``); ``stride``
    how many words of the activation buffer lie between token n and token n + 2.
    """
    return data.StructLayout({
        "tape": TapeLayout,
        "tokens": range(config.tokens + 1),
        "stride": range(config.window_words),
    })


def tag(config: LaneConfig):
    """What a step's sums are part of.

    ``step`` counts the steps that a tile meets; ``group`` is the group's parity; the flags say
    whether this is the group's first or last tile, the row block's first or last group, and the
    tile's last step; ``lo_only`` that only the first of a chain's two sums has a meaning.
    """
    return data.StructLayout({
        "pattern": 3,
        "step": range(config.tokens),
        "last_step": 1,
        "first_tile": 1,
        "last_tile": 1,
        "first_group": 1,
        "last_group": 1,
        "group": 1,
        "lo_only": 1,
    })


def request(config: LaneConfig):
    """A window to read: ``word`` in both banks, from its quarter ``quarter`` on.

    ``odd``: the token is the odd bank's, which then comes first.
    """
    return data.StructLayout({
        "word": range(config.window_words),
        "quarter": 2,
        "odd": 1,
        "tag": tag(config),
    })


def tagged_step(config: LaneConfig):
    """A window with the tag of its request."""
    return data.StructLayout({"step": step(config.chain), "tag": tag(config)})


def result(config: LaneConfig):
    """A dot product: exact, of a row of the row block and a token; the row's FP32 scale with it."""
    return data.StructLayout({
        "sum": signed(SUM_BITS),
        "row_scale": 32,
        "row": range(2 * config.chains),
        "token": range(config.tokens),
    })
