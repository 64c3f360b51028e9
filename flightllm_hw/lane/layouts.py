# SPDX-License-Identifier: Apache-2.0
"""What a lane is told to do, and what it gives."""

from amaranth.hdl import signed
from amaranth.lib import data

from flightllm_hw.arith.layouts import Fp32
from flightllm_hw.compute.layouts import step
from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import TapeLayout

__all__ = ["SUM_BITS", "dot_product", "operation", "request", "result", "tag", "tagged_step"]

SUM_BITS = 48
"""Width of a dot product: a DSP48E2's P."""


def operation(config: LaneConfig):
    """A matrix times the tokens in the activation buffer.

    ``tape`` is the matrix; ``tokens`` how many tokens meet it (1 to ``config.tokens``); ``stride``
    how many words of the activation buffer lie between token n and token n + 2. ``word`` is where
    tokens 0 and 1 begin there (behind the last word comes the first again), ``scale_bank`` the half
    of the token scales that is theirs: the other half, and words further on, can be written for the
    next operation meanwhile. That nothing is written which is still read is the control's business.
    """
    return data.StructLayout({
        "tape": TapeLayout,
        "tokens": range(config.tokens + 1),
        "stride": range(config.window_words),
        "word": range(config.window_words),
        "scale_bank": 1,
    })


def tag(config: LaneConfig):
    """What a step's sums are part of.

    ``step`` counts the steps that a tile meets; ``group`` is the group's parity; the flags say
    whether this is the group's first or last tile, the row block's first or last group, and the
    tile's last step; ``lo_only`` that only the first of a chain's two sums has a meaning.
    ``scale_bank`` is the operation's.
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
        "scale_bank": 1,
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


def dot_product(config: LaneConfig):
    """A dot product: exact, of a row of the row block and a token.

    The row's scale comes with it, and the bank that holds the token's.
    """
    return data.StructLayout({
        "sum": signed(SUM_BITS),
        "row_scale": 32,
        "scale_bank": 1,
        "row": range(2 * config.chains),
        "token": range(config.tokens),
    })


def result(config: LaneConfig):
    """A dot product times both scales, of a row of the row block and a token."""
    return data.StructLayout({
        "value": Fp32,
        "row": range(2 * config.chains),
        "token": range(config.tokens),
    })
