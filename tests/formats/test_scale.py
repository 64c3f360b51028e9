# SPDX-License-Identifier: Apache-2.0
"""Two-level scales."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import combine, two_level

TINY = 2.0 ** -126
TOP = float(np.finfo(np.float32).max)


def assert_within_half_a_step(scales):
    s_row, u = two_level(scales)
    for row, s, codes in zip(scales.tolist(), s_row.tolist(), u.tolist(), strict=True):
        for scale, code in zip(row, codes, strict=True):
            error = abs(Fraction(scale) - Fraction(s) * code)
            assert error <= Fraction(max(row)) / 2 ** 16
            assert error * 2 <= Fraction(s) * (1 + Fraction(1, 2 ** 20))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.floats(2.0 ** -100, TOP) | st.just(0.0), min_size=1, max_size=6))
def test_error_is_within_the_bound(values):
    assert_within_half_a_step(np.array([values]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_error_is_within_the_bound_for_every_dtype(rng, dtype):
    scales = rng.lognormal(-3, 2, (32, 16)).clip(0, 6e4).astype(dtype)
    scales[3] = 0
    scales[4, 1:] = 0
    assert_within_half_a_step(scales)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.floats(2.0 ** -100, 2.0 ** 100, width=32), min_size=1, max_size=6))
def test_codes_agree_with_exact_rationals(fp32, values):
    s_row, u = two_level(np.array([values], np.float32))
    # Twice rounded: the quotient to float64 first.
    want = fp32(Fraction(max(values) / 65535))
    assert Fraction(float(s_row[0])) == want
    assert u[0].tolist() == [min(round(Fraction(v) / want), 65535) for v in values]


def test_greatest_scale_is_the_greatest_code(rng):
    scales = rng.lognormal(0, 3, (1000, 4))
    _, u = two_level(scales)
    assert_array_equal(u.max(axis=1), np.full(1000, 65535))
    assert_array_equal(u.argmax(axis=1), scales.argmax(axis=1))


def test_halves_go_to_the_even_code():
    _, u = two_level(np.array([[65535, 0.5, 1.5, 2.5, 65534.5]]))
    assert u.tolist() == [[65535, 0, 2, 2, 65534]]


def test_rows_of_zeros_have_scale_zero():
    s_row, u = two_level(np.array([[0.0, 0.0], [1.0, 2.0]]))
    assert s_row[0] == 0 and not u[0].any()
    assert_array_equal(combine(s_row, u)[0], [0, 0])


def test_row_scales_that_would_be_subnormal_are_zero():
    s_row, u = two_level(np.array([[65535 * TINY * 0.999, TINY], [65535 * TINY, TINY]]))
    assert s_row.tolist() == [0, TINY]
    assert u.tolist() == [[0, 0], [65535, 1]]


def test_subnormal_scales_of_every_dtype_are_taken():
    assert two_level(np.array([[np.float16(6e-8)]]))[1] == 65535
    assert two_level(np.array([[1e-40]], np.float32))[0] == 0
    assert two_level(np.array([[5e-324]]))[0] == 0


def test_combined_scales_are_exact(rng):
    s_row = rng.lognormal(0, 5, 8).astype(np.float32)
    u = rng.integers(0, 65536, (8, 5)).astype(np.uint16)
    got = combine(s_row, u)
    assert got.dtype == np.float64
    for r in range(8):
        for g in range(5):
            assert Fraction(got[r, g]) == Fraction(float(s_row[r])) * int(u[r, g])


@pytest.mark.parametrize("scales, complaint", [
    (np.array([[1.0, -1.0]]), r"at least 0, but the element at \[0, 1\] is -1.0"),
    (np.array([[1.0], [np.nan]]), r"finite, but the element at \[1, 0\] is nan"),
    (np.array([[np.inf]]), "finite"),
    (np.array([[1.0, 2.0], [1.0, 1e300]]),
     r"at most 65535 times the greatest float32, but the element at \[1, 1\] is 1e\+300"),
    (np.ones(3), r"must have the shape \(rows, groups\), not \(3,\)"),
    (np.ones((2, 0)), "at least one element"),
    (np.ones((2, 2), np.int32), "must be float16 or float32 or float64, not int32"),
])
def test_bad_scales_are_refused(scales, complaint):
    with pytest.raises(ValueError, match=complaint):
        two_level(scales)


def test_bad_levels_are_refused():
    u = np.ones((2, 3), np.uint16)
    with pytest.raises(ValueError, match=r"must have the shape \(2,\) \(one for each row\)"):
        combine(np.ones(3, np.float32), u)
    with pytest.raises(ValueError, match="Group scales must be uint16, not int64"):
        combine(np.ones(2, np.float32), u.astype(np.int64))
    with pytest.raises(ValueError, match="Row scales must be at least 0"):
        combine(np.array([1, -1], np.float32), u)
