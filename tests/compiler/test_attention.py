# SPDX-License-Identifier: Apache-2.0
"""Prefill that leaves out blocks of attention is exact in what it leaves, and reads less."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.compress import AttentionMask, LocalGlobal, Recipe
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.golden.model import Cache, Model
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import preset
from flightllm_hw.sim.core import CoreBench
from support.checkpoints import LLAMA, OPT, write_hf
from support.compacted import Compacted, Places
from support.compiled import Golden, any_shape, compiled, distance
from support.core import equal

CONTEXT = 288


class Masked(Model):
    """The reference; what a mask leaves out has scores of -inf."""

    def __init__(self, checkpoint, mask):
        super().__init__(checkpoint)
        self.mask = mask

    def _softmax(self, layer, scores):
        heads, count, _ = scores.shape
        seen = np.stack([self.mask.tokens(layer, head, count) for head in range(heads)])
        return super()._softmax(layer, scores.masked_fill(~torch.from_numpy(seen), -torch.inf))


def mask_of(config, kept, context=CONTEXT):
    return AttentionMask.local_global(config.layers, config.heads, -(-context // 64),
                                      near=kept.near, first=kept.first)


class Both:
    """A model compiled with blocks left out, and without."""

    def __init__(self, rng, name, kept, folder, **changes):
        self.checkpoint = load(write_hf(folder / "model", any_shape(
            rng, **{"context": CONTEXT} | changes)))
        recipes = Recipe(attention=kept), Recipe()
        self.plan, self.whole_plan = (Plan.of(self.checkpoint.config, preset(name), recipe=recipe)
                                      for recipe in recipes)
        (folder / "whole").mkdir()
        self.model, self.whole = (compiled(self.checkpoint, preset(name), where, recipe=recipe)
                                  for recipe, where in zip(recipes, (folder, folder / "whole"),
                                                           strict=True))
        assert self.model.attention == kept and self.whole.attention is None


def prefill(golden, tokens):
    """Logits behind each tile."""
    tile = golden.model.tile
    return np.array([golden.step(tokens[at:at + tile], at) for at in range(0, len(tokens), tile)])


@pytest.mark.parametrize("name, kept, changes", [
    ("small", (2, 1), {}), ("small", (1, 0), {"layers": 1}), ("small", (1, 1), {"layers": 1}),
    ("small", (2, 3), {"layers": 1, "kv_heads": 1, "context": 400}),
    ("small", (3, 0), {"config": OPT}),
    ("tiny", (2, 1), {"layers": 1, "kv_heads": 4, "context": 264}),
    ("u280", (1, 2), {"layers": 1, "head_dim": 40, "context": 288})],
    ids=["2,1", "1,0", "1,1", "a head of keys", "OPT", "tiny", "u280"])
def test_what_is_left_is_all_that_counts(name, kept, changes, tmp_path, rng):
    kept = LocalGlobal(near=kept[0], first=kept[1])
    both = Both(rng, name, kept, tmp_path, **changes)
    config, tile = both.checkpoint.config, both.model.tile
    count = config.context * 9 // 10 // tile * tile
    tokens = rng.integers(0, LLAMA.vocab, count).tolist()
    golden = Golden(both.model, order=np.random.default_rng(0))
    exact = Compacted(both.whole, both.whole_plan)
    got = prefill(golden, tokens)
    seen = mask_of(config, kept, config.context).tokens(0, 0, count)
    want = np.array([exact.step(token, np.flatnonzero(seen[at, :at]).tolist())
                     for at, token in enumerate(tokens)])
    assert_array_equal(got, want[tile - 1::tile])
    # What is appended, too: the first layer's as if nothing were left out, later ones' not.
    whole, alike = Golden(both.whole), Places(both.whole_plan)
    prefill(whole, tokens[:count // both.whole.tile * both.whole.tile])
    places, homes = Places(both.plan), both.plan.split.homes
    for position in range(count):
        host, lanes = places.read(golden.machine, position)
        assert_array_equal(host, exact.kept[position][0])
        assert_array_equal(lanes, exact.kept[position][1])
        others = alike.read(whole.machine, position)[1]
        assert_array_equal(np.array(lanes)[:, :homes], np.array(others)[:, :homes])
        if config.layers > 1 and position == count - 1:
            assert (np.array(lanes) != others).any()
    # And that is what the mask means.
    reference = Masked(both.checkpoint, mask_of(config, kept, config.context))
    assert distance(got, reference.logits(tokens, Cache())[tile - 1::tile]) < 0.05


@pytest.mark.parametrize("kept, count", [((4, 0), 256), ((2, 2), 256), ((1, 9), 120),
                                         ((20, 3), 64), ((1, 0), 48)], ids=str)
def test_nothing_left_out_is_the_same(kept, count, tmp_path, rng):
    both = Both(rng, "small", LocalGlobal(near=kept[0], first=kept[1]), tmp_path, context=count)
    tokens = rng.integers(0, LLAMA.vocab, count).tolist()
    assert_array_equal(prefill(Golden(both.model), tokens), prefill(Golden(both.whole), tokens))


def test_a_token_at_a_time_sees_everything(tmp_path, rng):
    both = Both(rng, "small", LocalGlobal(near=1, first=1), tmp_path)
    tokens = rng.integers(0, LLAMA.vocab, 266).tolist()
    golden, other = Golden(both.model), Golden(both.whole)
    prefill(golden, tokens[:264])
    for position in range(264):
        Places(both.whole_plan).write(other.machine, position, Places(both.plan).read(
            golden.machine, position))
    for position in (264, 265):
        assert_array_equal(golden.step(tokens[position], position),
                           other.step(tokens[position], position))


def beats(plan, seen):
    """That a lane reads for several tokens: for each tile matrices, keys and values."""
    tiles, lane = plan.prefills[0].tiles, plan.lane
    matrices = tiles * lane.head_address + lane.parts * lane.head.beats
    return matrices + tiles * plan.split.homes * sum(
        piece.beats for home in (lane.keys, lane.values) for piece in home.pieces(seen))


def test_on_the_core(tmp_path, rng):
    both = Both(rng, "small", LocalGlobal(near=2, first=1), tmp_path, layers=1,
                context=448)
    model, tile = both.model, both.model.tile
    tokens = rng.integers(0, LLAMA.vocab, 5 * 64 + tile).tolist()
    golden = Golden(model)
    bench = CoreBench(model.config, host_bytes=model.host_bytes, lane_bytes=model.lane_bytes)
    # No first blocks yet; the last tile of a row of blocks, the first of the next.
    seen = {0: tile, 5 * 64 - tile: 3 * 64, 5 * 64: 2 * 64 + tile}
    for position in range(0, len(tokens), tile):
        if position in seen:
            bench.write(golden.machine.host.data,
                        [lane.memory.data for lane in golden.machine.lanes])
        own = tokens[position:position + tile]
        golden.step(own, position)
        if position in seen:
            outcome = bench.run(model.prefill, model.registers(own, position))
            assert outcome.error is Error.NONE, outcome
            print(f"{tile} tokens from {position} on: {outcome.cycles} cycles")
            assert equal(bench, golden.machine)
            read = {lane["beats"] for lane in outcome.lane_counters}
            assert read == {beats(both.plan, seen[position])}
    assert beats(both.plan, seen[position]) < beats(both.whole_plan, len(tokens))
    page = (Path(__file__).parents[2] / "docs" / "compiler.md").read_text(encoding="utf-8")
    assert f"{outcome.cycles:,} cycles;" in page


def test_long_contexts_have_room_for_more_tokens_at_once():
    long = replace(LLAMA, dim=4096, hidden=11008, heads=32, kv_heads=32, head_dim=128,
                   context=4096)
    tiles = [Plan.of(long, preset("u280"), recipe=Recipe(attention=kept)).prefills[0].tokens
             for kept in (None, LocalGlobal(near=8, first=1))]
    assert tiles == [2, 8]


def test_one_token_at_a_time_leaves_out_nothing():
    with pytest.raises(CompileError, match="Only a program that takes several tokens leaves out"
                                           " blocks of attention, but tiny has no room for one at"
                                           " a context of 48"):
        Plan.of(replace(LLAMA, kv_heads=1), preset("tiny"),
                recipe=Recipe(attention=LocalGlobal(near=1, first=1)))


def test_a_program_without_room_is_no_program_that_leaves_out_nothing(monkeypatch):
    monkeypatch.setattr("flightllm_hw.compiler.placed.PROGRAM_BYTES", 150 * 64)
    plans = [Plan.of(LLAMA, preset("small"), recipe=Recipe(attention=kept))
             for kept in (None, LocalGlobal(near=1, first=1))]
    assert len(place_programs(plans[0])) == 1
    with pytest.raises(CompileError, match="The program that leaves out blocks of attention would"
                                           " have [0-9]+ bytes, but there is room for [0-9]+$"):
        place_programs(plans[1])
