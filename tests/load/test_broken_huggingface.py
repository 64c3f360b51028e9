# SPDX-License-Identifier: Apache-2.0
"""Folders of Hugging Face that lack something or are false give one sentence."""

import json
import pickle

import pytest
import safetensors.torch
import torch

from flightllm_hw.compiler.load import LoadError, load
from flightllm_hw.compiler.load.safetensors_file import read_safetensors
from support.checkpoints import (
    OPT,
    draw,
    write_hf,
    write_safetensors,
)
from support.refusals import read_all, refuses

FIELDS = [
    ("architectures", ["GPT2LMHeadModel"], "the architecture 'GPT2LMHeadModel'"),
    ("architectures", None, "the architecture None"),
    ("architectures", [["LlamaForCausalLM"]], "the architecture"),
    ("architectures", {"a": 1}, "the architecture"),
    ("hidden_size", 0, "hidden_size must be a positive integer, not 0"),
    ("hidden_size", "64", "hidden_size must be a positive integer, not '64'"),
    ("hidden_size", 128, r"must have the shape \[80, 128\], not \[80, 64\]"),
    ("hidden_size", None, "hidden_size must be a positive integer, not missing"),
    ("intermediate_size", 10 ** 30, "must have the shape"),
    ("num_hidden_layers", 3, "tensor layers.2.input_layernorm.weight and 8 others are missing"),
    ("num_hidden_layers", 1, "holds a tensor layers.1.input_layernorm.weight, which"),
    ("num_hidden_layers", 10 ** 9, "1000000000 layers, but the folder holds only 21 tensors"),
    ("num_hidden_layers", True, "num_hidden_layers must be a positive integer"),
    ("num_hidden_layers", 2.0, "num_hidden_layers must be a positive integer"),
    ("num_attention_heads", 2 ** 70, "must have the shape|cannot share|is no multiple"),
    ("num_key_value_heads", 3, "4 heads cannot share 3 heads"),
    ("num_key_value_heads", 4, "must have the shape"),
    ("head_dim", 15, "head_dim must be even, not 15"),
    ("head_dim", -2, "head_dim must be a positive integer"),
    ("vocab_size", 81, "must have the shape"),
    ("max_position_embeddings", [], r"max_position_embeddings must be .*, not \[\]"),
    ("rms_norm_eps", float("nan"), "rms_norm_eps must be a positive number, not nan"),
    ("rms_norm_eps", -1e-5, "rms_norm_eps must be a positive number"),
    ("rms_norm_eps", 10 ** 400, "rms_norm_eps must be a positive number"),
    ("rope_theta", float("inf"), "rope_theta must be a positive number, not inf"),
    ("rope_theta", "10000", "rope_theta must be a positive number"),
    ("rope_scaling", {"rope_type": "llama3", "factor": 8.0}, "rope scaling of type 'llama3'"),
    ("rope_scaling", {"type": "linear", "factor": 2.0}, "rope scaling of type 'linear'"),
    ("rope_scaling", "yarn", "rope scaling of type 'yarn'"),
    ("rope_parameters", {"rope_type": "yarn"}, "rope scaling of type 'yarn'"),
    ("partial_rotary_factor", 0.5, "partial_rotary_factor must be 1.0, not 0.5"),
    ("hidden_act", "gelu", "hidden_act must be 'silu', not 'gelu'"),
    ("attention_bias", True, "self_attn.q_proj.bias and 7 others are missing"),
    ("mlp_bias", "yes", "mlp_bias must be true or false, not 'yes'"),
    ("tie_word_embeddings", 1, "tie_word_embeddings must be true or false"),
    ("bos_token_id", 80, r"bos token must be in 0\.\.79, not 80"),
    ("bos_token_id", "<s>", "bos token must be in"),
    ("eos_token_id", [1, -1], r"eos token must be in 0\.\.79, not -1"),
    ("eos_token_id", {"a": 2}, "eos token must be in"),
    ("quantization_config", {"quant_method": "gptq"}, "quantized by 'gptq'"),
    ("x\n" * 999, 1, None),
]


@pytest.mark.parametrize("field, value, match", FIELDS)
def test_false_fields_of_a_llama_are_refused(rng, tmp_path, field, value, match):
    path = write_hf(tmp_path / "model", draw(rng), **{field: value})
    if match is None:
        read_all(load(path))
    else:
        refuses(path, match)


@pytest.mark.parametrize("field, value, match", [
    ("do_layer_norm_before", False, "do_layer_norm_before must be True, not False"),
    ("word_embed_proj_dim", 32, "word_embed_proj_dim must be 64, not 32"),
    ("activation_function", "gelu", "activation_function must be 'relu', not 'gelu'"),
    ("layer_norm_elementwise_affine", False, "layer_norm_elementwise_affine must be True"),
    ("_remove_final_layer_norm", True, "_remove_final_layer_norm must be False"),
    ("enable_bias", False, "holds a tensor layers.0.fc1.bias, which"),
    ("max_position_embeddings", 50, r"embed_positions.weight must have the shape \[52, 64\]"),
    ("num_attention_heads", 5, "hidden_size 64 is no multiple of 5 heads"),
    ("architectures", ["LlamaForCausalLM"], "intermediate_size must be a positive integer"),
])
def test_false_fields_of_an_opt_are_refused(rng, tmp_path, field, value, match):
    refuses(write_hf(tmp_path / "model", draw(rng, OPT), **{field: value}), match)


