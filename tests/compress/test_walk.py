# SPDX-License-Identifier: Apache-2.0
"""Whole models: small random ones for the walk, real ones for what compression costs."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import flightllm_hw
from flightllm_hw.compiler.compress import (
    AttentionMask,
    Line,
    Recipe,
    Report,
    Setting,
    compress,
    compress_model,
    matrices,
    measure_sensitivity,
    mix_precision,
)
from flightllm_hw.compiler.load import load
from flightllm_hw.formats import Pattern
from flightllm_hw.golden.calibration import Calibration, Divergence
from flightllm_hw.golden.model import Model
from flightllm_hw.golden.perplexity import perplexity
from support.checkpoints import LLAMA, MODELS, OPT, draw, needs_models, texts

OURS = Path(flightllm_hw.__file__).parent / "models"
W4 = Setting(bits=4, zero_point=True)
TEXTS = [[1, 5, 79, 7, 7, 0, 33, 12], [3] * 40, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]]


def run(model, recipe, walk=None):
    """Compressed matrices and lines of the report, by name."""
    found = list(compress_model(model, recipe, walk))
    return {name: got for name, got, _ in found}, {name: line for name, _, line in found}


def test_every_matrix_has_its_setting(rng):
    for config in (LLAMA, OPT):
        drawn = draw(rng, config)
        recipe = Recipe(default=Setting(bits=5), overrides={"1.down": W4})
        got, lines = run(drawn, recipe, Calibration(drawn, TEXTS))
        names = [name for part in matrices(config) for name in part]
        assert list(got) == names
        assert set(names) - {"head"} <= drawn.codes.keys() <= {*names, "embedding", "positions"}
        for name in names:
            assert got[name].weights.shape == drawn.read(name).shape
            assert got[name].weights.bits == recipe.of(name).bits == lines[name].bits
            assert lines[name].zero_point is (name == "layers.1.down")


def test_layers_see_what_the_compressed_ones_before_them_give(rng):
    drawn = draw(rng)
    recipe = Recipe(default=Setting(bits=2))
    got, lines = run(drawn, recipe, Calibration(drawn, TEXTS))
    walk = Calibration(drawn, TEXTS)
    first, plain = walk.grams(), compress("q", drawn.read("layers.0.q"), recipe.default)
    want = compress("q", drawn.read("layers.0.q"), recipe.default, first["layers.0.q"])
    assert_array_equal(got["layers.0.q"].weights.codes, want.weights.codes)
    assert (plain.weights.codes != want.weights.codes).any()
    walk.step({name: got[name].dequantize() for name in first})
    w, gram = drawn.read("layers.1.up"), walk.grams()["layers.1.up"]
    want = compress("up", w, recipe.default, gram)
    assert_array_equal(got["layers.1.up"].weights.codes, want.weights.codes)
    assert lines["layers.1.up"] == Line.of("layers.1.up", w, want, gram)


def test_walks_are_repeatable(rng):
    drawn = draw(rng)
    one, other = (run(drawn, Recipe(default=W4), Calibration(drawn, TEXTS))[0] for _ in range(2))
    for name, got in one.items():
        assert_array_equal(got.weights.codes, other[name].weights.codes)


def test_unknown_keys_are_refused_before_anything_is_done(rng):
    drawn, recipe = draw(rng), Recipe(overrides={"w2": W4})
    for start in (compress_model, measure_sensitivity):
        with pytest.raises(ValueError, match="must fit a matrix of the model, not 'w2'"):
            list(start(drawn, recipe))


def test_reports_say_what_became_of_each_matrix(rng):
    drawn = draw(rng)
    for walk in (None, Calibration(drawn, TEXTS)):
        _, lines = run(drawn, Recipe.uniform(Setting(pattern=Pattern.S2_4, bits=4)), walk)
        report = Report(lines.values())
        read = json.loads(report.to_json())
        assert read["average_bits"] == report.average_bits == 4
        assert [one["name"] for one in read["matrices"]] == list(lines)
        one = lines["layers.0.q"]
        assert one.pattern == "2:4" and one.kept == 0.5 and 0.1 < one.weight_error < 1
        assert (one.output_error is None) is (walk is None)
        assert lines["head"].pattern == "dense"
        table = report.table().splitlines()
        assert len(table) == len(lines) + 2 and len({len(row) for row in table[:-1]}) == 1
        assert "2:4  50.0%" in table[1] and table[-1] == "15 matrices, 4.00 bits a code"


def test_reports_of_nothing_are_possible():
    assert Report([]).average_bits == 0
    assert Report([]).table().endswith("0 matrices, 0.00 bits a code")


def test_sensitivity_counts_what_patterns_keep(rng):
    drawn = draw(rng)
    recipe = Recipe.uniform(Setting(pattern=Pattern.S2_4))
    table, sizes = measure_sensitivity(drawn, recipe, Calibration(drawn, TEXTS), (2, 8))
    assert sizes["layers.0.q"] == 64 * 64 // 2 and sizes["head"] == 80 * 64
    assert all(set(own) == {2, 8} and own[2] > own[8] for own in table.values())
    measured, _ = measure_sensitivity(drawn, recipe, None, (2, 8), Divergence(drawn, TEXTS))
    assert measured.keys() == table.keys()


class Open:
    """A real model, texts to calibrate with, and others to judge by."""

    def __init__(self, path, calibration=12, evaluation=8):
        self.model = load(path)
        encode = self.model.tokenizer.encode
        self.calibration = [encode(text) for text in texts(calibration, "train")]
        self.texts = [encode(text) for text in texts(evaluation)]
        self.reference = Model(self.model)
        self.exact = self.perplexity(self.reference)

    def walk(self):
        return Calibration(self.model, self.calibration)

    def perplexity(self, model):
        return perplexity(model.logits, self.texts, self.model.config.context)

    def costs(self, recipe, walk=None):
        """Perplexity over that of the float32 model; the report's lines."""
        got, lines = run(self.model, recipe, walk)
        changed = {name: one.dequantize() for name, one in got.items()}
        return self.perplexity(self.reference.replaced(changed)) / self.exact, lines


