# SPDX-License-Identifier: Apache-2.0
"""Tokenizers that other packages run: Hugging Face's ``tokenizers`` and SentencePiece."""

import json
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.tokenizer import Tokenizer

__all__ = ["JsonTokenizer", "SentencePieceTokenizer", "byte_level_json"]

T = TypeVar("T")


def _try(where: object, what: str, make: Callable[[], T]) -> T:
    """What ``make`` gives; whatever it raises becomes a sentence."""
    try:
        return make()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as e:  # a panic of the Rust package is no Exception
        reason = " ".join(str(e).split())[:200] or type(e).__name__
        raise LoadError(where, f"is no {what} ({reason})") from None


class JsonTokenizer(Tokenizer):
    """A ``tokenizer.json``.

    Parameters
    ----------
    where : object
        What complaints are about.
    data : bytes
        The file.
    bos, eos
        As of :class:`~flightllm_hw.compiler.load.tokenizer.Tokenizer`.
    """

    kind: ClassVar[str] = "tokenizer.json"

    def __init__(self, where: object, data: bytes, bos: int | None, eos: Sequence[int]) -> None:
        import tokenizers

        self._data = data
        self._inner = _try(where, "tokenizer.json",
                           lambda: tokenizers.Tokenizer.from_str(data.decode()))
        self._inner.no_truncation()
        self._inner.no_padding()
        vocabulary = self._inner.get_vocab(with_added_tokens=True)
        if not vocabulary:
            raise LoadError(where, "holds no tokens")
        super().__init__(max(vocabulary.values()) + 1, bos, eos)

    def dump(self) -> bytes:
        """The file."""
        return self._data

    def _encode(self, text: str) -> list[int]:
        return list(self._inner.encode(text, add_special_tokens=False).ids)

    def _decode(self, tokens: list[int]) -> str:
        return str(self._inner.decode(tokens, skip_special_tokens=False))


class SentencePieceTokenizer(Tokenizer):
    """A ``tokenizer.model``; parameters as of :class:`JsonTokenizer`."""

    kind: ClassVar[str] = "sentencepiece"

    def __init__(self, where: object, data: bytes, bos: int | None, eos: Sequence[int]) -> None:
        import sentencepiece

        self._data = data
        self._inner = _try(where, "SentencePiece model",
                           lambda: sentencepiece.SentencePieceProcessor(model_proto=data))
        super().__init__(int(self._inner.get_piece_size()), bos, eos)
        if not self.size:
            raise LoadError(where, "holds no tokens")

    def dump(self) -> bytes:
        """The file."""
        return self._data

    def _encode(self, text: str) -> list[int]:
        return [int(t) for t in self._inner.encode(text)]

    def _decode(self, tokens: list[int]) -> str:
        # Pieces of a damaged model need not be UTF-8.
        return bytes(self._inner.decode(tokens, out_type=bytes)).decode("utf-8", "replace")


_LLAMA_3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

BYTE_LEVEL = {"gpt-2": None, "default": None, "llama-bpe": _LLAMA_3, "llama3": _LLAMA_3}
"""How texts are split before merging, by GGUF's names; None: as GPT-2 splits them."""


def byte_level_json(vocabulary: dict[str, int], merges: list[str], special: dict[str, int],
                    split: str | None = None) -> bytes:
    """A ``tokenizer.json`` of a byte-level BPE, as of OPT and Llama 3.

    Parameters
    ----------
    vocabulary : dict
        Tokens by piece.
    merges : list of str
        Two pieces with a space between, best first.
    special : dict
        Tokens that stand in a text as they are.
    split : str or None
        Regular expression of what never merges with its neighbours; None: as of GPT-2.
    """
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    before = {**level, "use_regex": True} if split is None else {
        "type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated",
             "invert": False},
            {**level, "use_regex": False}]}
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": token, "content": piece, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}
                         for piece, token in special.items()],
        "pre_tokenizer": before, "post_processor": None,
        "decoder": {**level, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": split is not None,
                  "vocab": vocabulary, "merges": merges},
    }).encode()
