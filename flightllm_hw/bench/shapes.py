# SPDX-License-Identifier: Apache-2.0
"""Shapes of known models by name, and of others by file."""

import json
from dataclasses import MISSING, fields
from pathlib import Path

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.compiler.load import ModelConfig

__all__ = ["SHAPES", "shape"]

SHAPES = {
    "llama2-7b": ModelConfig(
        architecture="llama", dim=4096, hidden=11008, layers=32, heads=32, kv_heads=32,
        head_dim=128, vocab=32000, context=4096, eps=1e-5, activation="silu", tied=False,
        rope_theta=1e4, rope_style="halves", bos=1, eos=(2,)),
    "llama2-13b": ModelConfig(
        architecture="llama", dim=5120, hidden=13824, layers=40, heads=40, kv_heads=40,
        head_dim=128, vocab=32000, context=4096, eps=1e-5, activation="silu", tied=False,
        rope_theta=1e4, rope_style="halves", bos=1, eos=(2,)),
    "llama3-8b": ModelConfig(
        architecture="llama", dim=4096, hidden=14336, layers=32, heads=32, kv_heads=8,
        head_dim=128, vocab=128256, context=8192, eps=1e-5, activation="silu", tied=False,
        rope_theta=5e5, rope_style="halves", bos=1, eos=(2,)),
    "opt-6.7b": ModelConfig(
        architecture="opt", dim=4096, hidden=16384, layers=32, heads=32, kv_heads=32,
        head_dim=128, vocab=50272, context=2048, eps=1e-5, activation="relu", tied=True,
        attention_bias=True, mlp_bias=True, bos=2, eos=(2,)),
    "stories110m": ModelConfig(
        architecture="llama", dim=768, hidden=2048, layers=12, heads=12, kv_heads=12, head_dim=64,
        vocab=32000, context=1024, eps=1e-5, activation="silu", tied=True, rope_theta=1e4,
        rope_style="adjacent", bos=1, eos=(2,)),
    "stories260k": ModelConfig(
        architecture="llama", dim=64, hidden=172, layers=5, heads=8, kv_heads=4, head_dim=8,
        vocab=512, context=512, eps=1e-5, activation="silu", tied=True, rope_theta=1e4,
        rope_style="adjacent", bos=1, eos=(2,)),
}
"""What is known by name."""


def shape(name: str) -> ModelConfig:
    """The shape of that name, or that a JSON file describes: an object of ModelConfig's fields.

    Raises
    ------
    BenchError
        If it is neither, or nothing that a model can be.
    """
    if name in SHAPES:
        return SHAPES[name]
    path = Path(name)
    if path.suffix != ".json":
        raise BenchError(f"Shape must be one of {', '.join(SHAPES)}, or a .json file, not {name!r}")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path}: a shape must be JSON ({error})") from None
    return _described(path, given)


def _described(path: Path, given: object) -> ModelConfig:
    if not isinstance(given, dict):
        raise BenchError(f"{path}: a shape must be an object, not {given!r}")
    known = [field.name for field in fields(ModelConfig)]
    for name in given:
        if name not in known:
            raise BenchError(f"{path}: a shape has no {name!r}; it has {', '.join(known)}")
    missing = [field.name for field in fields(ModelConfig)
               if field.default is MISSING and field.name not in given]
    if missing:
        raise BenchError(f"{path}: a shape must have {', '.join(missing)}")
    for name in ("tied", "attention_bias", "mlp_bias"):
        if type(given.get(name, False)) is not bool:
            raise BenchError(f"{path}: the model's {name} must be true or false, not"
                             f" {given[name]!r}")
    eos = given.get("eos", [])
    if not isinstance(eos, list):
        raise BenchError(f"{path}: the model's eos must be a list of tokens, not {eos!r}")
    try:
        return ModelConfig(**given | {"eos": tuple(eos)})
    except ValueError as error:
        raise BenchError(f"{path}: {error}") from None