@pytest.mark.parametrize("text, match", [
    (b"", "is empty"), (b"[]", "must be a JSON object, not a list"), (b"{", "is not valid JSON"),
    (b"\xff\xfe{}", "is not valid JSON"), (b"[" * 100_000, "is not valid JSON"),
    (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
    (b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
])
def test_false_json_is_refused(rng, tmp_path, text, match):
    path = write_hf(tmp_path / "model", draw(rng))
    (path / "config.json").write_bytes(text)
    refuses(path, match)


def test_folders_that_lack_something_are_refused(rng, tmp_path):
    path = write_hf(tmp_path / "model", draw(rng), shards=3)
    shard = path / "model-00002-of-00003.safetensors"
    index = path / "model.safetensors.index.json"
    places = json.loads(index.read_text())["weight_map"]
    whole = shard.read_bytes()

    shard.write_bytes(safetensors.torch.save({"other": torch.zeros(2)}))
    refuses(path, "00002.* lacks the tensor .* that the index says")
    shard.unlink()
    refuses(path, "lacks the shard model-00002-of-00003.safetensors")
    shard.write_bytes(whole[:-1])
    refuses(path, "would end at byte|was cut short|-1 bytes more")
    for false in ("../../secret.safetensors", "/etc/passwd", "pytorch_model-1.bin", 7, ""):
        index.write_text(json.dumps({"weight_map": dict.fromkeys(places, false)}))
        refuses(path, "safetensors files in its own folder")
    for false in ([], {}, None):
        index.write_text(json.dumps({"weight_map": false}))
        refuses(path, "must have a weight_map")
    index.unlink()
    refuses(path, "holds 3 safetensors files, but no model.safetensors.index.json")
    for file in path.glob("*.safetensors"):
        file.unlink()
    refuses(path, "holds no safetensors file")
    (path / "pytorch_model.bin").write_bytes(pickle.dumps([1]))
    refuses(path, "pytorch_model.bin, which is a pickle and never opened")


def test_a_tensor_under_two_names_is_refused(rng, tmp_path):
    path = write_hf(tmp_path / "model", draw(rng)) / "model.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    tensors["norm.weight"] = torch.zeros(64)
    path.write_bytes(safetensors.torch.save(tensors))
    refuses(path.parent, "holds a tensor twice")


ENTRY = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@pytest.mark.parametrize("changes, match", [
    ({"dtype": "I64"}, "stored as I64; F32, F16, BF16 are read"),
    ({"dtype": "F8_E4M3"}, "stored as F8_E4M3"), ({"dtype": ["F32"]}, "stored as"),
    ({"dtype": "F16"}, r"of F16 and shape \[2, 3\] must have 12 bytes, not 24"),
    ({"shape": [2, 2]}, "must have 16 bytes, not 24"), ({"shape": []}, "one to four positive"),
    ({"shape": [0, 6]}, "one to four positive"), ({"shape": [-2, -3]}, "one to four positive"),
    ({"shape": "6"}, "one to four positive"), ({"shape": [True, 6]}, "one to four positive"),
    ({"shape": [2 ** 63, 2 ** 63]}, "must have"), ({"shape": None}, "one to four positive"),
    ({"data_offsets": [24, 0]}, "must have 24 bytes, not -24"),
    ({"data_offsets": [0]}, "must be two integers"), ({"data_offsets": 0}, "must be two integers"),
    ({"data_offsets": [0, 24.0]}, "must be two integers"),
    ({"data_offsets": [4, 28]}, "must begin at byte 0"),
    ({"data_offsets": [0, 28], "shape": [7]}, "would end at byte"),
])
def test_false_entries_of_safetensors_are_refused(tmp_path, changes, match):
    path = write_safetensors(tmp_path / "a.safetensors", {"w": ENTRY | changes}, bytes(24))
    with pytest.raises(LoadError, match=match):
        read_safetensors(path)


@pytest.mark.parametrize("header, data, length, match", [
    ({"w": ENTRY}, bytes(23), None, "tensor w would end at byte"),
    ({"w": ENTRY}, bytes(25), None, "1 bytes more than its tensors"),
    ({"w": ENTRY, "v": ENTRY}, bytes(24), None, "tensor v must begin at byte 24"),
    ({"w": {"dtype": "F32"}}, bytes(24), None, "must have a dtype, a shape and data_offsets"),
    ({"w": 3}, bytes(24), None, "must have a dtype"), ({}, bytes(1), None, "1 bytes more"),
    ({"w": ENTRY}, bytes(24), 2 ** 63, "its header would have 9223372036854775808 bytes"),
    ({"w": ENTRY}, bytes(24), 40, "is not valid JSON"), (b"[1]", b"", None, "must be a JSON obj"),
    (b'{"w": 1, "w": 2}', b"", None, "the key 'w' is there twice"),
])
def test_false_headers_of_safetensors_are_refused(tmp_path, header, data, length, match):
    path = write_safetensors(tmp_path / "a.safetensors", header, data, length)
    with pytest.raises(LoadError, match=match):
        read_safetensors(path)
    path.write_bytes(path.read_bytes()[:7])
    with pytest.raises(LoadError, match="header's length would end at byte 8"):
        read_safetensors(path)
