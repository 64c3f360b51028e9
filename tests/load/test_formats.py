# SPDX-License-Identifier: Apache-2.0
"""Every format gives back what was written, to the bit, and the same logits."""

import gguf
import numpy as np
import pytest
import safetensors.torch
from numpy.testing import assert_allclose, assert_array_equal

from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.load.gguf_blocks import BlockTensor
from flightllm_hw.compiler.load.gguf_file import read_gguf
from flightllm_hw.compiler.load.mapped import MappedFile
from flightllm_hw.golden.model import Model
from support.checkpoints import (
    LLAMA,
    OPT,
    draw,
    halves,
    write_gguf,
    write_hf,
    write_v0,
    write_v2,
)

WRITERS = {
    "v0": write_v0,
    "v2": write_v2,
    **{f"hf {kind} {n}": lambda path, drawn, kind=kind, n=n: write_hf(path, drawn, kind, n)
       for kind, n in [("F32", 1), ("F16", 3), ("BF16", 2)]},
    **{f"gguf {kind}": lambda path, drawn, kind=kind: write_gguf(path, drawn, kind)
       for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")},
}


def expected(drawn, name, style):
    """A tensor as a file has it, whose rope style may not be the one drawn."""
    w = drawn.floats[name]
    rotates = name.removesuffix(".bias")[-2:] in (".q", ".k")
    return halves(w, drawn.config.head_dim) if style == "halves" and rotates else w


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_llama_comes_back_to_the_bit(rng, tmp_path, writer, tied):
    drawn = draw(rng, tied=tied)
    got = load(WRITERS[writer](tmp_path / "model", drawn))
    style = "halves" if writer.startswith("hf") else "adjacent"
    assert got.config == draw(rng, tied=tied, rope_style=style).config
    assert got.tensors.keys() == drawn.floats.keys() and got.tokenizer is None
    for name, tensor in got.tensors.items():
        want = expected(drawn, name, style)
        assert tensor.shape == want.shape
        assert tensor.rows().dtype == np.float32
        assert_array_equal(tensor.rows(), want, name)
        assert_array_equal(tensor.rows(3, 10), want[3:10])
    assert_array_equal(got.read("head"), drawn.read("head"))
    assert got.notes() == ()

    logits = Model(got).logits([1, 5, 7, 9, 11, 79])
    wanted = Model(drawn).logits([1, 5, 7, 9, 11, 79])
    if style == "adjacent":
        assert_array_equal(logits, wanted)
    assert_allclose(logits, wanted, atol=1e-4)


def test_shapes_of_heads_need_not_follow_from_dim(rng, tmp_path):
    drawn = draw(rng, dim=96, heads=4, head_dim=32, kv_heads=1)
    for n, path in enumerate([write_hf(tmp_path / "hf", drawn),
                              write_gguf(tmp_path / "gguf", drawn, fill=lambda w: (
                                  w.add_key_length(32), w.add_value_length(32)))]):
        got = load(path)
        assert got.tensors["layers.1.o"].shape == (96, 128) and got.config.head_dim == 32
        assert_allclose(Model(got).logits([1, 2, 3]), Model(drawn).logits([1, 2, 3]), atol=1e-4)
        assert got.config.rope_style == ["halves", "adjacent"][n]


def test_biases_of_a_llama(rng, tmp_path):
    drawn = draw(rng, attention_bias=True, mlp_bias=True)
    for path in (write_hf(tmp_path / "hf", drawn), write_gguf(tmp_path / "gguf", drawn, "Q8_0")):
        got = load(path)
        assert got.config.attention_bias and got.config.mlp_bias
        for name in drawn.floats:
            assert_array_equal(got.read(name), expected(drawn, name, got.config.rope_style), name)
        assert_allclose(Model(got).logits([1, 2, 3]), Model(drawn).logits([1, 2, 3]), atol=1e-4)


@pytest.mark.parametrize("kind, shards", [("F32", 1), ("F16", 2), ("BF16", 5)])
@pytest.mark.parametrize("tied, biased", [(True, True), (False, False)])
def test_opt_comes_back_to_the_bit(rng, tmp_path, kind, shards, tied, biased):
    drawn = draw(rng, OPT, tied=tied, attention_bias=biased, mlp_bias=biased)
    got = load(write_hf(tmp_path / "opt", drawn, kind, shards, enable_bias=biased))
    assert got.config == drawn.config
    for name, want in drawn.floats.items():
        assert_array_equal(got.read(name), want, name)
        assert got.tensors[name].shape == want.shape
    assert_array_equal(Model(got).logits([2, 5, 7]), Model(drawn).logits([2, 5, 7]))


@pytest.mark.parametrize("writer", ["v2", "gguf Q8_0", "gguf Q4_0", "gguf Q4_1"])
def test_codes_are_those_of_the_file(rng, tmp_path, writer):
    drawn = draw(rng)
    got = load(WRITERS[writer](tmp_path / "model", drawn))
    for name, codes in drawn.codes.items():
        found = got.tensors[name].codes(1, 30)
        wide = writer in ("v2", "gguf Q8_0")
        assert (found.bits, found.group) == (8 if wide else 4, 32)
        assert_array_equal(found.scale, drawn.scales[name][1:30])
        assert_array_equal(found.codes, codes[1:30] + (0 if wide else 8))
        assert (found.zero is None) == wide and (wide or (found.zero == 8).all())
        assert_array_equal(found.dequantize(), drawn.floats[name][1:30])
    assert got.tensors["norm"].codes() is None


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1"])
def test_blocks_mean_what_the_gguf_package_says(rng, tmp_path, kind):
    sort = gguf.GGMLQuantizationType[kind]
    w = rng.standard_normal((64, 64)).astype(np.float32)
    w[0, :32] = 0
    raw = gguf.quants.quantize(w, sort)
    writer = gguf.GGUFWriter(tmp_path / "one", "llama")
    writer.add_tensor("w", raw, raw_dtype=sort)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tensor = open_tensor(tmp_path / "one", "w")
    wanted = gguf.quants.dequantize(raw, sort)
    assert_array_equal(tensor.rows(), wanted)
    found = tensor.codes()
    if kind == "Q4_1":
        # Least weights of a normal distribution are no multiples of a scale.
        assert found is None and "w: the least weight" in tensor.note
        return
    assert tensor.note is None and (found.scale >= 0).all()
    assert_array_equal(found.dequantize(), wanted)
    if kind == "Q4_0":
        negative = raw.reshape(64, 2, 18)[:, :, 1] >= 128
        assert negative.any() and not negative.all()
        assert_array_equal(found.zero[found.scale > 0] == 7, negative[found.scale > 0])
        assert found.codes.min() == 0 and found.codes.max() == 15


def open_tensor(path, name):
    file = MappedFile(path)
    entry = read_gguf(file)[1][name]
    return BlockTensor(file, name, entry.shape, entry.kind, entry.offset)


def test_directory_is_what_the_gguf_package_reads(rng, tmp_path):
    path = write_gguf(tmp_path / "model", draw(rng), "Q8_0", lambda w: (
        w.add_token_list([b"a", b"bc"]), w.add_array("numbers", [1, 2, 3]),
        w.add_custom_alignment(64), w.add_bool("flag", True), w.add_float64("wide", 0.1)))
    keys, tensors = read_gguf(MappedFile(path))
    reader = gguf.GGUFReader(path)
    inner = {name for name in reader.fields if not name.startswith("GGUF.")}
    assert inner == keys.keys() and [t.name for t in reader.tensors] == list(tensors)
    for name in inner:
        mine, theirs = keys[name], reader.fields[name].contents()
        if isinstance(mine, bytes):
            mine = mine.decode()
        elif isinstance(mine, list):
            mine = [piece.decode() for piece in mine]
        assert (list(mine) == theirs if isinstance(theirs, list) else mine == theirs), name
    for tensor in reader.tensors:
        assert tensors[tensor.name].offset == tensor.data_offset
        assert tensors[tensor.name].shape == tuple(tensor.shape.tolist()[::-1])


@pytest.mark.parametrize("group", [4, 32, 64, 128, 37])
def test_no_tail_is_lost_where_groups_do_not_divide(rng, tmp_path, group):
    drawn = draw(rng, hidden=160, tied=True)
    coded = {name: (rng.integers(-128, 128, w.size).astype(np.int8),
                    rng.random(-(-w.size // group)).astype(np.float32))
             for name, w in drawn.floats.items() if w.ndim == 2}
    got = load(write_v2(tmp_path / "model.bin", drawn, coded, group))
    for name, (codes, scales) in coded.items():
        shape = drawn.floats[name].shape
        want = codes.astype(np.float32) * np.repeat(scales, group)[:codes.size]
        assert_array_equal(got.read(name), want.reshape(shape), name)
        found = got.tensors[name].codes(7, 21)
        assert_array_equal(found.codes, codes.reshape(shape)[7:21])
        assert_array_equal(found.dequantize(), want.reshape(shape)[7:21])
        assert shape[1] % found.group == 0 and group % found.group == 0


def test_weights_stay_in_the_file_until_read(tmp_path):
    # Sixty layers of a large model, in a file with nothing in it: only the header is looked at.
    path = tmp_path / "large.bin"
    shape = dict(dim=4096, hidden=11008, layers=60, heads=32, kv_heads=32, vocab=-32000,
                 context=4096)
    d, h, n = 4096, 11008, 60
    size = 28 + 4 * (2 * 32000 * d + n * (2 * d + 4 * d * d + 3 * d * h) + d + 4096 * 128)
    with path.open("wb") as file:
        file.write(np.array(list(shape.values()), np.int32).tobytes())
        file.truncate(size)
    got = load(path)
    assert size > 40e9 and not got.config.tied
    assert not got.tensors["layers.59.up"].rows(11000, 11008).any()


def test_either_name_of_a_tied_embedding_will_do(rng, tmp_path):
    drawn = draw(rng, tied=True)
    path = write_hf(tmp_path / "model", drawn) / "model.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    embedding = tensors.pop("model.embed_tokens.weight")
    tensors["lm_head.weight"] = embedding
    path.write_bytes(safetensors.torch.save(tensors))
    assert_array_equal(load(tmp_path / "model").read("embedding"), drawn.floats["embedding"])
    tensors["model.embed_tokens.weight"] = embedding + 0
    path.write_bytes(safetensors.torch.save(tensors))
    assert_array_equal(load(tmp_path / "model").read("head"), drawn.floats["embedding"])


def test_what_a_file_is_is_seen_from_its_content(rng, tmp_path):
    drawn = draw(rng, LLAMA, dim=640, head_dim=160)
    # A dim of 640 begins like a pickle.
    assert write_v0(tmp_path / "a.gguf", drawn).read_bytes()[:2] == b"\x80\x02"
    assert load(tmp_path / "a.gguf").format == "llama2.c version 0"
    assert load(write_v2(tmp_path / "b.pt", drawn)).format == "llama2.c version 2 (Q8_0)"
    assert load(write_gguf(tmp_path / "c.bin", drawn)).format == "GGUF"
