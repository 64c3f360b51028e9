# SPDX-License-Identifier: Apache-2.0
"""What calibration sees, against what the model computes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from flightllm_hw.golden.calibration import Calibration, Divergence
from flightllm_hw.golden.model import Model
from support.checkpoints import LLAMA, OPT, draw

TEXTS = [[1, 5, 79, 7, 7, 0, 33, 12], [3] * 40, [2]]
LONG = [list(np.arange(300) % 80), [5] * 70]


class Seen(Model):
    """Notes inputs of every matrix and the attention of each head, whole."""

    def __init__(self, weights):
        super().__init__(weights)
        self.inputs, self.attention = {}, {}

    def _linear(self, name, x):
        self.inputs.setdefault(name, []).append(x.numpy().astype(np.float64))
        return super()._linear(name, x)

    def _norm(self, name, x):
        y = super()._norm(name, x)
        if name == "norm":
            self.inputs.setdefault("head", []).append(y.numpy().astype(np.float64))
        return y

    def _softmax(self, layer, scores):
        seen = super()._softmax(layer, scores)
        self.attention.setdefault(layer, []).append(seen.numpy())
        return seen


@pytest.mark.parametrize("config", [LLAMA, OPT], ids=["llama", "opt"])
def test_grams_are_those_of_the_inputs(rng, config):
    drawn = draw(rng, config)
    seen, walk = Seen(drawn), Calibration(drawn, TEXTS)
    for text in TEXTS:
        seen.logits(text)
    found = {}
    for _ in range(config.layers + 1):
        found |= walk.grams()
        walk.step()
    assert found.keys() == seen.inputs.keys()
    for name, inputs in seen.inputs.items():
        x = np.concatenate(inputs)
        want = x.T @ x / 49
        assert_allclose(found[name], want, atol=1e-5 * np.abs(want).max(), err_msg=name)


def test_attention_is_summed_up_by_blocks(rng):
    drawn = draw(rng, context=400)
    seen, walk = Seen(drawn), Calibration(drawn, LONG)
    for text in LONG:
        seen.logits(text)
    for layer in range(2):
        want, queries = np.zeros((4, 5, 5)), np.zeros(5)
        for one in seen.attention[layer]:
            for q in range(one.shape[1]):
                queries[q // 64] += 1
                for block in range(5):
                    want[:, q // 64, block] += one[:, q, 64 * block:64 * block + 64].sum(-1)
        assert_allclose(walk.attention(), want / queries[:, None], atol=1e-6)
        assert_allclose(walk.attention().sum(-1), 1, atol=1e-6)
        walk.step()


def test_other_weights_change_what_comes_after_them(rng):
    drawn, other = draw(rng), draw(rng)
    walk, plain = Calibration(drawn, TEXTS), Calibration(drawn, TEXTS)
    before = walk.grams()
    walk.step({"layers.0.down": other.read("layers.0.down")})
    plain.step()
    changed = Model(drawn).replaced({"layers.0.down": other.read("layers.0.down")})
    assert (walk.grams()["layers.1.q"] != plain.grams()["layers.1.q"]).any()
    walk.step()
    x = walk.grams()["head"]
    again = Calibration(Changed(drawn, "layers.0.down", other), TEXTS)
    assert before.keys() == again.grams().keys()
    again.step()
    again.step()
    assert_array_equal(again.grams()["head"], x)
    assert (changed.logits(TEXTS[0]) != Model(drawn).logits(TEXTS[0])).any()


class Changed:
    """A model with a matrix of another."""

    def __init__(self, base, name, other):
        self.config, self.base, self.name, self.other = base.config, base, name, other

    def read(self, name):
        return (self.other if name == self.name else self.base).read(name)


def test_one_part_is_in_memory_at_a_time(rng):
    drawn, reads = draw(rng), []

    class Counted:
        config = drawn.config

        def read(self, name):
            reads.append(name)
            return drawn.read(name)

    walk = Calibration(Counted(), TEXTS)
    assert not any(name.startswith("layers.1") for name in reads)
    walk.step()
    assert not any(name.startswith("layers.0") for name in walk._model._tensors)
    walk.step()
    assert set(walk._model._tensors) == {"norm"}
    walk.step()
    assert len(reads) == len(set(reads)) and "head" not in reads
    for done in (walk.grams, walk.step, walk.attention):
        with pytest.raises(ValueError, match="walk through the model is over"):
            done()


def test_texts_end_where_the_context_does(rng):
    drawn = draw(rng)
    one, other = (Calibration(drawn, [text, []]) for text in (LONG[0], LONG[0][:48]))
    assert_array_equal(one.grams()["layers.0.q"], other.grams()["layers.0.q"])


@pytest.mark.parametrize("bad", [[], [[]]])
def test_there_must_be_texts(rng, bad):
    drawn = draw(rng)
    for kind in (Calibration, Divergence):
        with pytest.raises(ValueError, match="at least one text of at least one token"):
            kind(drawn, bad)


@pytest.mark.parametrize("token", [80, -1])
def test_tokens_must_be_the_models(rng, token):
    with pytest.raises(ValueError, match="tokens of the model's vocabulary"):
        Calibration(draw(rng), [[1, token]])


def test_matrices_must_be_the_parts_own(rng):
    drawn = draw(rng)
    walk = Calibration(drawn, TEXTS)
    for name, shape in (("layers.1.q", (64, 64)), ("layers.0.q", (64, 63)), ("other", (1, 1))):
        with pytest.raises(ValueError, match=f"no tensor {name} of the shape"):
            walk.step({name: np.zeros(shape, np.float32)})
    with pytest.raises(ValueError, match="no tensor gate"):
        Model(drawn).replaced({"gate": np.zeros((96, 64), np.float32)})


def test_infinite_activations_are_refused(rng):
    drawn = draw(rng)
    drawn.floats["layers.0.attention_norm"][:] = 3e38
    walk = Calibration(drawn, TEXTS)
    walk.step()
    with pytest.raises(ValueError, match="Calibration inputs of .* must be finite"):
        walk.grams()


def test_heads_are_replaced_apart_from_the_embedding(rng):
    drawn = draw(rng, tied=True)
    model, w = Model(drawn), np.zeros((80, 64), np.float32)
    w.flags.writeable = False
    assert not model.replaced({"head": w}).logits([1, 2]).any()
    assert model.logits([1, 2]).any()


@pytest.mark.parametrize("tied", [False, True])
def test_divergence_is_of_the_next_tokens_chances(rng, tied):
    drawn, other = draw(rng, tied=tied), draw(rng, tied=tied)
    loss = Divergence(drawn, TEXTS)
    assert loss("layers.0.q", drawn.read("layers.0.q")) == pytest.approx(0, abs=1e-6)
    w = other.read("head")
    one, two = Model(drawn), Model(drawn).replaced({"head": w})
    want = 0.0
    for text in TEXTS:
        p, q = (torch.from_numpy(m.logits(text)).double().softmax(-1) for m in (one, two))
        want += float((p * (p / q).log()).sum()) / 49
    assert loss("head", w) == pytest.approx(want, rel=1e-4) and want > 0.01
