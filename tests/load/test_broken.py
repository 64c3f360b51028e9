# SPDX-License-Identifier: Apache-2.0
"""Files that are cut short, mislabelled or hostile give one sentence."""

import json
import os
import pickle
import struct

import gguf
import numpy as np
import pytest
import safetensors.torch
import torch

from flightllm_hw.compiler.load import LoadError, load
from flightllm_hw.compiler.load.safetensors_file import read_safetensors
from support.checkpoints import (
    LLAMA,
    OPT,
    draw,
    flat,
    pack_tokens,
    write_gguf,
    write_hf,
    write_safetensors,
    write_v0,
    write_v2,
)

HEADER = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context")


def read_all(checkpoint):
    for tensor in checkpoint.tensors.values():
        tensor.rows()
        tensor.codes()
    checkpoint.notes()


def refuses(path, match, **options):
    """The complaint about a file, which must be a sentence about it."""
    with pytest.raises(LoadError, match=match) as caught:
        read_all(load(path, **options))
    sentence = str(caught.value)
    assert sentence.isprintable() and 20 < len(sentence) <= 603 and str(path.parent) in sentence
    assert not sentence.endswith(".")
    return sentence


def patched(path, offset, data):
    whole = bytearray(path.read_bytes())
    whole[offset:offset + len(data)] = data
    path.write_bytes(whole)
    return path


# Anything.

ANYTHING = {
    "empty": (b"", "is empty"),
    "text": (b"# A model\n\nThis is a model card, long enough to look like something, maybe.\n" * 3,
             "no model that can be read"),
    "json": (b'{"architectures": ["LlamaForCausalLM"]}' + b" " * 99, "give the folder"),
    "zip of PyTorch": (b"PK\x03\x04" + bytes(100), "pickle of PyTorch"),
    "pickle": (pickle.dumps({"weights": [1.0] * 50}), "pickle of PyTorch"),
    "pickle, protocol 2": (pickle.dumps({"weights": [1.0] * 50}, 2), "pickle of PyTorch"),
    "safetensors alone": (struct.pack("<Q", 10) + b'{"a": 1} ' + bytes(99), "its config.json"),
    "pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64,
                           "git lfs pull"),
    "zeros": (bytes(4096), "dim must be positive, not 0"),
    "ones": (b"\xff" * 24 + bytes(400), "dim must be positive, not -1"),
    "a few bytes": (b"\x40\0\0\0\x60", "the header would end at byte 28"),
}


@pytest.mark.parametrize("case", ANYTHING)
def test_other_files_are_refused(tmp_path, case):
    data, match = ANYTHING[case]
    (tmp_path / "model.bin").write_bytes(data)
    refuses(tmp_path / "model.bin", match)


def test_places_without_a_model_are_refused(tmp_path):
    refuses(tmp_path / "nothing.bin", "cannot be read .No such file")
    refuses(tmp_path / "nothing", "cannot be read")
    os.mkfifo(tmp_path / "pipe")
    refuses(tmp_path / "pipe", "not a regular file")
    (tmp_path / "folder").mkdir()
    refuses(tmp_path / "folder", "holds no config.json")
    refuses(tmp_path / "a\0b", "null")


# llama2.c


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("field", range(7), ids=HEADER)
@pytest.mark.parametrize("value", [0, -1, 1, 77, 2 ** 31 - 1, -2 ** 31])
def test_no_false_header_of_llama2c_is_believed(rng, tmp_path, version, field, value):
    path = [write_v0, None, write_v2][version](tmp_path / "model.bin", draw(rng))
    patched(path, (0, None, 8)[version] + 4 * field, struct.pack("<i", value))
    if version == 2 and HEADER[field] == "context" and value > 0:
        # Nothing in such a file depends on it.
        assert load(path).config.context == value
        return
    refuses(path, "must be positive|must have .* bytes|no multiple|cannot share|must be even|"
                  r"token must be in 0\.\.0")


