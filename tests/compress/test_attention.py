# SPDX-License-Identifier: Apache-2.0
"""Blocks of attention: what is kept, and for which tokens."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.compress import AttentionMask, LocalGlobal


def draw(rng, layers=2, heads=3, rows=6):
    mass = np.tril(rng.exponential(1, (layers, heads, rows, rows)))
    return mass / mass.sum(-1, keepdims=True)


def test_local_and_global_blocks_are_kept():
    mask = AttentionMask.local_global(2, 3, 5, near=2, first=1)
    want = np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0],
                     [1, 0, 0, 1, 1]], bool)
    assert_array_equal(mask.blocks, np.broadcast_to(want, (2, 3, 5, 5)))
    assert mask.density == 12 / 15
    assert AttentionMask.local_global(1, 1, 5, near=5, first=0).density == 1
    assert AttentionMask.local_global(1, 1, 5, near=1, first=0).density == 5 / 15


def test_near_and_first_blocks_are_written_as_two_numbers():
    kept = LocalGlobal.parse("8,1")
    assert kept == LocalGlobal(near=8, first=1) and kept.positions == 9 * 64
    assert str(kept) == "the first 1 and the last 8 blocks of 64 positions"
    for text in ("", "2", "2,1,0", "2,", "-1,2", "a,b", "2.0,1", "2, 1", "\u00b2,1"):
        with pytest.raises(ValueError, match="must be numbers of near and first blocks"):
            LocalGlobal.parse(text)
    for near, first in ((0, 1), (1, -1), (1.0, 1), (True, 1), ("2", 1)):
        with pytest.raises(ValueError, match="At least 1 near and 0 first blocks must be kept"):
            LocalGlobal(near=near, first=first)


def test_tokens_see_kept_blocks_and_nothing_after_themselves():
    mask = AttentionMask.local_global(1, 2, 3, near=1, first=0)
    seen = mask.tokens(0, 1, 150)
    for q, k in [(0, 0), (63, 0), (64, 64), (149, 128), (149, 149)]:
        assert seen[q, k]
    for q, k in [(0, 1), (64, 63), (128, 127), (148, 149), (63, 64)]:
        assert not seen[q, k]
    whole = AttentionMask.local_global(1, 2, 3, near=3, first=0).tokens(0, 0, 192)
    assert_array_equal(whole, np.tri(192, dtype=bool))
    for count in (0, -1, 193):
        with pytest.raises(ValueError, match="for 1 to 192 tokens"):
            mask.tokens(0, 0, count)


@pytest.mark.parametrize("density", [6 / 21, 0.5, 0.75, 1])
def test_the_greatest_mass_is_kept(rng, density):
    mass = draw(rng)
    mask = AttentionMask.by_mass(mass, density)
    assert density - 1 / 60 < mask.density <= density
    assert mask.blocks.sum(axis=(1, 2, 3)).tolist() == [int(density * 63 + 1e-9)] * 2
    below = np.tri(6, k=-1, dtype=bool)
    for own, blocks in zip(mass, mask.blocks, strict=True):
        kept, left = own[:, below][blocks[:, below]], own[:, below][~blocks[:, below]]
        assert not kept.size or not left.size or kept.min() >= left.max()


def test_equal_masses_keep_the_first():
    rows = np.tri(3) / np.arange(1, 4)[:, None]
    mask = AttentionMask.by_mass(np.stack([[rows, rows]]), 0.7)
    assert_array_equal(mask.blocks[0, 0], [[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    assert_array_equal(mask.blocks[0, 0], mask.blocks[0, 1])


def test_json_gives_the_mask_back(rng):
    mask = AttentionMask.by_mass(draw(rng), 0.6)
    assert_array_equal(AttentionMask.from_json(mask.to_json()).blocks, mask.blocks)
    assert json.loads(mask.to_json())["block"] == 64


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"block": 32, "layers": [[[[0]]]]}', '{"block": 64, "layers": []}',
    '{"block": 64, "layers": [[[[1]]]]}', '{"block": 64, "layers": [[[[-1]]]]}',
    '{"block": 64, "layers": [[[[0], [1]], [[0]]]]}', '{"block": 64, "layers": 3}',
    '{"block": 64, "layers": [[[["0"]]]]}', '{"block": 64, "layers": [[[[0.0]]]]}', "[" * 99_999,
])
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="This is no attention mask"):
        AttentionMask.from_json(text)


@pytest.mark.parametrize("change, message", [
    (lambda b: b.astype(int), "must be bool"), (lambda b: b[0], "must be bool of the shape"),
    (lambda b: b[:, :, 1:], "as many block columns as rows, not 4 and 3"),
    (lambda b: b | True, "nothing above it"), (lambda b: b & False, "keep its diagonal"),
    (lambda b: b[:0], "must be bool of the shape"),
])
def test_masks_are_causal(change, message):
    good = AttentionMask.local_global(1, 1, 4, near=1, first=0).blocks
    with pytest.raises(ValueError, match=message):
        AttentionMask(change(good))


@pytest.mark.parametrize("change, density, message", [
    (lambda m: m, 0.2, "Density must be 0.285714"), (lambda m: m, np.nan, "Density must be"),
    (lambda m: m, 1.01, "Density must be"),
    (lambda m: m[0], 0.5, "must have the shape"), (lambda m: m * 2, 0.5, "adding up to 1"),
    (lambda m: m * np.nan, 0.5, "must be known"), (lambda m: m.swapaxes(2, 3), 0.5, "before the"),
])
def test_mass_must_be_that_of_attention(rng, change, density, message):
    with pytest.raises(ValueError, match=message):
        AttentionMask.by_mass(change(draw(rng)), density)


def test_sizes_of_patterns_must_make_sense():
    for near, first in ((0, 1), (1, -1)):
        with pytest.raises(ValueError, match="At least 1 near and 0 first"):
            AttentionMask.local_global(1, 1, 4, near=near, first=first)
