# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of llama2.c: version 0 (float32) and version 2 (Q8_0).

Version 0, little endian; a negative vocab says that the head is not the embedding::

    7 int32   dim, hidden, layers, heads, kv_heads, vocab, context
    float32   embedding | attention_norm of all layers | q .. | k .. | v .. | o ..
              | mlp_norm .. | gate .. | down .. | up .. | norm | two tables | [head]

Version 2: codes in groups of G along the flattened tensor; the header ends at byte 256::

    uint32    0x616b3432       int32     2        7 int32   as above, vocab positive
    uint8     whether tied     int32     G
    float32   attention_norm of all layers | mlp_norm .. | norm
    then of embedding, q of each layer, k .., v .., o .., gate .., down .., up .., [head]:
              int8 codes[n], float32 scales[ceil(n / G)]

Where G does not divide the columns, groups go on in the next row. Such a tensor is given in groups
of gcd(G, columns), each with a copy of its scale, so no column is lost and no code changes.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flightllm_hw.compiler.load.checkpoint import Checkpoint
from flightllm_hw.compiler.load.config import ModelConfig, Shape
from flightllm_hw.compiler.load.mapped import MappedFile
from flightllm_hw.compiler.load.tensors import FloatTensor, QuantizedTensor, Tensor
from flightllm_hw.compiler.load.tokenizer import Tokenizer
from flightllm_hw.compiler.load.tokenizer_files import read_tokenizer

__all__ = ["MAGIC", "load_version_0", "load_versioned"]

MAGIC = 0x616b3432

_NAMES = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context")
_MATRICES = ("q", "k", "v", "o", "gate", "down", "up")


def load_version_0(file: MappedFile, tokenizer: Path | None) -> Checkpoint:
    """A version 0 file; it has no magic, so its size must be what its header says."""
    header = struct.unpack("<7i", file.bytes(0, 28, "the header"))
    tied = header[5] > 0
    config = _config(file, (*header[:5], abs(header[5]), header[6]), tied)
    tables = 4 * config.context * config.head_dim
    order = ["embedding", "attention_norm", *_MATRICES[:4], "mlp_norm", *_MATRICES[4:], "norm"]
    sizes = {name: 4 * count * math.prod(shape) for name, shape, count in _stacks(config, order)}
    head = 0 if tied else 4 * config.vocab * config.dim
    _require_size(file, config, 28 + sum(sizes.values()) + tables + head)

    tensors: dict[str, Tensor] = {}
    offset = 28
    for name, shape, count in _stacks(config, order):
        for n in range(count):
            title = _title(config, name, n)
            tensors[title] = FloatTensor(file, title, shape, "F32", offset)
            offset += 4 * math.prod(shape)
    if not tied:
        tensors["head"] = FloatTensor(file, "head", (config.vocab, config.dim), "F32",
                                      offset + tables)
    return Checkpoint(path=file.path, format="llama2.c version 0", config=config, tensors=tensors,
                      tokenizer=_tokenizer(file.path, tokenizer, config))


