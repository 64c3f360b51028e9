# SPDX-License-Identifier: Apache-2.0
"""Activations as int8 with a scale per token."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import dequantize_activations, quantize_activations

TINY = 2.0 ** -126


def normal_or_zero(value):
    return value if abs(value) >= TINY else 0.0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1,
                max_size=8))
def test_codes_and_scales_agree_with_exact_rationals(fp32, values):
    codes, scale = quantize_activations(np.array([values], np.float32))
    exact = [Fraction(normal_or_zero(v)) for v in values]
    want = fp32(max(map(abs, exact)) / 127)
    assert Fraction(float(scale[0])) == want
    assert codes[0].tolist() == [round(fp32(v / want)) if want else 0 for v in exact]


def test_codes_stay_within_127_for_every_mantissa_of_the_maximum(rng):
    mantissas = np.concatenate([np.arange(4096), rng.integers(0, 1 << 23, 200_000),
                                (1 << 23) - 1 - np.arange(4096)]).astype(np.uint32)
    for exponent in (8, 60, 127, 200, 254):
        x = (mantissas | np.uint32(exponent << 23)).view(np.float32)[:, None]
        codes, _ = quantize_activations(np.concatenate([x, -x], axis=1))
        assert_array_equal(codes, np.broadcast_to(np.int8([127, -127]), codes.shape))


def test_error_is_half_a_step(rng):
    x = (rng.standard_normal((16, 256)) * rng.lognormal(0, 3, (16, 1))).astype(np.float32)
    codes, scale = quantize_activations(x)
    exact = scale.astype(np.float64)[:, None] * codes
    assert (np.abs(exact - x) <= scale[:, None] * 0.50001).all()
    assert_array_equal(dequantize_activations(codes, scale), exact.astype(np.float32))


def test_halves_go_to_the_even_code():
    x = np.array([[127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5]], np.float32)
    codes, scale = quantize_activations(x)
    assert scale[0] == 1
    assert codes[0].tolist() == [127, 0, 2, 2, 0, -2, -2, 126]


def test_zero_tokens_have_scale_zero():
    x = np.zeros((3, 5), np.float32)
    x[1] = [1, -2, 3, -4, 5]
    codes, scale = quantize_activations(x)
    assert scale[0] == scale[2] == 0 and scale[1] > 0
    assert not codes[0].any() and not codes[2].any() and codes[1].any()
    assert not np.signbit(scale).any()


@pytest.mark.parametrize("absmax, alive", [
    (2.0 ** -149, False), (2.0 ** -127, False), (2.0 ** -126, False),
    (126.9 * TINY, False), (127 * TINY, True), (128 * TINY, True),
])
def test_scales_that_would_be_subnormal_are_zero(absmax, alive):
    codes, scale = quantize_activations(np.array([[absmax, -absmax, 0]], np.float32))
    assert (scale[0] >= TINY) == alive and (scale[0] == 0) != alive
    assert codes[0].tolist() == ([127, -127, 0] if alive else [0, 0, 0])


def test_subnormal_elements_are_zero():
    nearly = np.nextafter(np.float32(TINY), np.float32(0))
    codes, scale = quantize_activations(np.array([[127 * TINY, TINY, nearly]], np.float32))
    assert scale[0] == TINY
    assert codes[0].tolist() == [127, 1, 0]


def test_greatest_floats_do_not_overflow():
    top = np.finfo(np.float32).max
    codes, scale = quantize_activations(np.array([[top, -top, top / 2]], np.float32))
    assert np.isfinite(scale[0]) and codes[0, :2].tolist() == [127, -127]


def test_products_below_the_normal_range_are_flushed():
    scale = np.array([TINY, 2.0 ** -140], np.float32)
    got = dequantize_activations(np.array([[1, -1], [127, -127]], np.int8), scale)
    assert got[0].tolist() == [TINY, -TINY] and got[1].tolist() == [0, 0]


@pytest.mark.parametrize("x, complaint", [
    (np.zeros((2, 3)), "Activations must be float32, not float64"),
    (np.zeros(3, np.float32), r"Activations must have the shape \(tokens, K\), not \(3,\)"),
    (np.zeros((0, 3), np.float32), "at least one element"),
    (np.zeros((3, 0), np.float32), "at least one element"),
    (np.array([[1, 2], [3, np.nan]], np.float32), r"finite, but the element at \[1, 1\] is nan"),
    (np.array([[1, np.inf]], np.float32), r"finite, but the element at \[0, 1\] is inf"),
])
def test_bad_activations_are_refused(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        quantize_activations(x)


@pytest.mark.parametrize("scale, complaint", [
    (np.zeros(3, np.float32), r"must have the shape \(2,\) \(one for each token\), not \(3,\)"),
    (np.array([1, -1], np.float32), r"at least 0, but the element at \[1\] is -1.0"),
    (np.array([np.inf, 1], np.float32), r"finite, but the element at \[0\] is inf"),
    (np.ones(2), "must be float32, not float64"),
])
def test_bad_activation_scales_are_refused(scale, complaint):
    with pytest.raises(ValueError, match=complaint):
        dequantize_activations(np.zeros((2, 4), np.int8), scale)
