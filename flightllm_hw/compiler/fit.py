# SPDX-License-Identifier: Apache-2.0
"""Whether what is on the chip has room for a program."""

from dataclasses import replace

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.errors import CompileError

__all__ = ["check", "fits"]


def fits(several: Buffer) -> bool:
    """Whether there is room for several tokens at once, where there is for one.

    All tokens lie in one row of the vector buffer, in one row block of keys and one tile
    of values: their places differ by constants.
    """
    config, tokens = several.split.config, several.split.shared * several.tile
    parts = replace(several, tile=1, tiles=1).parts
    logits = several.shared + min(parts, 2) * several.logits(parts)
    segments = several.tile * config.lanes
    limits = (
        (max(several.rows, logits), config.sfu.rows), (several.scalars, config.sfu.scalars),
        (several.words, config.lane.window_words), (tokens, config.lane.tokens),
        (several.tokens, min(8, config.sfu.width, 2 * config.lane.chains, several.context)),
        (tokens * several.positions * config.sfu.width, (1 << 16) - 1), (segments, 256))
    return all(needed <= there for needed, there in limits)


def check(buffer: Buffer) -> None:
    """Complain if there is no room for one token.

    Raises
    ------
    CompileError
    """
    config, name = buffer.split.config, buffer.split.config.name
    sfu, model, lane = config.sfu, buffer.split.model, config.lane
    if buffer.rows > sfu.rows:
        least = replace(buffer, context=1)
        if least.rows > sfu.rows:
            raise CompileError(f"A model of dim {model.dim}, hidden {model.hidden} and"
                               f" {model.heads} heads needs {least.rows} rows of the vector"
                               f" buffer, but {name} has {sfu.rows}")
        raise CompileError(f"A context of {buffer.context} needs {buffer.rows} rows of the vector"
                           f" buffer, but {name} has {sfu.rows}: there is room for a context"
                           f" of {_most(buffer)}")
    if buffer.shared + 2 * config.lanes > sfu.rows:
        raise CompileError(f"Logits need {2 * config.lanes} rows of the vector buffer, but of"
                           f" {sfu.rows} in {name} {buffer.shared} are taken")
    for needed, there, what in (
            (buffer.words, lane.window_words, "words of the activation buffer"),
            (buffer.scalars, sfu.scalars, "scalars"),
            (buffer.split.shared, lane.tokens, "tokens of an operation, the queries of a kv head"),
            (model.head_dim // 2 if buffer.split.turns else 0, sfu.rotary_pairs,
             "pairs of a head that turn"),
            (buffer.split.shared * buffer.positions * sfu.width, (1 << 16) - 1,
             "scores of a lane")):
        if needed > there:
            raise CompileError(f"The model needs {needed} {what} at a context of"
                               f" {buffer.context}, but {name} has room for {there}")


def _most(buffer: Buffer) -> int:
    """The longest context that there is room for."""
    low, high = 0, buffer.context
    while high - low > 1:
        middle = (low + high) // 2
        if replace(buffer, context=middle).rows <= buffer.split.config.sfu.rows:
            low = middle
        else:
            high = middle
    return low
