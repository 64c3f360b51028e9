# SPDX-License-Identifier: Apache-2.0
"""Random weights, and keys and values of a past that nobody computed."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.bench.homes import fill_homes, key_offsets, value_offsets
from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.weights import random_checkpoint
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.golden.tape import read_matrix
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.presets import PRESETS

STORIES = SHAPES["stories260k"]


def test_rows_are_the_same_however_they_are_read(rng):
    big = random_checkpoint(replace(SHAPES["stories110m"], layers=1)).tensor("embedding")
    whole = big.rows()
    assert whole.shape == big.shape and whole.size > 5 << 22
    cuts = np.sort(rng.integers(0, len(whole) + 1, 20))
    parts = [big.rows(int(a), int(b)) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert_array_equal(np.concatenate(parts), whole)


def test_weights_depend_on_name_and_seed_and_keep_activations_sane():
    model = replace(SHAPES["stories110m"], layers=2)
    first, again, other = (random_checkpoint(model, seed) for seed in (0, 0, 1))
    q = first.read("layers.0.q")
    assert_array_equal(q, again.read("layers.0.q"))
    assert (q != other.read("layers.0.q")).mean() > 0.99
    assert (q != first.read("layers.1.q")).mean() > 0.99
    assert q.std() == pytest.approx(768 ** -0.5, rel=0.01)
    assert first.read("layers.0.down").std() == pytest.approx(2048 ** -0.5, rel=0.01)
    assert first.read("norm").mean() == pytest.approx(1, abs=0.02)
    opt = random_checkpoint(replace(SHAPES["opt-6.7b"], layers=1))
    assert set(opt.tensors) == set(opt.config.shapes())
    assert np.abs(opt.read("layers.0.up.bias")).max() < 0.2


@pytest.mark.parametrize("name, shape, context, positions", [
    ("tiny", STORIES, 70, 69), ("small", STORIES, 40, 33), ("small", STORIES, 64, 64),
    ("u280", SHAPES["llama2-7b"], 300, 299), ("tiny", STORIES, 16, 0)])
def test_homes_hold_codes_where_lanes_read_them(name, shape, context, positions):
    shape = replace(shape, layers=2)
    plan = Plan.of(shape, PRESETS[name], context)
    lane, size = plan.lane, plan.lane.size
    lanes = [np.zeros(size - lane.homes * lane.beat, np.uint8) for _ in range(plan.config.lanes)]
    empty = np.concatenate([lane.keys.empty().ravel(), lane.values.empty().ravel()])
    for memory in lanes:
        memory[:] = np.tile(empty, len(memory) // len(empty))
    host = np.zeros(plan.host.size, np.uint8)
    # Only the homes are there: the rest of a lane's memory would be gigabytes.
    fill_homes(plan, host, [_Shifted(memory, lane.homes * lane.beat) for memory in lanes],
               positions, seed=3)
    last = lanes[plan.split.heads_of(0) - 1]
    home = last[lane.layer_home_beats * lane.beat:][:len(empty)]
    if not positions:
        assert_array_equal(home, empty)
        return
    codes = {}
    for kind, offsets, at in ((lane.keys, key_offsets, 0),
                              (lane.values, value_offsets, lane.keys.beats)):
        own = home[at * lane.beat:][:kind.beats * lane.beat]
        beats = own.reshape(-1, lane.beat)
        tape = np.concatenate([beats[p.address:p.address + p.beats]
                               for p in kind.pieces(positions)])
        matrix = read_matrix(tape, _matrix_shape(kind.shape(positions)), plan.config.lane)
        codes[kind] = (own[offsets(lane, positions)] ^ 0x80).view(np.int8)
        n = shape.head_dim
        seen = (matrix.codes[:positions, :n] if kind is lane.keys
                else matrix.codes[:n, :positions].T)
        assert_array_equal(seen, codes[kind])
        assert codes[kind].min() >= -127 and codes[kind].std() > 60
        assert (matrix.group_scale == 1).all()
        if kind is lane.keys:
            scales = matrix.row_scale[:positions]
            assert (scales >= 0.01).all() and len(np.unique(scales)) > positions // 2
            assert not matrix.codes[positions:].any() and not matrix.codes[:, n:].any()
        else:
            assert (matrix.row_scale == 1).all() and not matrix.codes[n:].any()
    first = plan.host.value_scale_address + plan.host.layer_scales
    scales = host[first:first + 4 * plan.buffer.positions * plan.config.sfu.width].view("<f4")
    assert (scales[:positions] > 0).all() and not scales[positions:].any()


class _Shifted:
    """A memory whose first bytes nobody touches."""

    def __init__(self, memory, first):
        self.memory, self.first = memory, first

    def __getitem__(self, place):
        return self.memory[place.start - self.first:place.stop - self.first]


def _matrix_shape(shape):
    return MatrixShape(**{name: getattr(shape, name) for name in MatrixShape.__dataclass_fields__})
