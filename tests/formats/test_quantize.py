# SPDX-License-Identifier: Apache-2.0
"""Choosing scales, zero points and codes for weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import (
    CODE_BITS,
    GROUP_SIZES,
    QuantizedWeights,
    dequantize_exact,
    quantize_weights,
    two_level,
)

KINDS = [(bits, zero) for bits in CODE_BITS for zero in (False, True)]


def final_scales(weights):
    """s_row * u for each weight, and s_row for each row, in float64."""
    row = weights.row_scale.astype(np.float64)[:, None]
    return np.repeat(row * weights.group_scale, weights.group, axis=1)[:, :weights.columns], row


def assert_within_bound(w, weights):
    scale, row = final_scales(weights)
    span = 2 ** weights.bits - 1 if weights.bits < 8 and not weights.signed else (
        2 ** (weights.bits - 1))
    bound = (scale / 2 + span * row / 2) * (1 + 1e-6)
    assert (np.abs(dequantize_exact(weights) - w) <= bound).all()


@pytest.mark.parametrize("bits, zero", [kind for kind in KINDS if kind != (2, False)])
@pytest.mark.parametrize("group", GROUP_SIZES)
def test_error_is_within_the_bound(rng, bits, zero, group):
    w = rng.standard_normal((16, 200)) * rng.lognormal(0, 2, (16, 200 // 8)).repeat(8, axis=1)
    w[3] += 5
    w[4] = -np.abs(w[4])
    w[5, 30:] = 0
    weights = quantize_weights(w, bits, group, zero)
    assert weights.shape == w.shape and weights.signed == (not zero)
    assert_within_bound(w, weights)


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 40))
    value = st.floats(-2.0 ** 100, 2.0 ** 100, width=32).filter(lambda v: not 0 < abs(v) < 1e-20)
    flat = draw(st.lists(value | st.sampled_from([0.0, 1.0, -1.0]), min_size=rows * columns,
                         max_size=rows * columns))
    return np.array(flat, np.float32).reshape(rows, columns)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(matrices(), st.sampled_from([kind for kind in KINDS if kind != (2, False)]))
def test_error_is_within_the_bound_for_anything(w, kind):
    assert_within_bound(w.astype(np.float64), quantize_weights(w, kind[0], 16, kind[1]))


@pytest.mark.parametrize("bits, zero", KINDS)
def test_no_other_code_is_nearer(rng, bits, zero):
    w = rng.standard_normal((4, 64)) * rng.lognormal(0, 1, (4, 1))
    weights = quantize_weights(w, bits, 16, zero)
    scale, _ = final_scales(weights)
    points = np.repeat(weights.zero, 16, axis=1) if zero else np.zeros((4, 64))
    low = 0 if zero else -2 ** (bits - 1)
    every = np.arange(low, low + 2 ** bits)[:, None, None]
    least = np.abs(scale * (every - points) - w).min(axis=0)
    assert (np.abs(dequantize_exact(weights) - w) <= least * (1 + 1e-9)).all()


@pytest.mark.parametrize("bits", [3, 4, 5, 6, 8])
def test_signed_scales_take_the_greatest_magnitude_to_the_greatest_code(rng, bits):
    w = rng.standard_normal((8, 64)).astype(np.float32)
    weights = quantize_weights(w, bits, 32)
    absmax = np.abs(w.astype(np.float64)).reshape(8, 2, 32).max(axis=2)
    s_row, u = two_level(absmax / (2 ** (bits - 1) - 1))
    assert_array_equal(weights.row_scale, s_row)
    assert_array_equal(weights.group_scale, u)
    peaks = np.abs(weights.codes.astype(int)).reshape(8, 2, 32).max(axis=2)
    assert_array_equal(peaks, np.full((8, 2), 2 ** (bits - 1) - 1))


def test_codes_answer_to_the_final_scale_not_to_the_ideal_one():
    # The second group's ideal scale is 1.4 steps of the row's; it gets one step.
    w = np.zeros((1, 32))
    w[0, 0], w[0, 16], w[0, 17] = 65535 * 7, 1.4 * 7, 3.0
    weights = quantize_weights(w, 4, 16)
    assert weights.row_scale[0] == 1 and weights.group_scale.tolist() == [[65535, 1]]
    assert weights.codes[0, 16:18].tolist() == [7, 3]
    assert quantize_weights(-w, 4, 16).codes[0, 16:18].tolist() == [-8, -3]


def test_halves_go_to_the_even_code():
    w = np.zeros((1, 16), np.float32)
    w[0, :6] = [7, 0.5, 1.5, 2.5, -0.5, -1.5]
    weights = quantize_weights(w * 65535, 4, 16)
    assert weights.codes[0, :6].tolist() == [7, 0, 2, 2, 0, -2]


def test_two_bits_do_better_than_either_plain_scale(rng):
    w = rng.standard_normal((64, 128))
    absmax = np.abs(w).reshape(64, 4, 32).max(axis=2).repeat(32, axis=1)
    got = ((dequantize_exact(quantize_weights(w, 2, 32)) - w) ** 2).mean()
    for plain in (absmax, absmax / 2):
        codes = np.clip(np.rint(w / plain), -2, 1)
        assert got < ((plain * codes - w) ** 2).mean()


@pytest.mark.parametrize("peak", [1, 1.5, 2, 3, 4])
def test_two_bits_take_the_best_of_sixteenths(peak):
    # One weight stands out, so the best scale depends on how far.
    values = [peak] + [1.0, -1.0, 1.0] * 5

    def error(scale):
        return sum(min((v - scale * q) ** 2 for q in (-2, -1, 0, 1)) for v in values)

    best = min((peak * k / 16 for k in range(16, 3, -1)), key=error)
    weights = quantize_weights(np.array([values]), 2, 16)
    assert float(weights.row_scale[0]) * 65535 == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("values, codes", [([1, -1, 0, 1], [1, -1, 0, 1]),
                                           ([-2, 1, -1, 0], [-2, 1, -1, 0])])
def test_two_bits_are_exact_where_they_can_be(values, codes):
    w = np.zeros((1, 16))
    w[0, :4] = values
    weights = quantize_weights(w * 65535, 2, 16)
    assert weights.codes[0, :4].tolist() == codes
    assert_array_equal(dequantize_exact(weights), w * 65535)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6])
def test_zero_points_use_every_code_of_a_one_sided_group(bits):
    top = 2 ** bits - 1
    w = np.resize(np.arange(top + 1), (1, 64)).astype(np.float64) * 65535
    up, down = quantize_weights(w, bits, 64, True), quantize_weights(-w, bits, 64, True)
    assert up.zero[0, 0] == 0 and down.zero[0, 0] == top
    assert_array_equal(dequantize_exact(up), w)
    assert_array_equal(dequantize_exact(down), -w)


@pytest.mark.parametrize("bits", CODE_BITS)
def test_zero_is_exact_with_zero_points(rng, bits):
    w = rng.standard_normal((8, 64)) + rng.integers(-3, 4, (8, 1))
    w[:, ::5] = 0
    weights = quantize_weights(w, bits, 16, True)
    assert not weights.centered()[:, ::5].any()


def test_eight_bit_zero_points_are_128(rng):
    w = rng.standard_normal((8, 64)) + 3
    weights = quantize_weights(w, 8, 32, True)
    assert (weights.zero == 128).all()
    # Negative extremes reach -128, positive ones 127.
    w = np.array([[-128.0, 127, 1, -1]]) * 65535
    assert quantize_weights(w, 8, 16, True).centered().tolist() == [[-128, 127, 1, -1]]


@pytest.mark.parametrize("bits, zero", KINDS)
def test_padding_changes_nothing(rng, bits, zero):
    w = rng.standard_normal((4, 40)).astype(np.float32)
    short = quantize_weights(w, bits, 16, zero)
    whole = quantize_weights(np.pad(w, ((0, 0), (0, 8))), bits, 16, zero)
    assert short.groups == 3 and short.columns == 40
    assert_array_equal(short.codes, whole.codes[:, :40])
    assert_array_equal(short.group_scale, whole.group_scale)


@pytest.mark.parametrize("bits, zero", KINDS)
def test_zeros_and_vanishing_rows_become_zeros(bits, zero):
    w = np.zeros((3, 32))
    w[1, 3], w[2, 4] = 1e-300, 1
    weights = quantize_weights(w, bits, 16, zero)
    assert weights.row_scale[:2].tolist() == [0, 0] and weights.row_scale[2] > 0
    got = dequantize_exact(weights)
    assert not got[:2].any() and abs(got[2, 4] - 1) < 0.01


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_dtype_gives_the_same_codes(rng, dtype):
    w = rng.standard_normal((4, 64)).astype(np.float16)
    got, want = quantize_weights(w.astype(dtype), 4, 32), quantize_weights(w, 4, 32)
    assert isinstance(got, QuantizedWeights)
    assert_array_equal(got.codes, want.codes)
    assert_array_equal(got.row_scale, want.row_scale)


@pytest.mark.parametrize("w, bits, group, complaint", [
    (np.ones((2, 16)), 7, 16, "Weight bits must be one of 2, 3, 4, 5, 6, 8, not 7"),
    (np.ones((2, 16)), 4, 20, "Weight group must be one of 16, 32, 64, 128, not 20"),
    (np.ones(16), 4, 16, r"Weights must have the shape \(rows, K\), not \(16,\)"),
    (np.ones((0, 16)), 4, 16, "Weights must hold at least one element"),
    (np.ones((2, 16), np.int8), 4, 16, "Weights must be float16 or float32 or float64, not int8"),
    (np.array([[1, np.nan]]), 4, 16, r"Weights must be finite, but the element at \[0, 1\] is nan"),
    (np.array([[1], [np.inf]]), 4, 16, r"finite, but the element at \[1, 0\] is inf"),
    (np.array([[1e300]]), 4, 16, "at most 65535 times the greatest float32"),
])
def test_bad_weights_are_refused(w, bits, group, complaint):
    with pytest.raises(ValueError, match=complaint):
        quantize_weights(w, bits, group)
