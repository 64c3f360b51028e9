# SPDX-License-Identifier: Apache-2.0
"""Finding and reading a tokenizer, whatever kind of file it is in."""

from collections.abc import Sequence
from pathlib import Path

from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.mapped import MappedFile, read_json
from flightllm_hw.compiler.load.merge import MergeTokenizer, parse_merge
from flightllm_hw.compiler.load.packaged import (
    JsonTokenizer,
    SentencePieceTokenizer,
    byte_level_json,
)
from flightllm_hw.compiler.load.tokenizer import Tokenizer

__all__ = ["find_tokenizer", "read_tokenizer", "restore_tokenizer"]

_LIMIT = 256 << 20


def restore_tokenizer(kind: str, data: bytes, bos: int | None, eos: Sequence[int],
                      where: object = "tokenizer") -> Tokenizer:
    """A tokenizer from its ``kind`` and what its ``dump()`` gave.

    Raises
    ------
    LoadError
        If that cannot be.
    """
    if kind == MergeTokenizer.kind:
        return parse_merge(where, data, bos, eos)
    if kind == JsonTokenizer.kind:
        return JsonTokenizer(where, data, bos, eos)
    if kind == SentencePieceTokenizer.kind:
        return SentencePieceTokenizer(where, data, bos, eos)
    raise LoadError(where, f"is of no known kind of tokenizer: {kind!r}")


def read_tokenizer(path: Path, config: ModelConfig) -> Tokenizer:
    """The tokenizer in a file or folder, for a model.

    A file is a tokenizer of llama2.c, a ``tokenizer.json``, or a SentencePiece model; which, is
    seen from its first bytes. A folder holds one of these, or ``vocab.json`` and ``merges.txt``.

    Raises
    ------
    LoadError
        If there is none, or it does not fit the model.
    """
    if path.is_dir():
        found = find_tokenizer(path, config)
        if found is None:
            raise LoadError(path, "holds no tokenizer: tokenizer.json, tokenizer.model, or"
                                  " vocab.json with merges.txt")
        return found
    file = MappedFile(path)
    if file.size > _LIMIT:
        raise file.error(f"is no tokenizer: it has {file.size} bytes")
    data = file.head(file.size)
    if data[2:4] == b"\0\0":
        # The first number, a length, is below 65536; neither of the others has a zero there.
        kind = MergeTokenizer.kind
    elif data[:64].lstrip()[:1] == b"{":
        kind = JsonTokenizer.kind
    elif data[:1] == b"\n":
        kind = SentencePieceTokenizer.kind
    else:
        raise file.error("is no tokenizer that can be read: it should be a tokenizer.json, a"
                         " SentencePiece model, or a tokenizer of llama2.c")
    return fit(path, restore_tokenizer(kind, data, config.bos, config.eos, path), config)


def find_tokenizer(folder: Path, config: ModelConfig) -> Tokenizer | None:
    """The tokenizer in a folder of Hugging Face; None if it holds none."""
    for name in ("tokenizer.json", "tokenizer.model"):
        if (folder / name).exists():
            return read_tokenizer(folder / name, config)
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return fit(folder, _read_pairs(folder, config), config)
    return None


def fit(where: object, tokenizer: Tokenizer, config: ModelConfig) -> Tokenizer:
    """``tokenizer``, if the model has an embedding for each of its tokens.

    Tokens of a llama2.c file have no numbers but their places, so it must hold as many as the
    model; others may hold fewer.
    """
    many = tokenizer.size > config.vocab
    if many or (tokenizer.size < config.vocab and isinstance(tokenizer, MergeTokenizer)):
        raise LoadError(where, f"has {tokenizer.size} tokens, but the model has {config.vocab}:"
                               " it is another model's tokenizer")
    return tokenizer


def _read_pairs(folder: Path, config: ModelConfig) -> Tokenizer:
    vocabulary = read_json(folder / "vocab.json")
    if not all(type(token) is int and token >= 0 for token in vocabulary.values()):
        raise LoadError(folder / "vocab.json", "must give each piece an integer")
    file = MappedFile(folder / "merges.txt")
    with file.blame():
        lines = file.head(min(file.size, _LIMIT)).decode().splitlines()
    merges = [line for line in lines if line and not line.startswith("#version")]
    special = {piece: token for piece, token in vocabulary.items()
               if token in (config.bos, *config.eos) or piece in ("<pad>", "<unk>")}
    return JsonTokenizer(folder, byte_level_json(vocabulary, merges, special), config.bos,
                         config.eos)
