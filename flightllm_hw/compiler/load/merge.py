# SPDX-License-Identifier: Apache-2.0
"""The tokenizer of llama2.c: pieces with scores, merged greedily; and its file.

A text begins as one token a character (or one a byte, where no piece is that character), a space
before it. Then the two neighbours whose piece together has the greatest score become one, the
leftmost of equals, until no neighbours make a piece. Pieces of SentencePiece's BPE models and of
GGUF's "llama" vocabularies are merged in the same way.

The file: uint32 greatest length of a piece, then for each token float32 score, uint32 length,
bytes. Tokens 3 to 258 stand for bytes 0 to 255 and are written ``<0x00>`` to ``<0xFF>``.
"""

import heapq
import math
import re
import struct
from collections.abc import Sequence
from typing import ClassVar

from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.tokenizer import Tokenizer

__all__ = ["MergeTokenizer", "parse_merge"]

_BYTE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
_LONGEST = 1 << 16


class MergeTokenizer(Tokenizer):
    """Pieces that are merged by their scores.

    Parameters
    ----------
    pieces : sequence of bytes
        Text of each token in UTF-8, or ``<0xNN>`` of a byte. Of equal pieces the first counts.
    scores : sequence of float
        None is NaN.
    bos, eos
        As of :class:`~flightllm_hw.compiler.load.tokenizer.Tokenizer`.
    """

    kind: ClassVar[str] = "llama2.c"

    def __init__(self, pieces: Sequence[bytes], scores: Sequence[float], bos: int | None,
                 eos: Sequence[int]) -> None:
        super().__init__(len(pieces), bos, eos)
        self.pieces = tuple(pieces)
        self.scores = tuple(scores)
        self._place: dict[bytes, int] = {}
        self._bytes: dict[int, int] = {}
        self._text = list(pieces)
        for token, piece in enumerate(pieces):
            self._place.setdefault(piece, token)
            if found := _BYTE.fullmatch(piece):
                value = int(found[1], 16)
                self._bytes.setdefault(value, token)
                self._text[token] = bytes([value])

    def dump(self) -> bytes:
        """The tokenizer as a file of llama2.c."""
        longest = max(map(len, self.pieces))
        return struct.pack("<I", longest) + b"".join(
            struct.pack("<fI", score, len(piece)) + piece
            for piece, score in zip(self.pieces, self.scores, strict=True))

    def _encode(self, text: str) -> list[int]:
        if not text:
            return []
        tokens: list[int] = []
        for character in " " + text:
            whole = self._place.get(character.encode())
            tokens += [whole] if whole is not None else self._fallback(character)
        return self._merge(tokens)

    def _fallback(self, character: str) -> list[int]:
        # Bytes that no token stands for are dropped: there is nothing to write them with.
        return [self._bytes[b] for b in character.encode() if b in self._bytes]

    def _merge(self, tokens: list[int]) -> list[int]:
        # A list linked both ways, and the pairs that could merge, best first. An entry is stale
        # where one of its two tokens has merged with another since.
        after = [*range(1, len(tokens)), -1]
        before = [*range(-1, len(tokens) - 1)]
        heap: list[tuple[float, int, int, int, int]] = []

        def offer(left: int, right: int) -> None:
            merged = self._place.get(self.pieces[tokens[left]] + self.pieces[tokens[right]])
            if merged is not None:
                heapq.heappush(heap, (-self.scores[merged], left, tokens[left], tokens[right],
                                      merged))

        for left in range(len(tokens) - 1):
            offer(left, left + 1)
        while heap:
            _, left, was_left, was_right, merged = heapq.heappop(heap)
            right = after[left]
            if tokens[left] != was_left or right < 0 or tokens[right] != was_right:
                continue
            tokens[left], tokens[right] = merged, -1
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
                offer(left, after[left])
            if before[left] >= 0:
                offer(before[left], left)
        return [token for token in tokens if token >= 0]

    def _decode(self, tokens: list[int]) -> str:
        text = b"".join(self._text[token] for token in tokens)
        return text.removeprefix(b" ").decode("utf-8", "replace")


def parse_merge(where: object, data: bytes, bos: int | None, eos: Sequence[int]) -> MergeTokenizer:
    """Read a tokenizer file of llama2.c.

    Raises
    ------
    LoadError
        If the file is cut short, or is none.
    """
    if len(data) < 4:
        raise LoadError(where, f"has {len(data)} bytes, a tokenizer of llama2.c at least 12")
    longest, = struct.unpack_from("<I", data)
    if not 1 <= longest <= _LONGEST:
        raise LoadError(where, "is no tokenizer of llama2.c: its longest piece would have"
                               f" {longest} bytes")
    pieces: list[bytes] = []
    scores: list[float] = []
    at = 4
    while at < len(data):
        if at + 8 > len(data):
            raise LoadError(where, f"ends within the score and length of token {len(pieces)}")
        score, length = struct.unpack_from("<fI", data, at)
        at += 8
        if length > longest or at + length > len(data):
            left = min(longest, len(data) - at)
            raise LoadError(where, f"token {len(pieces)} would have {length} bytes, but at most"
                                   f" {left} are possible")
        if not math.isfinite(score):
            raise LoadError(where, f"the score of token {len(pieces)} must be finite,"
                                   f" not {score!r}")
        pieces.append(data[at:at + length])
        scores.append(score)
        at += length
    if not pieces:
        raise LoadError(where, "holds no tokens")
    return MergeTokenizer(pieces, scores, bos, eos)
