# SPDX-License-Identifier: Apache-2.0
"""The tokenizer in a GGUF file: of SentencePiece ("llama"), or a byte-level BPE ("gpt2")."""

from typing import Any

import numpy as np

from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.merge import MergeTokenizer
from flightllm_hw.compiler.load.packaged import BYTE_LEVEL, JsonTokenizer, byte_level_json
from flightllm_hw.compiler.load.tokenizer import Tokenizer

__all__ = ["gguf_ends", "gguf_tokenizer"]

_CONTROL = 3


def gguf_ends(keys: dict[str, Any]) -> tuple[int | None, tuple[int, ...]]:
    """The token that texts begin with, if they do, and those that end them."""
    bos = keys.get("tokenizer.ggml.bos_token_id")
    if keys.get("tokenizer.ggml.add_bos_token") is False:
        bos = None
    ends = [keys.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot")]
    return bos, tuple(dict.fromkeys(token for token in ends if token is not None))


def gguf_tokenizer(where: object, keys: dict[str, Any], config: ModelConfig) -> Tokenizer | None:
    """The tokenizer in the metadata; None where there is none.

    Raises
    ------
    ValueError
        If it is of a kind that cannot be run, or is not complete.
    """
    model = keys.get("tokenizer.ggml.model")
    if model is None or model == b"none":
        return None
    pieces = keys.get("tokenizer.ggml.tokens")
    if not isinstance(pieces, list) or not pieces:
        raise ValueError("must have the array of strings tokenizer.ggml.tokens")
    kinds = _numbers(keys, "token_type", len(pieces))
    if model == b"llama":
        return _merging(keys, pieces, kinds, config)
    if model == b"gpt2":
        return _byte_level(where, keys, pieces, kinds, config)
    raise ValueError(f"has a tokenizer of the kind {model!r}; llama and gpt2 are read; give another"
                     " one beside the model")


def _merging(keys: dict[str, Any], pieces: list[bytes], kinds: list[float],
             config: ModelConfig) -> Tokenizer:
    scores = _numbers(keys, "scores", len(pieces))
    if not np.isfinite(scores).all():
        raise ValueError("the scores of its tokens must be finite")
    if keys.get("tokenizer.ggml.add_space_prefix", True) is not True:
        raise ValueError("has a tokenizer that puts no space before a text, which is not read")
    # As llama2.c has them: lines around what no text can become.
    return MergeTokenizer([b"\n" + piece + b"\n" if kind == _CONTROL
                           else piece.replace("\u2581".encode(), b" ")
                           for piece, kind in zip(pieces, kinds, strict=True)],
                          scores, config.bos, config.eos)


def _byte_level(where: object, keys: dict[str, Any], pieces: list[bytes], kinds: list[float],
                config: ModelConfig) -> Tokenizer:
    split = keys.get("tokenizer.ggml.pre", b"default")
    name = split.decode(errors="replace") if isinstance(split, bytes) else repr(split)
    if name not in BYTE_LEVEL:
        raise ValueError(f"has a tokenizer that splits texts as {name!r}; {', '.join(BYTE_LEVEL)}"
                         " are read; give another one beside the model")
    merges = keys.get("tokenizer.ggml.merges")
    if not isinstance(merges, list):
        raise ValueError("must have the array of strings tokenizer.ggml.merges")
    texts = [piece.decode() for piece in pieces]
    return JsonTokenizer(where, byte_level_json(
        {text: token for token, text in enumerate(texts)}, [m.decode() for m in merges],
        {text: token for token, text in enumerate(texts) if kinds[token] == _CONTROL},
        BYTE_LEVEL[name]), config.bos, config.eos)


def _numbers(keys: dict[str, Any], name: str, count: int) -> list[float]:
    """One number for each token."""
    values = keys.get(f"tokenizer.ggml.{name}")
    if values is None:
        return [0.0] * count
    if not isinstance(values, np.ndarray) or len(values) != count:
        raise ValueError(f"tokenizer.ggml.{name} must have a number for each of {count} tokens")
    return [float(v) for v in values]
