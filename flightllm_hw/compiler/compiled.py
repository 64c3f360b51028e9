# SPDX-License-Identifier: Apache-2.0
"""A compiled model: all that is needed to run it, and nothing of how it was made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.attention import LocalGlobal
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.tokenizer import Tokenizer
from flightllm_hw.compiler.registers import TOKENS, Register
from flightllm_hw.config import AcceleratorConfig

__all__ = ["Compiled", "taken"]


def taken(tile: int, position: int, left: int) -> int:
    """Tokens that the next program takes: a whole tile from where one begins, else one.

    Parameters
    ----------
    tile : int
        Tokens of the program that takes several; 1 where there is none.
    position : int
        Of the next token.
    left : int
        Tokens that are left.
    """
    return tile if left >= tile and position % tile == 0 else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A model for one configuration.

    Parameters
    ----------
    config : AcceleratorConfig
    model : ModelConfig
    context : int
        Positions that there is room for.
    host : ndarray of uint8
        The beginning of the host's memory; what is behind it is zero.
    lanes : sequence of ndarray of uint8
        Each lane's memory.
    host_bytes, lane_bytes : int
        Sizes of memories: what windows must hold.
    decode : int
        Byte of the host's memory at which the program begins that takes one token.
    prefill : int or None
        The same of the program that takes ``tile`` tokens; None if there is none.
    tile : int
        Tokens that the prefill program takes, at positions from a multiple of their number on.
    logits : int
        Byte of the host's memory where a program leaves the ``model.vocab`` logits behind its
        last token, FP32.
    tokenizer : Tokenizer or None
    attention : LocalGlobal or None
        What the prefill program looks at; None: all positions, as the other one does.
    """

    config: AcceleratorConfig
    model: ModelConfig
    context: int
    host: npt.NDArray[np.uint8]
    lanes: Sequence[npt.NDArray[np.uint8]]
    host_bytes: int
    lane_bytes: int
    decode: int
    prefill: int | None
    tile: int
    logits: int
    tokenizer: Tokenizer | None = None
    attention: LocalGlobal | None = None

    def start(self, tokens: int) -> int:
        """Byte of the host's memory at which the program begins that takes so many tokens."""
        return self.decode if tokens == 1 or self.prefill is None else self.prefill

    def registers(self, tokens: int | Sequence[int], position: int,
                  logits: bool = True) -> list[int]:
        """What registers from 1 on must be when a program starts.

        Parameters
        ----------
        tokens : int or sequence of int
            One for the decode program, ``tile`` for the prefill program.
        position : int
            Of the first.
        logits : bool
            Whether those behind the last token are wanted; without, the head is not read.

        Raises
        ------
        ValueError
            If there is no such token, no room for the position, or no such program.
        """
        tokens = [tokens] if isinstance(tokens, int) else list(tokens)
        several = self.prefill is not None and len(tokens) == self.tile
        if len(tokens) != 1 and not several:
            raise ValueError(f"Tokens must be 1 or {self.tile}, not {len(tokens)}")
        for token in tokens:
            if not 0 <= token < self.model.vocab:
                raise ValueError(f"Token must be in 0..{self.model.vocab - 1}, not {token!r}")
        if not 0 <= position <= self.context - len(tokens):
            raise ValueError(f"Position must be in 0..{self.context - len(tokens)}, not"
                             f" {position!r}: the model was compiled for a context of"
                             f" {self.context}")
        if position % len(tokens):
            raise ValueError(f"Position of {len(tokens)} tokens must be a multiple of"
                             f" {len(tokens)}, not {position}")
        values = {Register.POSITION: position, Register.LOGITS: int(logits)}
        values |= dict(zip(TOKENS, tokens, strict=False))
        return [values.get(Register(n), 0) for n in range(1, max(values) + 1)]

    def read_logits(self, host: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The logits in an image of the host's memory."""
        raw = host[self.logits:self.logits + 4 * self.model.vocab]
        return np.frombuffer(raw.tobytes(), "<f4")
