# SPDX-License-Identifier: Apache-2.0
"""Exact dot products and their scaling."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import (
    QuantizedWeights,
    check_dot_bound,
    check_shape_bound,
    dequantize_exact,
    dot_products,
    group_sums,
    quantize_activations,
    quantize_weights,
    scale_result,
)

LIMIT = 2 ** 47 - 1


def weights_of(codes, u, bits=8, group=16, zero=None):
    return QuantizedWeights(codes=codes, zero=zero, bits=bits, group=group, group_scale=u,
                            row_scale=np.ones(len(codes), np.float32))


@pytest.mark.parametrize("group", [16, 32, 64, 128])
@pytest.mark.parametrize("columns", [1, 16, 200])
def test_group_sums_agree_with_python_integers(rng, group, columns):
    codes = rng.integers(-128, 128, (5, columns)).astype(np.int8)
    x = rng.integers(-128, 128, (3, columns)).astype(np.int8)
    got = group_sums(codes, x, group)
    assert got.dtype == np.int64 and got.shape == (3, 5, -(-columns // group))
    for t in range(3):
        for r in range(5):
            products = [a * b for a, b in zip(codes[r].tolist(), x[t].tolist(), strict=True)]
            assert got[t, r].tolist() == [sum(products[k:k + group])
                                          for k in range(0, columns, group)]


@pytest.mark.parametrize("code, x, want", [(-128, -128, 2 ** 21), (-128, 127, -128 * 128 * 127)])
def test_extreme_group_sums_are_exact(code, x, want):
    got = group_sums(np.full((1, 256), code, np.int8), np.full((1, 256), x, np.int8), 128)
    assert got.tolist() == [[[want, want]]]


def test_odd_group_sums_near_the_extreme_are_exact():
    codes, x = np.full((1, 128), 127, np.int8), np.full((1, 128), 127, np.int8)
    codes[0, 77] = 1
    assert group_sums(codes, x, 128)[0, 0, 0] == 127 * 127 * 127 + 127


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("zero", [False, True])
def test_dot_products_agree_with_python_integers(rng, bits, zero):
    weights = quantize_weights(rng.standard_normal((6, 100)), bits, 32, zero)
    x = rng.integers(-127, 128, (3, 100)).astype(np.int8)
    got = dot_products(weights, x)
    assert got.dtype == np.int64 and got.shape == (3, 6)
    for t in range(3):
        for r in range(6):
            want = 0
            for k in range(100):
                z = int(weights.zero[r, k // 32]) if zero else 0
                want += (int(weights.group_scale[r, k // 32]) * (int(weights.codes[r, k]) - z)
                         * int(x[t, k]))
            assert got[t, r] == want


def test_dot_products_are_scaled_group_sums(rng):
    weights = quantize_weights(rng.standard_normal((6, 100)), 4, 16, True)
    x = rng.integers(-128, 128, (3, 100)).astype(np.int8)
    sums = group_sums(weights.centered(), x, 16)
    want = (sums.astype(object) * weights.group_scale.astype(object)).sum(axis=-1)
    assert_array_equal(dot_products(weights, x).astype(object), want)


def test_results_approach_the_product_of_real_matrices(rng):
    w = rng.standard_normal((32, 256))
    x = rng.standard_normal((4, 256)).astype(np.float32)
    weights, (codes, s_x) = quantize_weights(w, 8, 32), quantize_activations(x)
    y = scale_result(dot_products(weights, codes), weights.row_scale, s_x)
    quantized = (s_x[:, None].astype(np.float64) * codes) @ dequantize_exact(weights).T
    np.testing.assert_allclose(y, quantized, rtol=4 * 2.0 ** -24, atol=1e-12)
    assert np.abs(y - x @ w.T).max() < 0.02 * np.abs(x @ w.T).max()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2 ** 32 - 1), st.sampled_from([2, 4, 8]), st.sampled_from([127, 128]))
def test_the_bound_is_reached_and_never_passed(seed, bits, top):
    rng = np.random.default_rng(seed)
    columns = int(rng.integers(1, 70))
    codes = rng.integers(-2 ** (bits - 1), 2 ** (bits - 1), (2, columns)).astype(np.int8)
    u = rng.integers(0, 65536, (2, -(-columns // 16))).astype(np.uint16)
    weights = weights_of(codes, u, bits)
    bound = check_dot_bound(weights, top)
    worst = np.where(codes > 0, -top, np.minimum(top, 127)).astype(np.int8)
    a = dot_products(weights, worst)
    if top == 127:
        assert np.abs(np.diagonal(a)).max() == bound
    assert np.abs(a).max() <= bound <= check_shape_bound(columns, bits, activation_max=top)


def test_dot_products_beyond_48_bits_are_refused():
    most = LIMIT // (65535 * 128 * 127)
    u = np.full((2, -(-(most + 1) // 128)), 65535, np.uint16)
    codes = np.zeros((2, most + 1), np.int8)
    codes[1, :most] = -128
    fits = weights_of(codes.copy(), u, group=128)
    assert check_dot_bound(fits) == most * 65535 * 128 * 127 == check_shape_bound(most, 8)
    codes[1, most] = -128
    with pytest.raises(ValueError, match=r"dot products must be at most 140737488355327 to fit in "
                                         r"48 bits signed, but the element at \[1\] is"):
        check_dot_bound(weights_of(codes, u, group=128))
    with pytest.raises(ValueError, match=f"{most + 1} columns with 8-bit codes could reach .*; at "
                                         f"most {most} columns always fit"):
        check_shape_bound(most + 1, 8)


def test_bounds_of_shapes():
    assert check_shape_bound(4096, 4) == 4096 * 65535 * 8 * 127
    assert check_shape_bound(4096, 4, zero_point=True) == 4096 * 65535 * 15 * 127
    assert check_shape_bound(11008, 8, zero_point=True) == 11008 * 65535 * 128 * 127
    assert check_shape_bound(1, 2, activation_max=128) == 65535 * 2 * 128



@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(-LIMIT - 1, LIMIT), st.floats(2.0 ** -60, 2.0 ** 20, width=32),
       st.floats(2.0 ** -60, 2.0 ** 20, width=32))
@example(2 ** 24 + 1, 1.0, 1.0)
@example(2 ** 24 + 3, 1.0, 1.0)
@example(-(2 ** 24 + 1), 1.0, 1.0)
@example(2 ** 46 + 2 ** 22, 1.0, 1.0)
@example(2 ** 46 + 2 ** 22 + 1, 1.0, 1.0)
@example(2 ** 46 + 3 * 2 ** 22, 1.0, 1.0)
@example(LIMIT, 1.0, 1.0)
@example(-LIMIT - 1, 1.0, 1.0)
def test_every_step_of_the_result_rounds_to_nearest_even(fp32, a, s_row, s_x):
    got = scale_result(np.array([[a]]), np.array([s_row], np.float32), np.array([s_x], np.float32))
    want = fp32(fp32(Fraction(a)) * fp32(Fraction(s_row) * Fraction(s_x)))
    assert Fraction(float(got[0, 0])) == want


@pytest.mark.parametrize("bits", range(25, 48))
def test_ties_of_long_integers_go_to_even(fp32, bits):
    unit = 1 << bits - 24
    firsts = [(1 << bits - 1) + unit * k + unit // 2 for k in (0, 1, 2, 3, 2 ** 23 - 1)]
    a = np.array([[sign * (n + off) for n in firsts for off in (-1, 0, 1) for sign in (1, -1)]])
    a = a[np.abs(a) < 2 ** 47][None]
    got = scale_result(a, np.ones(a.shape[1], np.float32), np.ones(1, np.float32))
    assert [Fraction(v) for v in got[0].tolist()] == [fp32(Fraction(n)) for n in a[0].tolist()]


def test_long_arrays_round_as_short_ones(rng, fp32):
    a = rng.integers(-2 ** 47, 2 ** 47, (2, 300))
    got = scale_result(a, np.ones(300, np.float32), np.ones(2, np.float32))
    assert [Fraction(v) for v in got.ravel().tolist()] == [fp32(Fraction(n))
                                                           for n in a.ravel().tolist()]


def test_vanishing_results_are_flushed_with_their_sign():
    scales = np.array([2.0 ** -63, 2.0 ** -64], np.float32)
    a = np.array([[1, 1], [-1, -2 ** 40], [0, 0]])
    got = scale_result(a, scales, np.full(3, 2.0 ** -63, np.float32))
    # The second row's scale is 2^-127: flushed before anything could bring it back.
    assert got.tolist() == [[2.0 ** -126, 0], [-(2.0 ** -126), 0], [0, 0]]
    assert np.signbit(got).tolist() == [[False, False], [True, True], [False, False]]


def test_subnormal_scales_count_as_zero():
    got = scale_result(np.array([[2 ** 40]]), np.array([2.0 ** -130], np.float32),
                       np.array([2.0 ** 20], np.float32))
    assert got.tolist() == [[0]]


def test_results_beyond_float32_are_infinite():
    big = np.array([2.0 ** 100], np.float32)
    assert scale_result(np.array([[-2 ** 40]]), big, np.ones(1, np.float32))[0, 0] == -np.inf
    got = scale_result(np.array([[5], [0]]), big, np.full(2, 2.0 ** 100, np.float32))
    assert got[0, 0] == np.inf and np.isnan(got[1, 0])


def test_bad_input_is_refused(rng):
    weights = quantize_weights(rng.standard_normal((2, 20)), 4, 16)
    x, one = np.zeros((3, 20), np.int8), np.ones(2, np.float32)
    with pytest.raises(ValueError, match=r"Activation codes must have the shape \(3, 20\)"):
        dot_products(weights, x[:, :19].copy())
    with pytest.raises(ValueError, match="Activation codes must be int8, not int64"):
        dot_products(weights, x.astype(np.int64))
    with pytest.raises(ValueError, match="Centered codes must be int8, not uint8"):
        group_sums(x.view(np.uint8), x, 16)
    with pytest.raises(ValueError, match="Weight group must be one of"):
        group_sums(x, x, 20)
    with pytest.raises(ValueError, match="Greatest activation must be an integer in 1..128"):
        check_dot_bound(weights, 129)
    with pytest.raises(ValueError, match="Columns K must be an integer of at least 1, not 0"):
        check_shape_bound(0, 4)
    a = np.zeros((3, 2), np.int64)
    with pytest.raises(ValueError, match="Dot products must be int64, not float64"):
        scale_result(a.astype(np.float64), one, np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"Token scales must have the shape \(3,\)"):
        scale_result(a, one, one)
    with pytest.raises(ValueError, match=r"Row scales must have the shape \(2,\)"):
        scale_result(a, np.ones(3, np.float32), np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"Row scales must be at least 0, .*\[0\] is -1.0"):
        scale_result(a, -one, np.ones(3, np.float32))
