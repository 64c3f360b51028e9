# SPDX-License-Identifier: Apache-2.0
"""OPTs, and Llamas with biases, on the golden machine."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.isa.encoding import decode, encode
from flightllm_hw.isa.table import Unit
from flightllm_hw.presets import preset
from support.checkpoints import LLAMA, OPT, write_hf
from support.compiled import Golden, any_shape, compiled, deviation, greedy

OPT_6_7B = replace(OPT, dim=4096, hidden=16384, layers=32, heads=32, kv_heads=32, head_dim=128,
                   vocab=50272, context=2048)

MODELS = {
    "OPT": (OPT, {}),
    "sizes that fit nothing": (OPT, {"heads": 3, "kv_heads": 3, "dim": 39, "head_dim": 13,
                                     "hidden": 77, "vocab": 33}),
    "a single head": (OPT, {"heads": 1, "kv_heads": 1, "head_dim": 64, "layers": 1}),
    "OPT without biases": (OPT, {"attention_bias": False, "mlp_bias": False, "tied": False}),
    "Llama": (LLAMA, {"attention_bias": True, "mlp_bias": True}),
    "Llama's attention": (LLAMA, {"attention_bias": True, "heads": 6, "head_dim": 10,
                                  "kv_heads": 3}),
    "Llama's MLP": (LLAMA, {"mlp_bias": True, "hidden": 77, "kv_heads": 1}),
}

any_model = pytest.mark.parametrize("kind", MODELS)


class Late:
    """An order in which one unit does nothing as long as another can."""

    def __init__(self, unit):
        self.unit = unit

    def permutation(self, units):
        return sorted(units, key=lambda unit: unit == self.unit)

    def choice(self, values):
        return values[0]

    def random(self):
        return 1.0


def loaded(rng, folder, kind):
    config, changes = MODELS[kind]
    return load(write_hf(folder / "model", any_shape(rng, config, **changes)))


def same(one, other):
    """Whether memories are the same, to the bit."""
    assert_array_equal(one.machine.host.data, other.machine.host.data)
    for a, b in zip(one.machine.lanes, other.machine.lanes, strict=True):
        assert_array_equal(a.memory.data, b.memory.data)


@any_model
@pytest.mark.parametrize("name", ["tiny", "small", "u280"])
def test_logits_are_near_the_reference(name, kind, tmp_path, rng):
    checkpoint = loaded(rng, tmp_path, kind)
    model = compiled(checkpoint, preset(name), tmp_path)
    tokens = rng.integers(0, checkpoint.config.vocab, 6).tolist()
    far = deviation(checkpoint, model, tokens)
    print(f"{kind} on {name}: {far:.4f}")
    assert far < 0.05


@pytest.mark.parametrize("kind", ["OPT", "Llama"])
def test_greedy_tokens(kind, tmp_path, rng):
    checkpoint = loaded(rng, tmp_path, kind)
    golden = Golden(compiled(checkpoint, preset("small"), tmp_path, context=40))
    got, want, gaps = greedy(golden, checkpoint, 1, 40)
    differ = [gap for mine, yours, gap in zip(got, want, gaps, strict=True) if mine != yours]
    assert all(gap < 0.05 for gap in differ), differ


@any_model
@pytest.mark.parametrize("name", ["tiny", "small"])
def test_prefill_is_decode(name, kind, tmp_path, rng):
    checkpoint = loaded(rng, tmp_path, kind)
    model = compiled(checkpoint, preset(name), tmp_path)
    if model.prefill is None:
        # A lane of four tokens, and as many queries.
        assert name == "tiny" and kind == "Llama's MLP"
        return
    # Tokens order all that matters.
    single, several = (Golden(model, order=np.random.default_rng(seed)) for seed in range(2))
    tokens = rng.integers(0, checkpoint.config.vocab, 2 * model.tile + 1).tolist()
    for position, token in enumerate(tokens[:-1]):
        want = single.step(token, position)
    for position in range(0, len(tokens) - 1, model.tile):
        got = several.step(tokens[position:position + model.tile], position)
    assert_array_equal(got, want)
    for golden in single, several:
        golden.step(tokens[-1], len(tokens) - 1)
    same(single, several)


@any_model
@pytest.mark.parametrize("unit", [Unit.MEMORY, Unit.LANES, Unit.VECTOR], ids=lambda unit: unit.name)
def test_any_unit_may_be_late(unit, kind, tmp_path, rng):
    model = compiled(loaded(rng, tmp_path, kind), preset("tiny"), tmp_path)
    usual, late = Golden(model), Golden(model, order=Late(unit))
    for golden in usual, late:
        golden.step(5, 0)
        golden.step(9, 1)
        if model.prefill is not None:
            golden.step(list(range(model.tile)), model.tile)
    same(usual, late)


@pytest.mark.parametrize("setting", [Setting(bits=4, group=128), Setting(bits=8, group=128)],
                         ids=str)
def test_programs_of_a_large_model(setting):
    card = "u280" if setting.bits == 4 else "u55c"
    plan = Plan.of(OPT_6_7B, preset(card), 128, Recipe(default=setting))
    for placed in place_programs(plan):
        assert [decode(encode(instruction)) for instruction in placed.program] == placed.program
