# SPDX-License-Identifier: Apache-2.0
"""Models of llama.cpp's "llama" architecture in GGUF files.

llama.cpp has the rows of q and k in the order in which adjacent elements of a head rotate together,
so ``rope_style`` is "adjacent" and rows stay as they are.
"""

from pathlib import Path
from typing import Any

import numpy as np

from flightllm_hw.compiler.load.checkpoint import Checkpoint, collect
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.gguf_blocks import BLOCK_TYPES, BlockTensor
from flightllm_hw.compiler.load.gguf_file import GgufTensor, read_gguf
from flightllm_hw.compiler.load.gguf_tokenizer import gguf_ends, gguf_tokenizer
from flightllm_hw.compiler.load.mapped import MappedFile
from flightllm_hw.compiler.load.tensors import FLOAT_TYPES, FloatTensor, Tensor
from flightllm_hw.compiler.load.tokenizer_files import fit, read_tokenizer

__all__ = ["gguf_names", "load_gguf"]

_OUTER = {"embedding": "token_embd.weight", "norm": "output_norm.weight", "head": "output.weight"}
_LAYER = {"attention_norm": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v",
          "o": "attn_output", "mlp_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up",
          "down": "ffn_down"}
_FREQUENCIES = "rope_freqs.weight"


def load_gguf(file: MappedFile, tokenizer: Path | None) -> Checkpoint:
    """A GGUF file."""
    keys, entries = read_gguf(file)
    with file.blame():
        config = _config(keys, entries)
    stored = {name: _tensor(file, entry) for name, entry in entries.items()}
    if _FREQUENCIES in stored and not (stored[_FREQUENCIES].rows() == 1).all():
        raise file.error(f"scales its rotary positions by the tensor {_FREQUENCIES}; only models"
                         " without scaling are read")
    if config.layers > len(stored):
        raise file.error(f"describes {config.layers} layers, but holds only {len(stored)} tensors")
    tensors = collect(file.path, stored, gguf_names(config), config.shapes(),
                      frozenset({_FREQUENCIES}))
    with file.blame():
        own = None if tokenizer is not None else gguf_tokenizer(file.path, keys, config)
    return Checkpoint(path=file.path, format="GGUF", config=config, tensors=tensors,
                      tokenizer=read_tokenizer(tokenizer, config) if tokenizer is not None
                      else own and fit(file.path, own, config))


def gguf_names(config: ModelConfig) -> dict[str, str]:
    """The file's names by canonical ones."""
    def named(name: str) -> str:
        base, dot, _ = name.partition(".bias")
        return _LAYER[base] + (dot or ".weight")

    return {name: _OUTER[name] for name in config.outer_shapes()} | {
        f"layers.{n}.{name}": f"blk.{n}.{named(name)}"
        for n in range(config.layers) for name in config.layer_shapes()}


def _config(keys: dict[str, Any], entries: dict[str, GgufTensor]) -> ModelConfig:
    architecture = keys.get("general.architecture")
    if architecture != b"llama":
        raise ValueError(f"is of the architecture {_shown(architecture)}; GGUF files of llama are"
                         " read")
    if keys.get("llama.expert_count", 0):
        raise ValueError("is a mixture of experts (llama.expert_count), which cannot be run")
    kind = keys.get("llama.rope.scaling.type", b"none")
    if kind != b"none" or keys.get("llama.rope.scale_linear", 1.0) != 1.0:
        raise ValueError(f"describes rope scaling of type {_shown(kind)}; only models without are"
                         " read")
    dim, heads = _integer(keys, "embedding_length"), _integer(keys, "attention.head_count")
    head_dim = _integer(keys, "attention.key_length", dim // heads)
    for name in ("attention.value_length", "rope.dimension_count"):
        if _integer(keys, name, head_dim) != head_dim:
            raise ValueError(f"llama.{name} must be {head_dim}, the length of a head, not"
                             f" {keys[f'llama.{name}']}")
    embedding = entries.get(_OUTER["embedding"])
    if embedding is None or len(embedding.shape) != 2:
        raise ValueError(f"lacks the matrix {_OUTER['embedding']}")
    bos, eos = gguf_ends(keys)
    return ModelConfig(
        architecture="llama", dim=dim, hidden=_integer(keys, "feed_forward_length"),
        layers=_integer(keys, "block_count"), heads=heads,
        kv_heads=_integer(keys, "attention.head_count_kv", heads), head_dim=head_dim,
        vocab=embedding.shape[0], context=_integer(keys, "context_length"),
        eps=_number(keys, "attention.layer_norm_rms_epsilon"), activation="silu",
        tied=_OUTER["head"] not in entries,
        attention_bias="blk.0.attn_q.bias" in entries, mlp_bias="blk.0.ffn_gate.bias" in entries,
        rope_theta=_number(keys, "rope.freq_base", 10000.0), rope_style="adjacent",
        bos=bos, eos=eos)


def _tensor(file: MappedFile, entry: GgufTensor) -> Tensor:
    place = (file, entry.name, entry.shape, entry.kind, entry.offset)
    if entry.kind in FLOAT_TYPES:
        return FloatTensor(*place)
    if entry.kind not in BLOCK_TYPES or len(entry.shape) != 2:
        known = ", ".join([*FLOAT_TYPES, *BLOCK_TYPES])
        raise file.error(f"tensor {entry.name} is stored as {entry.kind} with"
                         f" {len(entry.shape)} axes; {known} are read, blocks in matrices alone")
    return BlockTensor(*place)


def _integer(keys: dict[str, Any], name: str, default: int | None = None) -> int:
    value = keys.get(f"llama.{name}", default)
    if isinstance(value, np.ndarray) and len(value) and (value == value[0]).all():
        # Some files give one number for each layer.
        value = value[0].item()
    if type(value) is not int or value < 1:
        raise ValueError(f"llama.{name} must be a positive integer, not {_shown(value)}")
    return value


def _number(keys: dict[str, Any], name: str, default: float | None = None) -> float:
    value = keys.get(f"llama.{name}", default)
    if type(value) not in (int, float):
        raise ValueError(f"llama.{name} must be a number, not {_shown(value)}")
    # The decimal that was meant: these are float32 in the file.
    return float(str(np.float32(value)))


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return repr(value.decode(errors="replace") if isinstance(value, bytes) else value)
