# SPDX-License-Identifier: Apache-2.0
"""Rounding, saturation, ranges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import code_range, round_half_even, saturate


def test_halves_go_to_the_even_integer():
    x = np.array([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 126.5, 127.5])
    assert_array_equal(round_half_even(x), [-4, -2, -2, 0, 0, 2, 2, 4, 126, 128])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(-2.0 ** 62, 2.0 ** 62) | st.integers(-2 ** 40, 2 ** 40).map(lambda n: n / 2))
def test_rounding_agrees_with_python(value):
    assert round_half_even(np.array([value]))[0] == round(value)


def test_greatest_float_below_the_limit_is_exact():
    x = np.array([np.nextafter(2.0 ** 63, 0), -np.nextafter(2.0 ** 63, 0)])
    assert round_half_even(x).tolist() == [2 ** 63 - 1024, -2 ** 63 + 1024]


@pytest.mark.parametrize("bad, complaint", [
    (np.nan, r"finite, but the element at \[1\] is nan"),
    (np.inf, r"finite, but the element at \[1\] is inf"),
    (2.0 ** 63, r"below 2\^63 in magnitude, but the element at \[1\]"),
])
def test_floats_beyond_int64_are_refused(bad, complaint):
    with pytest.raises(ValueError, match=complaint):
        round_half_even(np.array([0.0, bad]))


@pytest.mark.parametrize("bits, signed, want", [
    (1, True, (-1, 0)), (2, True, (-2, 1)), (8, True, (-128, 127)), (1, False, (0, 1)),
    (4, False, (0, 15)), (48, True, (-2 ** 47, 2 ** 47 - 1)), (63, False, (0, 2 ** 63 - 1)),
])
def test_ranges_of_codes(bits, signed, want):
    assert code_range(bits, signed) == want


@pytest.mark.parametrize("bits", [0, 64, 2.0, True, None])
def test_other_widths_have_no_range(bits):
    with pytest.raises(ValueError, match="Code bits must be an integer in 1..63"):
        code_range(bits)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(-2 ** 63, 2 ** 63 - 1) | st.integers(-300, 300), st.integers(1, 63),
       st.booleans())
def test_saturation_agrees_with_python(value, bits, signed):
    low, high = code_range(bits, signed)
    got = saturate(np.array([value], np.int64), bits, signed)
    assert got.dtype == np.int64
    assert int(got[0]) == min(max(value, low), high)


def test_saturation_of_narrow_dtypes_does_not_wrap():
    assert_array_equal(saturate(np.array([255, 3], np.uint8), 4), [7, 3])
    assert_array_equal(saturate(np.array([-128, 3], np.int8), 8, signed=False), [0, 3])


def test_floats_are_not_saturated():
    with pytest.raises(ValueError, match="must be int8 or .* not float32"):
        saturate(np.zeros(2, np.float32), 8)
