# SPDX-License-Identifier: Apache-2.0
"""Several tokens at once leave the same behind as one after the other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.bench import shapes
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.program import prefill_program
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import preset
from flightllm_hw.sim.core import CoreBench
from support.checkpoints import LLAMA, OPT, write_hf
from support.compiled import Golden, any_shape, compiled
from support.core import equal

SHAPES = [{}, {"kv_heads": 4}, {"kv_heads": 1}, {"heads": 3, "kv_heads": 1}, {"heads": 1,
                                                                            "kv_heads": 1}]


def same(one, other):
    """Whether memories are the same, to the bit."""
    assert_array_equal(one.machine.host.data, other.machine.host.data)
    for a, b in zip(one.machine.lanes, other.machine.lanes, strict=True):
        assert_array_equal(a.memory.data, b.memory.data)


@pytest.mark.parametrize("name, tile", [("tiny", None), ("small", 8), ("u280", 8)])
@pytest.mark.parametrize("changes", SHAPES, ids=str)
def test_prefill_is_decode(name, tile, changes, tmp_path, rng):
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, **changes)))
    plan = Plan.of(checkpoint.config, preset(name))
    if not plan.prefills:
        # A lane of four tokens, and as many queries.
        assert name == "tiny" and plan.split.shared > 2
        return
    model = compiled(checkpoint, preset(name), tmp_path)
    assert model.tile == plan.prefills[0].tokens > 1
    single, several = Golden(model), Golden(model)
    shaken = Golden(model, order=np.random.default_rng(0))
    tokens = rng.integers(0, LLAMA.vocab, 16 + model.tile + 1).tolist()
    last = len(tokens) // model.tile * model.tile
    for position, token in enumerate(tokens[:last]):
        want = single.step(token, position)
    for position in range(0, last, model.tile):
        got = several.step(tokens[position:position + model.tile], position)
        shaken.step(tokens[position:position + model.tile], position)
        same(several, shaken)
    assert_array_equal(got, want)
    same(single, several)
    # What follows sees it.
    assert_array_equal(several.step(tokens[last], last), single.step(tokens[last], last))


@pytest.mark.parametrize("pattern", [Pattern.DENSE, Pattern.S2_4], ids=str)
def test_parts_of_a_matrix_are_the_whole(pattern):
    config, setting = preset("u280"), Setting(bits=4, group=128, pattern=pattern)
    plan = Plan.of(shapes.SHAPES["llama2-7b"], config, 128, Recipe.uniform(setting))
    buffer = plan.prefills[0]
    assert buffer.tiles == 2
    multiplied = [i.fields for i in prefill_program(plan, buffer)
                  if i.kind.name == "MM" and i.fields["bits"] == 4]
    for tile in buffer.each:
        places = {"k": tile.k, "v": tile.v, "q": tile.q, "o": tile.shared, "up": tile.shared,
                  "down": tile.shared}
        left = [f for f in multiplied if f["bank"] == tile.index]
        parts = {}
        for name, matrix in plan.split.runs[0].matrices.items():
            done = parts[name] = []
            while sum(done) < matrix.shape.row_blocks:
                f = left.pop(0)
                rows = sum(done) * config.lane.tile_rows(pattern)
                assert f["o"] == places[name] + rows // config.sfu.width
                assert f["lane_rows"] == matrix.rows and f["groups"] == matrix.shape.groups
                done.append(f["row_blocks"])
            assert sum(done) == matrix.shape.row_blocks
        assert not left
        # What lies under the other tile's attention.
        assert [name for name, done in parts.items() if len(done) > 1] == [
            ["up"], ["k", "v", "q"]][tile.index]


@pytest.mark.parametrize("name, changes", [("tiny", {}), ("small", {}), ("tiny", {"config": OPT})],
                         ids=["tiny", "small", "OPT"])
def test_prefill_on_the_core(name, changes, tmp_path, rng):
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, **changes)))
    model = compiled(checkpoint, preset(name), tmp_path)
    golden = Golden(model)
    machine = golden.machine
    bench = CoreBench(model.config, host_bytes=model.host_bytes, lane_bytes=model.lane_bytes)
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    for position in range(0, 2 * model.tile, model.tile):
        tokens = rng.integers(0, LLAMA.vocab, model.tile).tolist()
        golden.step(tokens, position)
        outcome = bench.run(model.prefill, model.registers(tokens, position))
        assert outcome.error is Error.NONE, outcome
        print(f"{model.tile} tokens from {position} on: {outcome.cycles} cycles")
        assert equal(bench, machine)
