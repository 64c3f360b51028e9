# SPDX-License-Identifier: Apache-2.0
"""Operations on a compiled lane, and what they must come to."""

import numpy as np

from flightllm_hw.formats import group_sums
from flightllm_hw.sim.lane import load_activations, pack_operations, read_results
from flightllm_hw.sim.traffic import STEADY


def expected(weights, mask, x):
    """A, (tokens, rows): plain integers, from the codes."""
    centered = np.where(mask, weights.centered(), 0).astype(np.int8)
    sums = group_sums(centered, x, weights.group)
    return (sums * weights.group_scale.astype(np.int64)[None]).sum(-1)


def multiply(sim, config, shape, beats, x, traffic=STEADY, seed=0, deadline=1_000_000):
    """What the engine gives (see ``read_results``), and the transfers."""
    stride = load_activations(sim, config, x)
    count = shape.row_blocks * config.tile_rows(shape.pattern) * len(x)
    op = pack_operations(sim, [shape], len(x), stride)
    got = sim.stream({"i": op, "i_beat": beats.view("<u4")}, {"o": count}, seed=seed,
                     deadline=deadline,
                     traffic={name: traffic for name in ("i_beat", "o")})
    found, = read_results(config, [shape], len(x), sim.unpack("o", got["o"]))
    return found, got
