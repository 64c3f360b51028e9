# SPDX-License-Identifier: Apache-2.0
"""Flushing subnormals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import SMALLEST_NORMAL, flush


def bits_of(*patterns):
    return np.array(patterns, np.uint32).view(np.float32)


def test_subnormals_become_zeros_of_their_sign():
    got = flush(bits_of(0x0000_0001, 0x007F_FFFF, 0x8000_0001, 0x807F_FFFF, 0x8000_0000))
    assert_array_equal(got.view(np.uint32), [0, 0, 0x8000_0000, 0x8000_0000, 0x8000_0000])


def test_everything_else_passes_to_the_bit():
    x = bits_of(0, 0x0080_0000, 0x8080_0000, 0x3F80_0000, 0x7F7F_FFFF, 0x7F80_0000, 0xFF80_0000,
                0x7FC0_1234, 0xFFC0_0001, 0x7F80_0001)
    assert_array_equal(flush(x).view(np.uint32), x.view(np.uint32))


def test_smallest_normal_is_two_to_the_minus_126():
    assert float(SMALLEST_NORMAL) == 2.0 ** -126
    assert SMALLEST_NORMAL.view(np.uint32) == 0x0080_0000


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(width=32, allow_nan=False))
def test_flush_agrees_with_a_comparison_of_floats(value):
    want = 0.0 if abs(value) < 2.0 ** -126 else value
    got = flush(np.array([value], np.float32))
    assert float(got[0]) == want
    assert np.signbit(got[0]) == (str(value)[0] == "-")


def test_input_stays_as_it_was_whatever_its_strides():
    x = np.full((4, 6), 1e-40, np.float32)
    x[:, ::2] = 1.5
    got = flush(x.T[::2])
    assert_array_equal(got, np.full((3, 4), 1.5))
    assert x[0, 1] != 0
    assert_array_equal(flush(x.T[1::2]), np.zeros((3, 4)))


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="must be float32, not float64"):
        flush(np.zeros(3))
