# SPDX-License-Identifier: Apache-2.0
"""Small random models, and writers of every format that can be loaded.

Weights are codes of -8..7 times powers of two, so that every format, down to four bits, holds the
very same numbers.
"""

import json
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import safetensors.torch
import torch

import flightllm_hw
from flightllm_hw.compiler.load import ModelConfig
from flightllm_hw.compiler.load.gguf_model import gguf_names
from flightllm_hw.compiler.load.huggingface import OPT_OFFSET, tensor_names
from flightllm_hw.golden.perplexity import read_texts

__all__ = ["LLAMA", "MODELS", "OPT", "Drawn", "adjacent", "draw", "flat", "halves",
           "hf_config", "needs_models", "pack_tokens", "texts", "write_gguf", "write_hf",
           "write_safetensors", "write_v0", "write_v2"]

GROUP = 32

MODELS = Path(os.environ.get("FLIGHTLLM_MODELS") or
              Path(flightllm_hw.__file__).parents[2] / "shared" / "models")
"""Where checkpoints are that others trained; texts are in the folder beside."""

needs_models = pytest.mark.skipif(
    not (MODELS / "stories260K.bin").exists(),
    reason=f"{MODELS} holds no checkpoints (FLIGHTLLM_MODELS says where they are)")

# Small models: threads would only wait for one another.
torch.set_num_threads(1)

LLAMA = ModelConfig(architecture="llama", dim=64, hidden=96, layers=2, heads=4, kv_heads=2,
                    head_dim=16, vocab=80, context=48, eps=1e-5, activation="silu", tied=False,
                    rope_theta=10000.0, rope_style="adjacent", bos=1, eos=(2, 1))
OPT = ModelConfig(architecture="opt", dim=64, hidden=96, layers=2, heads=4, kv_heads=4,
                  head_dim=16, vocab=80, context=48, eps=1e-5, activation="relu", tied=True,
                  attention_bias=True, mlp_bias=True, bos=2, eos=(2,))
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
V0 = ("embedding", "attention_norm", "q", "k", "v", "o", "mlp_norm", "gate", "down", "up", "norm")


@dataclass
class Drawn:
    """A model as floats by canonical name, and its matrices as codes and scales, too."""

    config: ModelConfig
    floats: dict
    codes: dict
    scales: dict

    def read(self, name):
        return self.floats["embedding" if name == "head" and self.config.tied else name]


