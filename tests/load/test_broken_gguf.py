# SPDX-License-Identifier: Apache-2.0
"""GGUF files that are false give one sentence."""

import struct

import gguf
import numpy as np
import pytest

from flightllm_hw.compiler.load import load
from support.checkpoints import (
    draw,
    write_gguf,
)
from support.refusals import patched, read_all, refuses


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