def load_versioned(file: MappedFile, tokenizer: Path | None) -> Checkpoint:
    """A file with the magic: of version 2."""
    version, = struct.unpack("<i", file.bytes(4, 4, "the version"))
    if version != 2:
        raise file.error(f"is of version {version} of llama2.c; versions 0 and 2 are read")
    header = struct.unpack("<7i", file.bytes(8, 28, "the header"))
    flag, group = struct.unpack("<Bi", file.bytes(36, 5, "the header"))
    if flag not in (0, 1):
        raise file.error(f"the flag of a shared head must be 0 or 1, not {flag}")
    if group < 1:
        raise file.error(f"the group size must be positive, not {group}")
    file.require(0, 256, "the header")
    config = _config(file, header, tied=flag == 1)
    norms = ["attention_norm", "mlp_norm", "norm"]
    coded = ["embedding", *_MATRICES, *([] if config.tied else ["head"])]

    def coded_size(shape: Shape) -> int:
        count = math.prod(shape)
        return count + 4 * int(-(-count // group))

    _require_size(file, config, 256 + sum(
        [4 * count * math.prod(shape) for _, shape, count in _stacks(config, norms)]
        + [count * coded_size(shape) for _, shape, count in _stacks(config, coded)]))

    tensors: dict[str, Tensor] = {}
    offset = 256
    for name, shape, count in _stacks(config, norms):
        for n in range(count):
            title = _title(config, name, n)
            tensors[title] = FloatTensor(file, title, shape, "F32", offset)
            offset += 4 * math.prod(shape)
    for name, shape, count in _stacks(config, coded):
        for n in range(count):
            title = _title(config, name, n)
            tensors[title] = FlatTensor(file, title, (shape[0], shape[1]), group, offset)
            offset += coded_size(shape)
    return Checkpoint(path=file.path, format="llama2.c version 2 (Q8_0)", config=config,
                      tensors=tensors, tokenizer=_tokenizer(file.path, tokenizer, config))


class FlatTensor(Tensor):
    """Codes in groups along the flattened matrix, row after row.

    Parameters
    ----------
    file, name, shape
        As of :class:`~flightllm_hw.compiler.load.tensors.Tensor`.
    group : int
        Elements that share a scale.
    offset : int
        Of the first code in the file; the scales follow on the last.
    """

    def __init__(self, file: MappedFile, name: str, shape: tuple[int, int], group: int,
                 offset: int) -> None:
        super().__init__(file, name, shape, "Q8_0")
        count = shape[0] * shape[1]
        self._group = group
        self._q = file.array(offset, np.int8, count, f"tensor {name}").reshape(shape)
        self._scale = file.array(offset + count, "<f4", -(-count // group), f"tensor {name}")

    def _rows(self, start: int, stop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self._codes(start, stop).dequantize()

    def _codes(self, start: int, stop: int) -> QuantizedTensor:
        columns = self.shape[1]
        group = math.gcd(self._group, columns)
        part = np.arange(start * columns, stop * columns, group) // self._group
        scale = self._scale[part].astype(np.float32).reshape(stop - start, columns // group)
        self._require_scales(scale)
        return QuantizedTensor(codes=self._q[start:stop].copy(), group=group, scale=scale,
                               zero=None, bits=8)


def _config(file: MappedFile, header: tuple[int, ...], tied: bool) -> ModelConfig:
    values: dict[str, Any] = dict(zip(_NAMES, header, strict=True))
    with file.blame():
        for name, value in values.items():
            if value < 1:
                raise ValueError("is no checkpoint of llama2.c, or its header is damaged:"
                                 f" {name} must be positive, not {value}")
        if values["dim"] % values["heads"]:
            raise ValueError("is no checkpoint of llama2.c, or its header is damaged: dim"
                             f" {values['dim']} is no multiple of {values['heads']} heads")
        # Stories end where the next one begins, so token 1 ends a text as well as 2.
        return ModelConfig(architecture="llama", head_dim=values["dim"] // values["heads"],
                           eps=1e-5, activation="silu", tied=tied, rope_theta=10000.0,
                           rope_style="adjacent", bos=1, eos=(2, 1), **values)


def _stacks(config: ModelConfig, names: list[str]) -> Iterator[tuple[str, Shape, int]]:
    """Name, shape and number of tensors that lie one after another."""
    layer, outer = config.layer_shapes(), config.outer_shapes()
    for name in names:
        yield (name, layer[name], config.layers) if name in layer else (name, outer[name], 1)


def _title(config: ModelConfig, name: str, n: int) -> str:
    return name if name in config.outer_shapes() else f"layers.{n}.{name}"


def _require_size(file: MappedFile, config: ModelConfig, size: int) -> None:
    if file.size != size:
        shape = ", ".join(f"{name} {getattr(config, name)}" for name in _NAMES)
        raise file.error(f"must have {size} bytes according to its header ({shape},"
                         f" {'tied' if config.tied else 'separate'} head), not {file.size}; it"
                         " was cut short, or is no checkpoint of llama2.c")


def _tokenizer(path: Path, given: Path | None, config: ModelConfig) -> Tokenizer | None:
    """The tokenizer that was given, or the one beside the checkpoint, named as llama2.c does."""
    beside = [path.with_name(name) for name in (f"tok{config.vocab}.bin", "tokenizer.bin")]
    found = given or next((p for p in beside if p.exists()), None)
    return None if found is None else read_tokenizer(found, config)