@pytest.mark.parametrize("writer", [write_v0, write_v2])
def test_no_cut_file_of_llama2c_is_believed(rng, tmp_path, writer):
    path = writer(tmp_path / "model.bin", draw(rng))
    whole = path.read_bytes()
    for size in [*range(1, 64), 255, 256, 257, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        refuses(path, "header|version|no model|must have")
    path.write_bytes(whole + b"\0")
    refuses(path, f"must have {len(whole)} bytes .* not {len(whole) + 1}")


@pytest.mark.parametrize("offset, data, match", [
    (4, struct.pack("<i", 1), "of version 1 of llama2.c"),
    (4, struct.pack("<i", 3), "of version 3 of llama2.c"),
    (36, b"\x02", "flag of a shared head must be 0 or 1, not 2"),
    (36, b"\x01", "tied head"),
    (37, struct.pack("<i", 0), "group size must be positive"),
    (37, struct.pack("<i", -32), "group size must be positive"),
    (37, struct.pack("<i", 64), "must have"),
    (256, struct.pack("<f", np.nan), r"layers\.0\.attention_norm must be finite.*\[0\] is nan"),
])
def test_false_fields_of_version_2_are_refused(rng, tmp_path, offset, data, match):
    refuses(patched(write_v2(tmp_path / "model.bin", draw(rng)), offset, data), match)


@pytest.mark.parametrize("scale", [np.nan, np.inf, -0.5])
def test_false_scales_of_version_2_are_refused(rng, tmp_path, scale):
    drawn = draw(rng)
    coded = flat(drawn)
    coded["layers.1.up"][1][5] = scale
    refuses(write_v2(tmp_path / "model.bin", drawn, coded),
            "scales of tensor layers.1.up must be finite and not negative, but one is")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(rng, tmp_path, value):
    drawn = draw(rng)
    drawn.floats["layers.1.gate"][3, 7] = value
    what = rf"must be finite, but its element at \[3, 7\] is {value}"
    refuses(write_v0(tmp_path / "a.bin", drawn), r"layers\.1\.gate " + what)
    refuses(write_gguf(tmp_path / "a.gguf", drawn), r"blk\.1\.ffn_gate\.weight " + what)
    for kind in ("F32", "F16", "BF16"):
        path = write_hf(tmp_path / kind, drawn, kind)
        with pytest.raises(LoadError, match=r"layers\.1\.mlp\.gate_proj\.weight " + what):
            load(path).tensors["layers.1.gate"].rows(2)
        load(path).tensors["layers.1.gate"].rows(0, 3)


# Tokenizers

PIECES = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % n for n in range(77))]


@pytest.mark.parametrize("data, match", [
    (b"", "is empty"),
    (pack_tokens(PIECES, [0.0] * 80)[:3], "at least 12|no tokenizer"),
    (pack_tokens(PIECES, [0.0] * 80)[:7], "within the score and length of token 0"),
    (pack_tokens(PIECES, [0.0] * 80)[:-1], "token 79 would have 6 bytes"),
    (pack_tokens(PIECES, [0.0] * 80)[:-6], "token 79 would have 6 bytes"),
    (pack_tokens(PIECES[:79], [0.0] * 79), "has 79 tokens, but the model has 80"),
    (pack_tokens([*PIECES, b"a"], [0.0] * 81), "has 81 tokens, but the model has 80"),
    (pack_tokens(PIECES, [np.nan] * 80), "score of token 0 must be finite"),
    (pack_tokens(PIECES, [0.0] * 80, longest=2), "token 0 would have 5 bytes, but at most 2"),
    (b"\x05\0\0\0" + struct.pack("<fI", 0, 2 ** 32 - 1), "token 0 would have 4294967295 bytes"),
    (b"\x05\0\0\0", "holds no tokens"),
    (b'{"model": 1}' + bytes(0), "is no tokenizer.json"),
    (b'{"model": ', "is no tokenizer.json"),
    (b"\n\x0e\n\x05<unk>\x15" + b"\xff" * 60, "is no SentencePiece model"),
    (b"\x80\x04K\x01.", "no tokenizer that can be read"),
])
def test_false_tokenizers_are_refused(rng, tmp_path, data, match):
    path = write_v0(tmp_path / "model.bin", draw(rng))
    (tmp_path / "words").write_bytes(data)
    refuses(path, match, tokenizer=tmp_path / "words")
    (tmp_path / "tok80.bin").write_bytes(data)
    refuses(path, match)
    (tmp_path / "folder").mkdir()
    refuses(path, "holds no tokenizer", tokenizer=tmp_path / "folder")


# Folders of Hugging Face

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


# GGUF


def setting(name, value, kind):
    def fill(writer):
        for shard in writer.kv_data:
            shard.pop(name, None)
        writer.add_key_value(name, value, gguf.GGUFValueType[kind])
    return fill