@pytest.fixture(scope="module")
def stories():
    return Open(MODELS / "stories260K.bin")


@pytest.fixture(scope="module")
def default():
    return Open(OURS / "default")


@needs_models
def test_stories260k_keeps_its_perplexity(stories):
    eight, lines = stories.costs(Recipe())
    assert eight < 1.005
    assert max(line.weight_error for line in lines.values()) < 0.01
    nearest, _ = stories.costs(Recipe(default=W4))
    four, _ = stories.costs(Recipe(default=W4), stories.walk())
    symmetric, _ = stories.costs(Recipe(default=Setting(bits=4)), stories.walk())
    assert four < 1.11 and four < nearest and four < symmetric


@needs_models
def test_calibration_helps_every_matrix_of_a_real_model(default):
    walk, setting = default.walk(), Setting(pattern=Pattern.S2_4)
    for part in matrices(default.model.config):
        for name, gram in walk.grams().items():
            w = default.model.read(name)
            plain, good = (Line.of(name, w, compress(name, w, setting, known), gram)
                           for known in (None, gram))
            assert good.output_error < plain.output_error, name
            assert {plain.kept, good.kept} == {0.5}
        assert set(part) == set(walk.grams())
        walk.step()


@needs_models
def test_a_pruned_model_is_better_with_calibration(default):
    recipe = Recipe.uniform(Setting(pattern=Pattern.S2_4))
    assert default.costs(recipe, default.walk())[0] < 0.6 * default.costs(recipe)[0]


@needs_models
@pytest.mark.parametrize("bits, most", [(8, 1.1), (4, 1.1)])
@pytest.mark.parametrize("known", [True, False], ids=["calibrated", "magnitude"])
def test_the_model_trained_sparse_stays_what_it_is(default, bits, most, known):
    sister = Open(OURS / "default_2_4")
    recipe = Recipe.uniform(Setting(bits=bits, zero_point=bits == 4, pattern=Pattern.S2_4))
    walk = sister.walk() if known else None
    got, _ = run(sister.model, recipe, walk)
    for name, one in got.items():
        w = sister.model.read(name)
        assert one.mask[w != 0].all(), name
        if bits == 8 and not known:
            bound = one.weights.spread(one.weights.row_scale[:, None]
                                       * one.weights.group_scale.astype(np.float64))
            assert (np.abs(one.dequantize() - w) <= 0.51 * bound).all()
    changed = {name: one.dequantize() for name, one in got.items()}
    assert sister.perplexity(sister.reference.replaced(changed)) < most * default.exact


@needs_models
def test_mixed_precision_is_between_its_neighbours(default):
    recipe = Recipe(default=W4)
    table, sizes = measure_sensitivity(default.model, recipe, default.walk(), (3, 4, 5))
    mixed = mix_precision(recipe, table, sizes, 3.5)
    cost, lines = default.costs(mixed, default.walk())
    assert 3.45 < Report(lines.values()).average_bits <= 3.5
    three, _ = default.costs(Recipe(default=Setting(bits=3, zero_point=True)), default.walk())
    four, _ = default.costs(recipe, default.walk())
    assert four < cost < three


@needs_models
def test_most_blocks_of_attention_can_be_left_out(default):
    walk, layers, config = default.walk(), [], default.model.config
    for _ in range(config.layers):
        layers.append(walk.attention())
        walk.step()
    mass = np.stack(layers)
    assert_allclose(np.tril(mass).sum(-1), 1, atol=1e-6)
    mask = AttentionMask.by_mass(mass, 0.75)
    kept = (mass * mask.blocks).sum(axis=(1, 3)).mean()
    near = AttentionMask.local_global(config.layers, config.heads, mass.shape[-1], near=2, first=0)
    assert 0.9 * config.heads < kept
    assert (mass * near.blocks).sum(axis=(1, 3)).mean() < kept
