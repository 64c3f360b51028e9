# SPDX-License-Identifier: Apache-2.0
"""Operations on a compiled lane, and what they must come to."""

import numpy as np
from numpy.testing import assert_array_equal

from flightllm_hw.arith.layouts import QUIET_NAN
from flightllm_hw.formats import group_sums, scale_result
from flightllm_hw.sim.lane import load_activations, pack_operations, read_results
from flightllm_hw.sim.traffic import STEADY


def expected(weights, mask, x):
    """A, (tokens, rows): plain integers, from the codes."""
    centered = np.where(mask, weights.centered(), 0).astype(np.int8)
    sums = group_sums(centered, x, weights.group)
    return (sums * weights.group_scale.astype(np.int64)[None]).sum(-1)


def expected_values(weights, mask, x, scales=None):
    """y, (tokens, rows): float32; NaN is the one that the hardware gives. Scales: ones, or s_x."""
    scales = np.ones(len(x), np.float32) if scales is None else scales
    y = scale_result(expected(weights, mask, x), weights.row_scale, scales)
    return np.where(np.isnan(y), np.uint32(QUIET_NAN), y.view(np.uint32)).view(np.float32)


def draw_scales(rng, tokens):
    """Token scales of every size, the extremes among them."""
    drawn = np.exp2(rng.uniform(-40, 20, tokens)).astype(np.float32)
    extremes = np.array([0, 1, 0x007F_FFFF, 0x0080_0000, 0x3F80_0000, 0x7F7F_FFFF], np.uint32)
    return np.where(rng.random(tokens) < 0.2, rng.choice(extremes.view(np.float32), tokens), drawn)


def check_values(drawn, x, scales, results):
    """Compare every bit of a bench's results with ``expected_values``."""
    for (weights, mask, _), found in zip(drawn, results, strict=True):
        want = expected_values(weights, mask, x[:, :weights.columns], scales)
        assert_array_equal(found["values"][:, :weights.rows].view(np.uint32), want.view(np.uint32))


def check(bench, drawn, x, scales=None, **options):
    """Run a ``LaneBench`` on ``drawn``, (weights, mask, Job) each; all results must be right.

    ``options`` are ``LaneBench.run``'s. Returns the transfers.
    """
    results, transfers = bench.run([job for *_, job in drawn], x, scales, **options)
    check_values(drawn, x, scales, results)
    return transfers


def multiply(sim, config, shape, beats, x, traffic=STEADY, seed=0, deadline=1_000_000, word=0):
    """What the engine gives: exact ``sums``, (tokens, rows), and ``row_scales``; the transfers."""
    stride = load_activations(sim, config, x, word)
    count = shape.row_blocks * config.tile_rows(shape.pattern) * len(x)
    op = pack_operations(sim, [shape], len(x), stride, word)
    got = sim.stream({"i": op, "i_beat": beats.view("<u4")}, {"o": count}, seed=seed,
                     deadline=deadline,
                     traffic={name: traffic for name in ("i_beat", "o")})
    items = sim.unpack("o", got["o"])
    sums, = read_results(config, [shape], len(x), items, items["sum"])
    scales, = read_results(config, [shape], len(x), items, items["row_scale"].astype(np.uint32))
    assert (scales == scales[0]).all()
    return {"sums": sums, "row_scales": scales[0].view(np.float32)}, got