@pytest.mark.parametrize("name, value, kind, match", [
    ("general.architecture", "falcon", "STRING", "architecture 'falcon'"),
    ("general.architecture", 3, "UINT32", "architecture 3"),
    ("general.alignment", 33, "UINT32", "general.alignment must be a power of two, not 33"),
    ("general.alignment", 0, "UINT32", "general.alignment must be a power of two, not 0"),
    ("llama.block_count", 3, "UINT32", "blk.2.attn_norm.weight and 8 others are missing"),
    ("llama.block_count", 2 ** 32 - 1, "UINT32", "4294967295 layers, but holds only 21 tensors"),
    ("llama.embedding_length", 63, "UINT32", "must be|must have"),
    ("llama.feed_forward_length", "96", "STRING", "feed_forward_length must be a positive integer"),
    ("llama.attention.head_count", 0, "UINT32", "head_count must be a positive integer, not 0"),
    ("llama.attention.head_count_kv", 3, "UINT32", "4 heads cannot share 3"),
    ("llama.attention.layer_norm_rms_epsilon", float("nan"), "FLOAT32", "eps must be a positive"),
    ("llama.rope.dimension_count", 8, "UINT32", "rope.dimension_count must be 16"),
    ("llama.rope.freq_base", -1.0, "FLOAT32", "rope_theta must be a positive number"),
    ("llama.rope.scaling.type", "linear", "STRING", "rope scaling of type 'linear'"),
    ("llama.rope.scale_linear", 2.0, "FLOAT32", "rope scaling"),
    ("llama.expert_count", 8, "UINT32", "mixture of experts"),
    ("llama.context_length", -5, "INT32", "context_length must be a positive integer, not -5"),
    ("tokenizer.ggml.bos_token_id", 80, "UINT32", "bos token must be in"),
    ("tokenizer.ggml.model", "t5", "STRING", "tokenizer.ggml.tokens"),
])
def test_false_metadata_of_gguf_is_refused(rng, tmp_path, name, value, kind, match):
    refuses(write_gguf(tmp_path / "a.gguf", draw(rng), fill=setting(name, value, kind)), match)


@pytest.mark.parametrize("fill, match", [
    (lambda w: w.add_tokenizer_model("t5"), "tokenizer of the kind b't5'"),
    (lambda w: (w.add_tokenizer_model("llama"), w.add_token_scores([0.0] * 79)),
     "tokenizer.ggml.scores must have a number for each of 80 tokens"),
    (lambda w: (w.add_tokenizer_model("llama"), w.add_token_scores([float("nan")] * 80)),
     "scores of its tokens must be finite"),
    (lambda w: (w.add_tokenizer_model("llama"), w.add_add_space_prefix(False)), "no space before"),
    (lambda w: w.add_tokenizer_model("gpt2"), "tokenizer.ggml.merges"),
    (lambda w: (w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre("qwen2")), "splits texts as"),
    (lambda w: (w.add_tokenizer_model("gpt2"), w.add_token_merges(["one"])), "no tokenizer.json"),
])
def test_false_tokenizers_of_gguf_are_refused(rng, tmp_path, fill, match):
    tokens = [b"t%d" % n for n in range(80)]
    refuses(write_gguf(tmp_path / "a.gguf", draw(rng),
                       fill=lambda w: (w.add_token_list(tokens), fill(w))), match)


def test_false_tensors_of_gguf_are_refused(rng, tmp_path):
    drawn = draw(rng)
    factors = {"rope_freqs.weight": np.ones(8, np.float32)}
    read_all(load(write_gguf(tmp_path / "a.gguf", drawn, **factors)))
    factors["rope_freqs.weight"][3] = 8
    refuses(write_gguf(tmp_path / "b.gguf", drawn, **factors), "scales its rotary positions")
    refuses(write_gguf(tmp_path / "c.gguf", drawn, extra=np.ones(8, np.float32)),
            "holds a tensor extra, which")
    refuses(write_gguf(tmp_path / "d.gguf", drawn, extra=np.ones(8, np.int32)),
            "tensor extra is stored as I32 with 1 axes; F32, F16, BF16, Q8_0, Q4_0, Q4_1 are read")
    del drawn.floats["layers.1.v"]
    refuses(write_gguf(tmp_path / "e.gguf", drawn), "tensor blk.1.attn_v.weight is missing")
    del drawn.floats["embedding"]
    refuses(write_gguf(tmp_path / "f.gguf", drawn), "lacks the matrix token_embd.weight")
    drawn = draw(rng)
    drawn.floats["layers.0.k"] = drawn.codes["layers.0.k"]
    refuses(write_gguf(tmp_path / "g.gguf", drawn), "blk.0.attn_k.weight is stored as I8 with 2")


