# SPDX-License-Identifier: Apache-2.0
"""Folders of Hugging Face: ``config.json``, safetensors in one file or many, a tokenizer."""

from collections.abc import Mapping
from pathlib import Path

from flightllm_hw.compiler.load.checkpoint import Checkpoint, collect
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.huggingface_config import CONFIGS
from flightllm_hw.compiler.load.mapped import read_json
from flightllm_hw.compiler.load.safetensors_file import read_safetensors
from flightllm_hw.compiler.load.tensors import FloatTensor, Tensor
from flightllm_hw.compiler.load.tokenizer_files import find_tokenizer, read_tokenizer

__all__ = ["OPT_OFFSET", "load_folder", "tensor_names"]

OPT_OFFSET = 2
"""Rows of OPT's positions before the one of the first token."""

_INDEX = "model.safetensors.index.json"
_HEAD = "lm_head.weight"

_LLAMA = {
    "embedding": "embed_tokens", "norm": "norm", "attention_norm": "input_layernorm",
    "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
    "o": "self_attn.o_proj", "mlp_norm": "post_attention_layernorm", "gate": "mlp.gate_proj",
    "up": "mlp.up_proj", "down": "mlp.down_proj",
}
_OPT = {
    "embedding": "embed_tokens", "positions": "embed_positions", "norm": "final_layer_norm",
    "attention_norm": "self_attn_layer_norm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
    "v": "self_attn.v_proj", "o": "self_attn.out_proj", "mlp_norm": "final_layer_norm",
    "up": "fc1", "down": "fc2",
}


def load_folder(folder: Path, tokenizer: Path | None) -> Checkpoint:
    """A folder with a ``LlamaForCausalLM`` or an ``OPTForCausalLM``."""
    if not (folder / "config.json").exists():
        raise LoadError(folder, "holds no config.json; a folder must be one of Hugging Face's")
    path = folder / "config.json"
    fields = read_json(path)
    named = fields.get("architectures")
    title = named[0] if isinstance(named, list) and len(named) == 1 else named
    if not isinstance(title, str) or title not in CONFIGS:
        raise LoadError(path, f"describes the architecture {title!r}; {' and '.join(CONFIGS)}"
                              " are read")
    try:
        config = CONFIGS[title](fields)
    except ValueError as e:
        raise LoadError(path, str(e)) from None

    stored = _strip(folder, _read_weights(folder))
    if config.layers > len(stored):
        raise LoadError(path, f"describes {config.layers} layers, but the folder holds only"
                              f" {len(stored)} tensors")
    names = tensor_names(config)
    shapes = config.shapes()
    spare = {f"layers.{n}.self_attn.rotary_emb.inv_freq" for n in range(config.layers)}
    if config.architecture == "opt":
        shapes["positions"] = (config.context + OPT_OFFSET, config.dim)
    if config.tied and names["embedding"] in stored:
        spare.add(_HEAD)
    elif config.tied:
        # Of two names of one tensor, a file may keep either.
        names["embedding"] = _HEAD
    tensors = collect(folder, stored, names, shapes, frozenset(spare))
    positions = tensors.get("positions")
    if isinstance(positions, FloatTensor):
        tensors["positions"] = positions.tail(OPT_OFFSET)
    return Checkpoint(path=folder, format=f"Hugging Face {title}", config=config, tensors=tensors,
                      tokenizer=read_tokenizer(tokenizer, config) if tokenizer is not None
                      else find_tokenizer(folder, config))


def tensor_names(config: ModelConfig) -> dict[str, str]:
    """The file's names by canonical ones, without what they all begin with."""
    def named(name: str) -> str:
        base, dot, _ = name.partition(".bias")
        return (_LLAMA if config.architecture == "llama" else _OPT)[base] + (dot or ".weight")

    outer = {name: _HEAD if name == "head" else named(name)
             for name in config.outer_shapes()}
    return outer | {f"layers.{n}.{name}": f"layers.{n}.{named(name)}"
                    for n in range(config.layers) for name in config.layer_shapes()}


def _strip(folder: Path, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors without ``model.decoder.``, ``model.`` or ``decoder.`` before their names."""
    short = {name.removeprefix("model.").removeprefix("decoder."): tensor
             for name, tensor in stored.items()}
    if len(short) < len(stored):
        raise LoadError(folder, "holds a tensor twice, once with model. before its name")
    return short


def _read_weights(folder: Path) -> dict[str, FloatTensor]:
    """All tensors of a folder, from its one file or from the shards that its index names."""
    if not (folder / _INDEX).exists():
        return read_safetensors(_only_file(folder))
    places = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise LoadError(folder / _INDEX, "must have a weight_map of tensors to files")
    for name in places.values():
        # The index may not lead out of the folder.
        if not isinstance(name, str) or Path(name).name != name or (
                not name.endswith(".safetensors")):
            raise LoadError(folder / _INDEX, "must name safetensors files in its own folder,"
                                             f" not {name!r}")
    tensors: dict[str, FloatTensor] = {}
    for shard in sorted(set(places.values())):
        if not (folder / shard).exists():
            raise LoadError(folder, f"lacks the shard {shard} that its index names")
        found = read_safetensors(folder / shard)
        wanted = [name for name, place in places.items() if place == shard]
        missing = [name for name in wanted if name not in found]
        if missing:
            raise LoadError(folder / shard, f"lacks the tensor {missing[0]} that the index says"
                                            " is there")
        tensors |= {name: found[name] for name in wanted}
    return tensors


def _only_file(folder: Path) -> Path:
    if (folder / "model.safetensors").exists():
        return folder / "model.safetensors"
    files = sorted(folder.glob("*.safetensors"))
    if len(files) == 1:
        return files[0]
    if files:
        raise LoadError(folder, f"holds {len(files)} safetensors files, but no {_INDEX}")
    pickled = sorted([*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
    if pickled:
        raise LoadError(folder, f"holds {pickled[0].name}, which is a pickle and never opened:"
                                " convert it to safetensors")
    raise LoadError(folder, "holds no safetensors file")
