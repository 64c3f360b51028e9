# SPDX-License-Identifier: Apache-2.0
"""What a ``config.json`` of Hugging Face says, and what of it cannot be run."""

from collections.abc import Callable
from typing import Any

from flightllm_hw.compiler.load.config import ModelConfig

__all__ = ["CONFIGS"]

Fields = dict[str, Any]


def _llama(fields: Fields) -> ModelConfig:
    _refuse_quantized(fields)
    _require(fields, "hidden_act", "silu", "silu")
    _require(fields, "partial_rotary_factor", 1.0, 1.0)
    heads = _integer(fields, "num_attention_heads")
    dim = _integer(fields, "hidden_size")
    if fields.get("head_dim") is None and dim % heads:
        raise ValueError(f"hidden_size {dim} is no multiple of {heads} heads, and there is no"
                         " head_dim")
    return ModelConfig(
        architecture="llama", dim=dim, hidden=_integer(fields, "intermediate_size"),
        layers=_integer(fields, "num_hidden_layers"), heads=heads,
        kv_heads=_integer(fields, "num_key_value_heads", heads),
        head_dim=_integer(fields, "head_dim", dim // heads),
        vocab=_integer(fields, "vocab_size"),
        context=_integer(fields, "max_position_embeddings", 2048),
        eps=_number(fields, "rms_norm_eps", 1e-6), activation="silu",
        tied=_flag(fields, "tie_word_embeddings", False),
        attention_bias=_flag(fields, "attention_bias", False),
        mlp_bias=_flag(fields, "mlp_bias", False),
        rope_theta=_theta(fields), rope_style="halves", **_ends(fields))


def _opt(fields: Fields) -> ModelConfig:
    _refuse_quantized(fields)
    _require(fields, "activation_function", "relu", "relu")
    _require(fields, "do_layer_norm_before", True, True)
    _require(fields, "layer_norm_elementwise_affine", True, True)
    _require(fields, "_remove_final_layer_norm", False, False)
    heads = _integer(fields, "num_attention_heads")
    dim = _integer(fields, "hidden_size")
    if dim % heads:
        raise ValueError(f"hidden_size {dim} is no multiple of {heads} heads")
    _require(fields, "word_embed_proj_dim", dim, dim)
    biased = _flag(fields, "enable_bias", True)
    return ModelConfig(
        architecture="opt", dim=dim, hidden=_integer(fields, "ffn_dim"),
        layers=_integer(fields, "num_hidden_layers"), heads=heads, kv_heads=heads,
        head_dim=dim // heads, vocab=_integer(fields, "vocab_size"),
        context=_integer(fields, "max_position_embeddings"), eps=1e-5, activation="relu",
        tied=_flag(fields, "tie_word_embeddings", True), attention_bias=biased, mlp_bias=biased,
        **_ends(fields))


CONFIGS: dict[str, Callable[[Fields], ModelConfig]] = {
    "LlamaForCausalLM": _llama, "OPTForCausalLM": _opt,
}
"""How the ``config.json`` of each architecture is read."""


def _refuse_quantized(fields: Fields) -> None:
    found = fields.get("quantization_config")
    if found is not None:
        method = found.get("quant_method") if isinstance(found, dict) else found
        raise ValueError(f"describes weights quantized by {method!r}, which are not read: take"
                         " the unquantized model, or a GGUF file")


def _require(fields: Fields, name: str, default: object, wanted: object) -> None:
    value = fields.get(name, default)
    if value != wanted:
        raise ValueError(f"{name} must be {wanted!r}, not {value!r}: such a model cannot be run")


def _theta(fields: Fields) -> float:
    """The base of the rotation, which must not be scaled in any way."""
    scaling = [fields.get(name) for name in ("rope_scaling", "rope_parameters")]
    for found in scaling:
        if found is None:
            continue
        kind = found.get("rope_type", found.get("type")) if isinstance(found, dict) else found
        if kind != "default":
            raise ValueError(f"describes rope scaling of type {kind!r}; only models without are"
                             " read")
    inner = scaling[1] if isinstance(scaling[1], dict) else {}
    return _number(inner if "rope_theta" in inner else fields, "rope_theta", 10000.0)


def _ends(fields: Fields) -> dict[str, Any]:
    """``bos`` and ``eos``, which are a token, a list of tokens, or null."""
    bos, eos = fields.get("bos_token_id"), fields.get("eos_token_id")
    if eos is None:
        eos = []
    return {"bos": bos, "eos": tuple(eos) if isinstance(eos, list) else (eos,)}


def _integer(fields: Fields, name: str, default: int | None = None) -> int:
    value = fields.get(name)
    value = default if value is None else value
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a positive integer, not {_shown(value)}")
    return value


def _number(fields: Fields, name: str, default: float) -> float:
    value = fields.get(name)
    value = default if value is None else value
    if type(value) not in (int, float) or not 0 < value < 1e300:
        raise ValueError(f"{name} must be a positive number, not {_shown(value)}")
    return float(value)


def _flag(fields: Fields, name: str, default: bool) -> bool:
    value = fields.get(name)
    value = default if value is None else value
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)
