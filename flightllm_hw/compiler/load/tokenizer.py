# SPDX-License-Identifier: Apache-2.0
"""From text to tokens and back, whatever the tokenizer; text as it grows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

__all__ = ["TextStream", "Tokenizer"]


class Tokenizer(ABC):
    """Tokens of a model.

    Parameters
    ----------
    size : int
        Tokens there are; a model may have embeddings for more.
    bos : int or None
        Token that every text begins with; None where there is none.
    eos : tuple of int
        Tokens that end a text; the first is the one that :meth:`encode` writes.
    """

    kind: ClassVar[str]
    """What :func:`flightllm_hw.compiler.load.restore_tokenizer` needs to know, beside the data."""

    def __init__(self, size: int, bos: int | None, eos: Sequence[int]) -> None:
        self.size = size
        self.bos = bos
        self.eos = tuple(eos)

    def encode(self, text: str, bos: bool = True, eos: bool = False) -> list[int]:
        """Tokens of a text, ``bos`` before and ``eos`` after it if asked for and if there are any.

        What is no valid Unicode becomes U+FFFD.
        """
        clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        before = [self.bos] if bos and self.bos is not None else []
        return before + self._encode(clean) + list(self.eos[:1] if eos else ())

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens from its beginning; ``bos`` and ``eos`` are not part of it.

        Bytes that are no valid UTF-8 become U+FFFD.
        """
        silent = {self.bos, *self.eos}
        return self._decode([t for t in tokens if t not in silent and 0 <= t < self.size])

    def stream(self, tokens: Iterable[int] = ()) -> "TextStream":
        """The text that follows on ``tokens``, token by token."""
        return TextStream(self, tokens)

    @abstractmethod
    def dump(self) -> bytes:
        """Everything but ``bos`` and ``eos``."""

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """Tokens of a text alone."""

    @abstractmethod
    def _decode(self, tokens: list[int]) -> str:
        """Text of tokens that exist."""


class TextStream:
    """Text of a growing list of tokens, in pieces that are whole characters.

    Parameters
    ----------
    tokenizer : Tokenizer
    tokens : iterable of int
        What the text begins with; it is not given out.
    """

    def __init__(self, tokenizer: Tokenizer, tokens: Iterable[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._tokens = list(tokens)
        self._given = len(self._whole())

    def push(self, token: int) -> str:
        """The text that is complete with this token and was not before; maybe none."""
        self._tokens.append(token)
        return self._from(self._whole())

    def finish(self) -> str:
        """What is left: characters that were never completed."""
        return self._from(self._tokenizer.decode(self._tokens))

    def _from(self, text: str) -> str:
        new = text[self._given:]
        self._given = max(self._given, len(text))
        return new

    def _whole(self) -> str:
        # A character's first bytes decode to U+FFFD until the last one is there.
        return self._tokenizer.decode(self._tokens).rstrip("\ufffd")
