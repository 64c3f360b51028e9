# SPDX-License-Identifier: Apache-2.0
"""N:M sparsity along K."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import Pattern, compress, expand, prune_mask, quantize_weights

PATTERNS = list(Pattern)


@st.composite
def matrices(draw):
    pattern = draw(st.sampled_from(PATTERNS))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 40))
    flat = draw(st.lists(st.integers(-128, 127), min_size=rows * columns, max_size=rows * columns))
    return np.array(flat, np.int8).reshape(rows, columns), pattern


@settings(max_examples=150, deadline=None, derandomize=True)
@given(matrices())
def test_the_greatest_of_each_block_are_kept(drawn):
    codes, pattern = drawn
    mask = prune_mask(codes.astype(np.float32), pattern)
    assert mask.shape == codes.shape and mask.dtype == np.bool_
    for row, kept in zip(codes.tolist(), mask.tolist(), strict=True):
        for first in range(0, len(row), pattern.m):
            block = row[first:first + pattern.m]
            ranked = sorted(range(len(block)), key=lambda i: (-abs(block[i]), i))
            want = set(ranked[:pattern.n])
            assert {i for i, k in enumerate(kept[first:first + pattern.m]) if k} == want


@settings(max_examples=150, deadline=None, derandomize=True)
@given(matrices())
def test_stored_codes_expand_to_the_masked_ones(drawn):
    codes, pattern = drawn
    mask = prune_mask(codes.astype(np.float32), pattern)
    kept, indices = compress(codes, mask, pattern)
    blocks = -(-codes.shape[1] // pattern.m)
    assert kept.dtype == codes.dtype and indices.dtype == np.uint8
    assert kept.shape == indices.shape == (len(codes), blocks * pattern.n)
    per_block = indices.astype(int).reshape(len(codes), blocks, pattern.n)
    assert per_block.min() >= 0 and per_block.max() < pattern.m
    assert (np.diff(per_block, axis=-1) > 0).all()
    want = [[c if m else 0 for c, m in zip(*rows, strict=True)]
            for rows in zip(codes.tolist(), mask.tolist(), strict=True)]
    assert expand(kept, indices, pattern, codes.shape[1]).tolist() == want


@settings(max_examples=100, deadline=None, derandomize=True)
@given(matrices(), st.integers(0, 2 ** 32 - 1))
def test_thin_masks_round_trip_too(drawn, seed):
    codes, pattern = drawn
    mask = prune_mask(codes.astype(np.float64), pattern)
    mask &= np.random.default_rng(seed).random(mask.shape) < 0.5
    kept, indices = compress(codes, mask, pattern)
    assert_array_equal(expand(kept, indices, pattern, codes.shape[1]), np.where(mask, codes, 0))


def test_dense_keeps_everything(rng):
    codes = rng.integers(-8, 8, (3, 10)).astype(np.int8)
    mask = prune_mask(codes.astype(np.float32), Pattern.DENSE)
    assert mask.all()
    kept, indices = compress(codes, mask, Pattern.DENSE)
    assert_array_equal(kept, codes)
    assert not indices.any()


def test_ties_go_to_the_lower_index():
    w = np.array([[1, -1, 1, -1, 0, 0, 0, 0, 2, 3, -3, 3]], np.float16)
    want = [[True, True, False, False] * 2 + [False, True, True, False]]
    assert prune_mask(w, Pattern.S2_4).tolist() == want


def test_blocks_are_topped_up_at_the_lowest_free_indices():
    codes = np.array([[9, 9, 9, 5, 9, 9, 9, 9, 9, 6]], np.int8)
    mask = np.zeros((1, 10), bool)
    mask[0, [3, 9]] = True
    kept, indices = compress(codes, mask, Pattern.S2_4)
    assert kept.tolist() == [[0, 5, 0, 0, 0, 6]]
    assert indices.tolist() == [[0, 3, 0, 1, 0, 1]]


def test_a_short_last_block_is_topped_up_past_the_matrix():
    codes = np.array([[1, 2, 3, 4, 5]], np.int8)
    mask = prune_mask(codes.astype(np.float32), Pattern.S2_4)
    kept, indices = compress(codes, mask, Pattern.S2_4)
    assert kept.tolist() == [[3, 4, 5, 0]] and indices.tolist() == [[2, 3, 0, 1]]
    assert expand(kept, indices, Pattern.S2_4, 5).tolist() == [[0, 0, 3, 4, 5]]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pruned_weights_with_zero_points_stay_zero(rng, pattern):
    w = rng.standard_normal((4, 72)) + 0.5
    mask = prune_mask(w, pattern)
    weights = quantize_weights(np.where(mask, w, 0), 4, 16, True)
    zero = weights.spread(weights.zero)
    kept, indices = compress(weights.codes, mask, pattern, fill=zero)
    got = expand(kept, indices, pattern, 72, fill=zero)
    assert_array_equal(got, weights.codes)


def test_full_blocks_beyond_the_pattern_are_refused():
    codes, mask = np.ones((2, 8), np.int8), np.zeros((2, 8), bool)
    mask[1, 4:7] = True
    with pytest.raises(ValueError, match=r"at most 2 for the pattern 2:4, but the element at "
                                         r"\[1, 1\] is 3"):
        compress(codes, mask, Pattern.S2_4)


@pytest.mark.parametrize("change, complaint", [
    ({"indices": [[1, 0]]}, r"greater than the one before in its block, .*\[0, 1\] is 0"),
    ({"indices": [[2, 2]]}, r"greater than the one before in its block, .*\[0, 1\] is 2"),
    ({"indices": [[0, 4]]}, r"Indices must be in 0..3, but the element at \[0, 1\] is 4"),
    ({"indices": [[0, 1, 2]]}, r"Indices must have the shape \(1, 2\)"),
    ({"k": 8}, r"Kept codes must have the shape \(1, 4\) \(2 for each 4 of 8 columns\)"),
    ({"k": 0}, "Columns k must be an integer of at least 1"),
    ({"k": 3}, r"nothing past them, but the element at \[0, 3\] is 6"),
    ({"fill": 0.5}, "Fill must be integer codes, not float64"),
    ({"fill": 128}, r"Fill must be in -128..127"),
    ({"fill": np.zeros((1, 2), int)}, r"Fill must be one code or have the shape \(1, 4\)"),
])
def test_bad_storage_is_refused(change, complaint):
    good = {"indices": [[1, 3]], "k": 4, "fill": 0} | change
    indices = np.array(good.pop("indices"), np.uint8)
    with pytest.raises(ValueError, match=complaint):
        expand(np.array([[5, 6]], np.int8), indices, Pattern.S2_4, **good)


@pytest.mark.parametrize("w, complaint", [
    (np.array([[1, np.nan]]), r"finite, but the element at \[0, 1\] is nan"),
    (np.array([[-np.inf, 1]]), r"finite, but the element at \[0, 0\] is -inf"),
    (np.ones(4), r"must have the shape \(rows, K\)"),
    (np.ones((4, 0)), "at least one element"),
    (np.ones((4, 4), np.int8), "not int8"),
])
def test_bad_weights_are_not_pruned(w, complaint):
    with pytest.raises(ValueError, match=complaint):
        prune_mask(w, Pattern.S2_4)


def test_masks_must_match_their_codes():
    codes = np.ones((2, 8), np.int8)
    with pytest.raises(ValueError, match=r"Mask must have the shape \(2, 8\) \(as the codes\)"):
        compress(codes, np.ones((2, 4), bool), Pattern.S2_4)
    with pytest.raises(ValueError, match="Mask must be bool, not int8"):
        compress(codes, codes, Pattern.S2_4)
    with pytest.raises(ValueError, match="Codes must be int8 or uint8, not int64"):
        compress(codes.astype(np.int64), codes > 0, Pattern.DENSE)
