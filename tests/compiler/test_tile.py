# SPDX-License-Identifier: Apache-2.0
"""Matrices in tiles and back: what the chains would give, in numpy, is the matrix product."""

import numpy as np
import pytest

from flightllm_hw.compiler.tile import lay_out, lay_windows, read_sums
from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.sparsity import prune_mask
from flightllm_hw.presets import preset

LANES = {
    "split": LaneConfig(chains=2, chain=ChainConfig(window=16, slots=32)),
    "small": preset("small").lane,
    "u280": preset("u280").lane,
}


def draw(rng, rows, k, pattern):
    codes = rng.integers(-128, 128, (rows, k)).astype(np.int8)
    mask = prune_mask(codes.astype(np.float32), pattern)
    return codes, mask


def chains(tiled, windows):
    """What the chains give for every tile, as one sum of products after another."""
    config, pattern = tiled.config, tiled.pattern
    chain = config.chain
    segment, splits = chain.segment(pattern), chain.splits(pattern)
    blocks, steps = tiled.code.shape[:2]
    passes = windows.shape[1]
    sums = np.zeros((blocks, steps, passes, config.chains, chain.nodes, 2), np.int64)
    code, mate = tiled.code.astype(int), tiled.mate.astype(int)
    for step in range(steps):
        x = windows[step].astype(int)
        for s in range(splits):
            node = (s + 1) * chain.nodes // splits - 1
            part = slice(s * segment, (s + 1) * segment)
            for n in range(passes):
                if pattern is Pattern.DENSE:
                    sums[:, step, n, :, node, 0] = code[:, step, :, part] @ x[n, 0, :chain.length]
                    sums[:, step, n, :, node, 1] = mate[:, step, :, part] @ x[n, 0, :chain.length]
                    continue
                column = np.arange(segment) // pattern.n * pattern.m + mate[:, step, :, part]
                for token in range(chain.tokens(pattern)):
                    sums[:, step, n, :, node, token] = (
                        code[:, step, :, part] * x[n, token][column]).sum(-1)
    return sums


@pytest.mark.parametrize("name", LANES)
@pytest.mark.parametrize("pattern", Pattern, ids=str)
@pytest.mark.parametrize("rows, k, tokens", [(1, 1, 1), (37, 70, 3), (64, 128, 4)])
def test_tiles_hold_the_product(name, pattern, rows, k, tokens, rng):
    config: LaneConfig = LANES[name]
    codes, mask = draw(rng, rows, k, pattern)
    x = rng.integers(-127, 128, (tokens, k)).astype(np.int8)
    tiled = lay_out(codes, mask, pattern, config)
    sums = chains(tiled, lay_windows(x, pattern, config))
    found = read_sums(sums, pattern, config).sum(axis=1)  # over the steps
    found = np.moveaxis(found, 0, 1).reshape(found.shape[1], -1)[:tokens, :rows]
    want = x.astype(int) @ np.where(mask, codes, 0).astype(int).T
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("pattern", Pattern, ids=str)
def test_tiles_without_codes_are_told(pattern, rng):
    config = LANES["split"]
    codes, mask = draw(rng, 32, 64, pattern)
    columns = config.chain.columns(pattern)
    codes[:, columns:2 * columns] = 0
    holds = lay_out(codes, mask, pattern, config).holds
    assert not holds[:, 1].any() and holds[:, 0].all()


def test_too_many_codes_in_a_block_are_refused(rng):
    codes, mask = draw(rng, 4, 16, Pattern.DENSE)
    with pytest.raises(ValueError, match="at most 2 for the pattern 2:4"):
        lay_out(codes, mask, Pattern.S2_4, LANES["split"])
