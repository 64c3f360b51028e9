# SPDX-License-Identifier: Apache-2.0
"""Block masks to block numbers."""

import numpy as np
import pytest

from flightllm_hw.compute.skip import BlockWalk, BlockWalkConfig
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.traffic import STEADY, TRAFFIC


def named(mask):
    """(block, last, empty) of every item that a mask gives."""
    blocks = [n for n in range(64) if mask >> n & 1]
    if not blocks:
        return [(0, 1, 1)]
    return [(n, int(n == blocks[-1]), 0) for n in blocks]


def masks(rng, blocks):
    sparse = [int(rng.integers(1 << 62)) & int(rng.integers(1 << 62)) & int(rng.integers(1 << 62))
              for _ in range(12)]
    everything = (1 << blocks) - 1
    return [m & everything for m in (0, 1, everything, 1 << blocks - 1, 0, 0, *sparse)]


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("blocks", [2, 5, 32, 64])
def test_names_the_blocks_that_hold_anything(blocks, traffic, rng):
    words = masks(rng, blocks)
    want = [item for word in words for item in named(word)]
    got = run_streams(BlockWalk(BlockWalkConfig(blocks=blocks)), traffic=traffic,
                      inputs={"i": words}, outputs={"o": len(want)})["o"]
    assert [(x.block, x.last, x.empty) for x in got] == want


def test_a_block_per_cycle_and_a_cycle_between_words(rng):
    words, cycles = masks(rng, 32), {}
    lasts = [last for word in words for _, last, _ in named(word)]
    count = len(lasts)
    run_streams(BlockWalk(BlockWalkConfig(blocks=32)), traffic=STEADY, cycles=cycles,
                inputs={"i": words}, outputs={"o": count})
    assert (np.diff(cycles["o"]) == 1 + np.array(lasts[:-1])).all()
    assert cycles["o"][0] - cycles["i"][0] == BlockWalk.latency


def test_errors_name_the_value():
    with pytest.raises(ValueError, match=r"must take 2\.\.64 blocks, not 65"):
        BlockWalkConfig(blocks=65)