@pytest.mark.parametrize("kind, offset, value", [("Q8_0", 0, 0x7e00), ("Q8_0", 0, 0xbc00),
                                                 ("Q4_0", 0, 0x7c00), ("Q4_1", 2, 0xfc00),
                                                 ("Q4_1", 0, 0xbc00)])
def test_false_scales_of_gguf_are_refused(rng, tmp_path, kind, offset, value):
    path = write_gguf(tmp_path / "a.gguf", draw(rng), kind)
    reader = gguf.GGUFReader(path)
    at = next(t.data_offset for t in reader.tensors if t.name == "blk.1.ffn_up.weight")
    del reader
    patched(path, at + offset, struct.pack("<H", value))
    refuses(path, "tensor blk.1.ffn_up.weight must be finite")


def test_false_headers_of_gguf_are_refused(rng, tmp_path):
    whole = write_gguf(tmp_path / "a.gguf", draw(rng)).read_bytes()
    path = tmp_path / "b.gguf"
    for offset, value, match in [
            (4, struct.pack("<I", 1), "version 1 of GGUF"), (4, struct.pack(">I", 3), "big endian"),
            (4, struct.pack("<I", 99), "version 99"),
            (8, struct.pack("<Q", 2 ** 60), "keys and tensors would end"),
            (16, struct.pack("<Q", 2 ** 60), "keys and tensors would end"),
            (24, struct.pack("<Q", 2 ** 63), "the name of key 0 would end"),
            (24 + 8 + 20, struct.pack("<I", 99), "type 99, which has no meaning"),
            (24 + 8 + 20, struct.pack("<I", 9), "type|would end"),
            (32, b"\xff", "the name of key 0 must be UTF-8")]:
        path.write_bytes(whole)
        refuses(patched(path, offset, value), match)
    for text, value, match in [
            (b"token_embd.weight", struct.pack("<I", 0), "one to four axes, not 0"),
            (b"token_embd.weight", struct.pack("<I", 2 ** 31), "one to four axes"),
            (b"token_embd.weight", struct.pack("<IQ", 2, 0), "may be empty"),
            (b"token_embd.weight", struct.pack("<IQ", 2, 2 ** 63), "would end at byte"),
            (b"token_embd.weight", struct.pack("<IQQI", 2, 64, 80, 200), "unknown type 200"),
            (b"token_embd.weight", struct.pack("<IQQI", 2, 64, 80, 12), "multiple of 256 columns"),
            (b"token_embd.weight", struct.pack("<IQQIQ", 2, 64, 80, 0, 2 ** 63), "would end at")]:
        path.write_bytes(whole)
        refuses(patched(path, whole.index(text) + len(text), value), match)
    for text, other, match in [
            (b"blk.0.attn_k.", b"blk.0.attn_q.", "has the tensor blk.0.attn_q.weight twice"),
            (b"blk.0.attn_k.", b"blk.0.attn_x.", "tensor blk.0.attn_k.weight is missing"),
            (b"bos_token", b"eos_token", "has the key tokenizer.ggml.eos_token_id twice")]:
        path.write_bytes(whole.replace(text, other))
        refuses(path, match)


def pieces(config):
    return [b"t%d" % n for n in range(config.vocab)]


@pytest.mark.parametrize("kind", ["v2", "gguf"])
def test_nothing_but_a_sentence_comes_of_damage(rng, tmp_path, kind):
    """Every cut of the header, and bytes changed at random, anywhere."""
    drawn = draw(rng, LLAMA, vocab=32, dim=32, head_dim=8, hidden=32)
    path = write_v2(tmp_path / "m", drawn) if kind == "v2" else write_gguf(
        tmp_path / "m", drawn, "Q4_1", lambda w: (
            w.add_tokenizer_model("llama"), w.add_token_list(pieces(drawn.config)),
            w.add_token_scores([0.0] * 32)))
    whole = path.read_bytes()
    read_all(load(path))
    header = 256 if kind == "v2" else whole.index(b"blk.1.ffn_up.weight") + 64
    for size in range(0, header, 1 if kind == "v2" else 7):
        path.write_bytes(whole[:size])
        refuses(path, None)
    refused, header = 0, 41 if kind == "v2" else header
    for n in range(600):
        data = bytearray(whole)
        for at in rng.integers(0, header if n % 2 else len(whole), 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_all(load(path))
        except LoadError as e:
            assert str(e).isprintable()
            refused += 1
    assert refused > 100
