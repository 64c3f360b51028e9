# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that others trained."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.load import LoadError, load
from flightllm_hw.golden.model import Model
from flightllm_hw.golden.perplexity import perplexity
from support.checkpoints import (
    MODELS,
    Drawn,
    adjacent,
    needs_models,
    texts,
    write_gguf,
    write_v2,
)

pytestmark = needs_models


def test_stories260k_is_described():
    got = load(MODELS / "stories260K.bin")
    c = got.config
    assert (c.dim, c.hidden, c.layers, c.heads, c.kv_heads, c.vocab, c.context) == (
        64, 172, 5, 8, 4, 512, 512)
    assert c.tied and c.rope_style == "adjacent" and c.head_dim == 8
    assert got.tokenizer.kind == "llama2.c" and got.tokenizer.size == 512
    data = np.fromfile(MODELS / "stories260K.bin", "<f4")
    assert_array_equal(got.read("embedding").ravel(), data[7:7 + 512 * 64])
    assert all(np.isfinite(tensor.rows()).all() for tensor in got.tensors.values())


def test_tinystories656k_is_described():
    got = load(MODELS / "tinystories656k")
    c = got.config
    assert (c.dim, c.hidden, c.layers, c.heads, c.kv_heads, c.vocab, c.context) == (
        128, 384, 2, 8, 4, 2048, 512)
    assert c.tied and c.rope_style == "halves" and c.eps == 1e-6 and (c.bos, c.eos) == (1, (2,))
    assert got.tokenizer.kind == "tokenizer.json" and got.tokenizer.size == 2048


def test_stories_come_back_from_their_tokens():
    for name in ("stories260K.bin", "tinystories656k"):
        tokenizer = load(MODELS / name).tokenizer
        for text in texts(20):
            tokens = tokenizer.encode(text)
            assert tokens[0] == 1 and max(tokens) < tokenizer.size
            if 0 not in tokens:
                assert tokenizer.decode(tokens) == text


def test_another_vocabulary_is_refused():
    with pytest.raises(LoadError, match="has 32000 tokens, but the model has 512"):
        load(MODELS / "stories260K.bin", MODELS / "llama2_tokenizer.model")


def q8(w, group):
    """Codes and scales of llama2.c's export, along the flattened tensor."""
    groups = np.pad(w.ravel(), (0, -w.size % group)).reshape(-1, group)
    scale = (np.abs(groups).max(axis=1) / 127).astype(np.float32)
    codes = np.rint(groups / scale[:, None]).astype(np.int8)
    return codes.ravel()[:w.size], scale


@pytest.mark.parametrize("group", [4, 64])
def test_eight_bits_change_little_even_where_groups_do_not_divide(tmp_path, group):
    model = load(MODELS / "stories260K.bin")
    drawn = Drawn(model.config, {name: t.rows() for name, t in model.tensors.items()}, {}, {})
    coded = {name: q8(w, group) for name, w in drawn.floats.items() if w.ndim == 2}
    got = load(write_v2(tmp_path / "model.bin", drawn, coded, group), MODELS / "tok512.bin")
    assert_array_equal(got.tensors["layers.4.down"].codes().codes.ravel(),
                       coded["layers.4.down"][0])
    lists = [got.tokenizer.encode(text) for text in texts(10)]
    before, after = (perplexity(Model(m).logits, lists, 512) for m in (model, got))
    assert abs(after / before - 1) < 0.003


@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
def test_gguf_of_tinystories656k_tells_the_same_story(tmp_path, kind):
    model = load(MODELS / "tinystories656k")
    config = replace(model.config, rope_style="adjacent")
    drawn = Drawn(config, {}, {}, {})
    for name, tensor in model.tensors.items():
        w = adjacent(tensor.rows(), 16) if name[-2:] in (".q", ".k") else tensor.rows()
        drawn.floats[name] = w
        if w.ndim == 2:
            groups = w.reshape(len(w), -1, 32)
            scale = (np.abs(groups).max(axis=2) / 127).astype(np.float16).astype(np.float32)
            drawn.codes[name] = np.rint(groups / scale[..., None]).astype(np.int8).reshape(w.shape)
            drawn.scales[name] = scale
    got = load(write_gguf(tmp_path / "model.gguf", drawn, kind),
               MODELS / "tinystories656k" / "tokenizer.json")
    if kind == "Q8_0":
        assert_array_equal(got.tensor("head").codes().codes, drawn.codes["embedding"])
    assert got.tokenizer.encode("One day") == model.tokenizer.encode("One day")
    assert Model(got).generate([1], 30) == Model(model).generate([1], 30)