def draw(rng, config=LLAMA, **changes):
    config = replace(config, **changes)
    floats, codes, scales = {}, {}, {}
    for name, shape in config.shapes().items():
        if len(shape) == 1:
            floats[name] = (rng.integers(-16, 17, shape) / 64
                            + (0 if name.endswith("bias") else 1)).astype(np.float32)
            continue
        codes[name] = rng.integers(-8, 8, shape).astype(np.int8)
        blocks = (shape[0], shape[1] // GROUP)
        scales[name] = (2.0 ** rng.integers(-8, -5, blocks)).astype(np.float32)
        floats[name] = codes[name] * np.repeat(scales[name], GROUP, axis=1)
    return Drawn(config, floats, codes, scales)


def texts(count, part="eval"):
    return read_texts(MODELS.parent / "text" / f"tinystories_{part}.jsonl", count)


def stacked(config, name):
    """Canonical names of one tensor, or of that tensor in each layer."""
    return [name] if name in config.outer_shapes() else [
        f"layers.{n}.{name}" for n in range(config.layers)]


def header(config, sign=1):
    c = config
    return struct.pack("<7i", c.dim, c.hidden, c.layers, c.heads, c.kv_heads, sign * c.vocab,
                       c.context)


def write_v0(path, drawn):
    config = drawn.config
    data = header(config, 1 if config.tied else -1)
    for name in V0:
        data += b"".join(drawn.floats[n].tobytes() for n in stacked(config, name))
    data += np.full(config.context * config.head_dim, np.nan, np.float32).tobytes()
    path.write_bytes(data + (b"" if config.tied else drawn.floats["head"].tobytes()))
    return path


def flat(drawn):
    """Codes and scales of each matrix, flattened."""
    return {name: (drawn.codes[name].ravel(), drawn.scales[name].ravel()) for name in drawn.codes}


def write_v2(path, drawn, coded=None, group=GROUP):
    config, coded = drawn.config, coded or flat(drawn)
    data = struct.pack("<Ii", 0x616b3432, 2) + header(config)
    data = (data + struct.pack("<Bi", config.tied, group)).ljust(256, b"\0")
    for name in ("attention_norm", "mlp_norm", "norm"):
        data += b"".join(drawn.floats[n].tobytes() for n in stacked(config, name))
    order = ["embedding", "q", "k", "v", "o", "gate", "down", "up"]
    for name in order + ([] if config.tied else ["head"]):
        for n in stacked(config, name):
            data += coded[n][0].tobytes() + coded[n][1].tobytes()
    path.write_bytes(data)
    return path


def halves(w, head_dim):
    """Rows of q or k (or their biases) for pairs i and i + n / 2 instead of 2i and 2i + 1."""
    split = w.reshape(-1, head_dim // 2, 2, *w.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(w.shape)


def adjacent(w, head_dim):
    """The other way round."""
    split = w.reshape(-1, 2, head_dim // 2, *w.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(w.shape)


def hf_config(config):
    common = {"hidden_size": config.dim, "num_hidden_layers": config.layers,
              "num_attention_heads": config.heads, "vocab_size": config.vocab,
              "max_position_embeddings": config.context, "tie_word_embeddings": config.tied,
              "bos_token_id": config.bos, "eos_token_id": list(config.eos)}
    if config.architecture == "opt":
        return common | {"architectures": ["OPTForCausalLM"], "ffn_dim": config.hidden,
                         "activation_function": "relu", "do_layer_norm_before": True,
                         "word_embed_proj_dim": config.dim,
                         "enable_bias": config.attention_bias}
    return common | {
        "architectures": ["LlamaForCausalLM"], "intermediate_size": config.hidden,
        "num_key_value_heads": config.kv_heads, "head_dim": config.head_dim,
        "rms_norm_eps": config.eps, "rope_theta": config.rope_theta, "rope_scaling": None,
        "hidden_act": "silu", "attention_bias": config.attention_bias,
        "mlp_bias": config.mlp_bias}


def hf_tensors(drawn):
    """Tensors by the names that a Hugging Face folder has for them."""
    config, names, tensors = drawn.config, tensor_names(drawn.config), {}
    for name, w in drawn.floats.items():
        if config.architecture == "llama" and name.removesuffix(".bias")[-2:] in (".q", ".k"):
            w = halves(w, config.head_dim)
        if name == "positions":
            w = np.concatenate([np.full((OPT_OFFSET, config.dim), 3, np.float32), w])
        before = {"llama": "model.", "opt": "model.decoder."}[config.architecture]
        tensors[("" if name == "head" else before) + names[name]] = w
    return tensors


def write_hf(folder, drawn, kind="F32", shards=1, **changes):
    """A folder; ``changes`` are fields of config.json, None takes one away."""
    folder.mkdir()
    tensors = {name: torch.from_numpy(w).to(DTYPES[kind])
               for name, w in hf_tensors(drawn).items()}
    names, places = sorted(tensors), {}
    for n in range(shards):
        file = f"model-{n + 1:05}-of-{shards:05}.safetensors" if shards > 1 else (
            "model.safetensors")
        part = {name: tensors[name].contiguous() for name in names[n::shards]}
        (folder / file).write_bytes(safetensors.torch.save(part, {"format": "pt"}))
        places |= {name: file for name in part}
    if shards > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    fields = hf_config(drawn.config) | changes
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def write_safetensors(path, entries, data=b"", length=None):
    """A file with any header, true or false."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def pack_blocks(drawn, name, kind):
    """A matrix in GGUF's blocks."""
    codes = drawn.codes[name].reshape(len(drawn.codes[name]), -1, GROUP)
    d = drawn.scales[name].astype(np.float16)[..., None]
    raw = [d.view(np.uint8)]
    if kind == "Q8_0":
        raw += [codes.view(np.uint8)]
    else:
        if kind == "Q4_1":
            raw += [(d * np.float16(-8)).view(np.uint8)]
        q = (codes + 8).astype(np.uint8)
        raw += [q[..., :GROUP // 2] | q[..., GROUP // 2:] << 4]
    return np.concatenate(raw, axis=-1).reshape(len(codes), -1)


def write_gguf(path, drawn, kind="F32", fill=None, **tensors):
    """A file; ``fill`` adds to the writer's metadata, ``tensors`` are more, by name."""
    config = drawn.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.dim)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_layer_norm_rms_eps(config.eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(1)
    if fill:
        fill(writer)
    names = gguf_names(config)
    for name, w in drawn.floats.items():
        if name in drawn.codes and kind in ("Q8_0", "Q4_0", "Q4_1"):
            writer.add_tensor(names[name], pack_blocks(drawn, name, kind),
                              raw_dtype=gguf.GGMLQuantizationType[kind])
        elif name in drawn.codes and kind == "F16":
            writer.add_tensor(names[name], w.astype(np.float16))
        elif name in drawn.codes and kind == "BF16":
            bits = (w.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
            writer.add_tensor(names[name], bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(names[name], w)
    for name, w in tensors.items():
        writer.add_tensor(name, w)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def pack_tokens(pieces, scores, longest=None):
    """A tokenizer file of llama2.c."""
    data = struct.pack("<I", longest or max(map(len, pieces)))
    for piece, score in zip(pieces, scores, strict=True):
        data += struct.pack("<fI", score, len(piece)) + piece
    return data
