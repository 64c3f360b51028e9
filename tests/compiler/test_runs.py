# SPDX-License-Identifier: Apache-2.0
"""Layers that are compressed differently: a loop for each run of those that are not.

The reference is a program of one loop that has the very same weights, as dense codes of 8 bits::

    2 .. 8 bits, with zero points q - z, sparse    ─►  a loop a run ──► logits
    the same q - z, and 0 for what is not kept     ─►  one loop     ──► the same, to the bit
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress.compressed import Compressed, compress
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.formats import Pattern
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import preset
from flightllm_hw.sim.core import CoreBench
from support.checkpoints import LLAMA, OPT, write_hf
from support.compiled import Golden, any_shape, compiled, deviation
from support.core import equal

W3, W4, W5, W6, W8 = (Setting(bits=bits) for bits in (3, 4, 5, 6, 8))
ZERO = Setting(bits=2, zero_point=True)
SPARSE, WIDE = Setting(bits=5, pattern=Pattern.S2_4), Setting(bits=8, pattern=Pattern.S4_8)
KINDS = {"kv": ("k", "v"), "q": ("q",), "o": ("o",), "up": ("gate", "up"), "down": ("down",)}
DEEP = replace(LLAMA, layers=4)
MODEL_7B = replace(LLAMA, dim=4096, hidden=11008, layers=32, heads=32, kv_heads=32, head_dim=128,
                   vocab=32000, context=4096)


def by_layer(*layers, head=W6):
    """A recipe: of each layer one setting, or one of each of these."""
    return Recipe(overrides={"head": head} | {
        f"layers.{n}.{tensor}": setting
        for n, settings in enumerate(layers)
        for kind, setting in zip(KINDS, settings if isinstance(settings, tuple) else [settings] * 5,
                                 strict=True)
        for tensor in KINDS[kind]})


RECIPES = {
    "one run": (by_layer(W4, W4, W4, W4), [4]),
    "one run, five settings": (by_layer(*[(W4, W5, SPARSE, ZERO, W6)] * 4), [4]),
    "one run, keys unlike values": (
        Recipe(overrides=by_layer(W4, W4, W4, W4).overrides
               | {f"layers.{n}.v": SPARSE for n in range(4)}), [4]),
    "two runs": (by_layer(W3, W3, W3, W5), [3, 1]),
    "two runs, in one matrix": (by_layer(W4, *[(W4, W4, W4, W5, W4)] * 3), [1, 3]),
    "three runs": (by_layer(SPARSE, ZERO, ZERO, W8), [1, 2, 1]),
    "four runs": (by_layer((W3, W4, WIDE, W4, ZERO), (WIDE, WIDE, W5, SPARSE, W3),
                           (ZERO, W3, W4, W8, SPARSE), (W5, SPARSE, ZERO, W3, W6), head=SPARSE),
                  [1, 1, 1, 1]),
}


def widened(recipe):
    """What compresses as the recipe says, then writes it as dense codes of 8 bits."""
    def by(name, weights, setting):
        own = compress(name, weights, recipe.of(name))
        codes = own.weights.codes.astype(np.int16)
        if own.weights.zero is not None:
            codes -= np.repeat(own.weights.zero, own.weights.group, axis=1)[:, :codes.shape[1]]
        codes = np.where(own.mask, codes, 0).astype(np.int8)
        return Compressed(weights=replace(own.weights, codes=codes, zero=None, bits=8),
                          mask=np.ones(codes.shape, bool), pattern=Pattern.DENSE)

    return by


@pytest.fixture
def model_of(tmp_path, rng):
    """Compiles one random model, again and again."""
    def make(name, recipe, shape, **options):
        folder = tmp_path / "model"
        if not folder.exists():
            write_hf(folder, any_shape(rng, shape))
        return compiled(load(folder), preset(name), tmp_path, recipe=recipe, **options)

    return make


@pytest.mark.parametrize("what, name, shape", [
    *((what, name, DEEP) for what in RECIPES for name in ("tiny", "small")),
    ("four runs", "u280", DEEP), ("four runs", "tiny", replace(OPT, layers=4)),
    ("four runs", "tiny", replace(DEEP, kv_heads=4)),
    ("three runs", "small", replace(DEEP, kv_heads=1))],
    ids=lambda value: (value if isinstance(value, str)
                       else f"{value.architecture}-{value.kv_heads}"))
def test_runs_give_what_one_loop_gives(what, name, shape, model_of, rng):
    recipe, runs = RECIPES[what]
    assert [len(run.layers) for run in Plan.of(shape, preset(name), recipe=recipe).split.runs] == (
        runs)
    reference = Golden(model_of(name, Recipe(), shape, compress=widened(recipe)))
    model = model_of(name, recipe, shape)
    single, several, shaken = Golden(model), Golden(model), Golden(
        model, order=np.random.default_rng(0))
    tile = model.tile
    assert tile > 1
    tokens = rng.integers(0, shape.vocab, 2 * tile).tolist()
    for position, token in enumerate(tokens):
        want = reference.step(token, position)
        assert np.isfinite(want).all() and np.ptp(want) > 0
        assert_array_equal(single.step(token, position), want)
        assert_array_equal(shaken.step(token, position), want)
    for position in range(0, len(tokens), tile):
        got = several.step(tokens[position:position + tile], position)
    assert_array_equal(got, want)
    # To the bit all that they left behind, too.
    for other in several, shaken:
        assert_array_equal(other.machine.host.data, single.machine.host.data)
        for a, b in zip(other.machine.lanes, single.machine.lanes, strict=True):
            assert_array_equal(a.memory.data, b.memory.data)


def test_runs_of_different_groups(model_of, tmp_path, rng):
    recipe = by_layer(Setting(group=16), Setting(group=64), Setting(group=128), W8)
    model = model_of("small", recipe, DEEP)
    tokens = rng.integers(0, LLAMA.vocab, 8).tolist()
    assert deviation(load(tmp_path / "model"), model, tokens) < 0.05


@pytest.mark.parametrize("name, shape", [("tiny", DEEP), ("tiny", replace(OPT, layers=4))],
                         ids=["Llama", "OPT"])
def test_runs_on_the_core(name, shape, model_of, rng):
    model = model_of(name, RECIPES["four runs"][0], shape)
    golden = Golden(model)
    machine = golden.machine
    bench = CoreBench(model.config, host_bytes=model.host_bytes, lane_bytes=model.lane_bytes)
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    tokens = rng.integers(0, shape.vocab, model.tile + 2).tolist()
    prompt, last = tokens[:-2], tokens[-2:]
    for step, position in ((prompt, 0), (last[0], model.tile), (last[1], model.tile + 1)):
        golden.step(step, position)
        program = model.prefill if isinstance(step, list) else model.decode
        outcome = bench.run(program, model.registers(step, position))
        assert outcome.error is Error.NONE, outcome
        print(f"position {position}: {outcome.cycles} cycles")
        assert equal(bench, machine)


# Programs.

def test_layers_that_are_alike_are_one_run():
    config = preset("tiny")
    plain = Plan.of(DEEP, config, recipe=Recipe(default=W4, overrides={"head": W6}))
    spelled = Plan.of(DEEP, config, recipe=by_layer(W4, W4, W4, W4))
    assert place_programs(plain) == place_programs(spelled)
    assert plain.lane.layers == spelled.lane.layers


def test_a_run_costs_a_body():
    config = preset("small")
    sizes = [[placed.size for placed in place_programs(Plan.of(DEEP, config, recipe=recipe))]
             for recipe in (by_layer(W4, W4, W4, W4), by_layer(W4, W4, W4, W5),
                            by_layer(W4, W4, W6, W5))]
    bodies = np.diff(sizes, axis=0)
    assert_array_equal(bodies[0], bodies[1])
    assert (0 < bodies[0]).all() and (bodies[0] < sizes[0]).all()


def test_three_runs_of_7b_leave_room_for_prompts():
    settings = [replace(setting, group=128) for setting in (W4, W3, W5)]
    recipe = by_layer(*[settings[0]] * 2, *[settings[1]] * 20, *[settings[2]] * 10)
    plan = Plan.of(MODEL_7B, preset("u280"), 512, recipe)
    assert len(plan.split.runs) == 3
    assert [placed.tokens for placed in place_programs(plan)] == [1, 8]
    beats = [run.beats for run in plan.split.runs]
    assert plan.lane.head_address == 2 * beats[0] + 20 * beats[1] + 10 * beats[2]
    assert beats[1] < beats[0] < beats[2]


def test_prompts_go_token_by_token_where_runs_are_many(model_of, tmp_path, rng):
    shape = replace(LLAMA, layers=8)
    recipe = by_layer(*[W8, W6] * 4)
    plan = Plan.of(shape, preset("small"), recipe=recipe)
    assert plan.prefills and len(place_programs(plan)) == 1
    model = model_of("small", recipe, shape)
    assert model.prefill is None and model.tile == 1
    tokens = rng.integers(0, LLAMA.vocab, 3).tolist()
    assert deviation(load(tmp_path / "model"), model, tokens) < 0.2


def test_more_runs_than_there_is_room_for(tmp_path, rng):
    shape = replace(LLAMA, layers=32)
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, shape)))
    with pytest.raises(CompileError, match="a loop for each run .* 32 in all, .* room for 65536"):
        compile_model(checkpoint, preset("tiny"), tmp_path / "x.flm",
                      recipe=by_layer(*[W4, W5] * 16))
    assert not (tmp_path / "x.flm").exists()


def test_what_is_one_matrix_is_compressed_alike():
    recipe = by_layer(W4, W5, W5, W6)
    recipe = Recipe(overrides=recipe.overrides | {"layers.2.up": W3})
    message = r"layers\.2\.gate is compressed to W5 G32 dense, so layers\.2\.up must be"
    with pytest.raises(CompileError, match=message + ", too, not to W3"):
        Plan.of(DEEP, preset("tiny"), recipe=recipe)
