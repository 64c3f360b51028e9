# SPDX-License-Identifier: Apache-2.0
"""What quantized weights are."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats import QuantizedWeights, dequantize, dequantize_exact


def draw(rng, rows=3, columns=40, bits=4, group=16, zeros=False):
    groups = -(-columns // group)
    zero = rng.integers(0, 2 ** bits, (rows, groups)).astype(np.uint8) if zeros else None
    codes = (rng.integers(0, 2 ** bits, (rows, columns)).astype(np.uint8) if zeros else
             rng.integers(-2 ** (bits - 1), 2 ** (bits - 1), (rows, columns)).astype(np.int8))
    return QuantizedWeights(
        codes=codes, zero=zero, bits=bits, group=group,
        row_scale=rng.lognormal(-9, 1, rows).astype(np.float32),
        group_scale=rng.integers(0, 65536, (rows, groups)).astype(np.uint16))


def test_shape_properties(rng):
    weights = draw(rng, rows=3, columns=40, group=16)
    assert weights.shape == (3, 40) == (weights.rows, weights.columns)
    assert weights.groups == 3
    assert draw(rng, columns=48).groups == 3 and draw(rng, columns=1).groups == 1
    assert weights.signed and not draw(rng, zeros=True).signed


def test_groups_spread_over_their_columns(rng):
    got = draw(rng, rows=1, columns=40, group=16).spread(np.array([[1, 2, 3]]))
    assert got.tolist() == [[1] * 16 + [2] * 16 + [3] * 8]


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("zeros", [False, True])
def test_values_agree_with_exact_rationals(rng, fp32, bits, zeros):
    weights = draw(rng, bits=bits, zeros=zeros)
    centered, exact, rounded = weights.centered(), dequantize_exact(weights), dequantize(weights)
    assert (centered.dtype, exact.dtype, rounded.dtype) == (np.int8, np.float64, np.float32)
    for r in range(weights.rows):
        for k in range(weights.columns):
            g = k // 16
            zero = int(weights.zero[r, g]) if zeros else 0
            assert centered[r, k] == int(weights.codes[r, k]) - zero
            want = (Fraction(float(weights.row_scale[r])) * int(weights.group_scale[r, g])
                    * (int(weights.codes[r, k]) - zero))
            assert Fraction(exact[r, k]) == want
            assert Fraction(float(rounded[r, k])) == fp32(want)


def test_greatest_products_are_exact_in_float64_and_rounded_once_in_float32(fp32):
    scale = np.array([np.nextafter(np.float32(2), np.float32(0)), 2.0 ** -126], np.float32)
    weights = QuantizedWeights(codes=np.array([[-128, 127]] * 2, np.int8), zero=None, bits=8,
                               group=16, row_scale=scale,
                               group_scale=np.full((2, 1), 65535, np.uint16))
    for r in range(2):
        for k, code in enumerate((-128, 127)):
            want = Fraction(float(scale[r])) * 65535 * code
            assert Fraction(dequantize_exact(weights)[r, k]) == want
            assert Fraction(float(dequantize(weights)[r, k])) == fp32(want)


def test_values_beyond_float32_are_infinite():
    weights = QuantizedWeights(codes=np.array([[-128, 127, 0]], np.int8), zero=None, bits=8,
                               group=16, row_scale=np.array([1e37], np.float32),
                               group_scale=np.array([[65535]], np.uint16))
    assert dequantize(weights).tolist() == [[-np.inf, np.inf, 0]]
    assert np.isfinite(dequantize_exact(weights)).all()


def test_arrays_cannot_be_written(rng):
    weights = draw(rng, zeros=True)
    for name in ("codes", "zero", "row_scale", "group_scale"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(weights, name)[0] = 0


def test_eight_bit_zero_points_keep_codes_within_int8(rng):
    good = draw(rng, bits=8, zeros=False)
    codes = good.codes.view(np.uint8)
    centred = replace(good, codes=codes, zero=np.full((3, 3), 128, np.uint8))
    assert_array_equal(centred.centered(), codes.astype(int) - 128)
    codes = np.full((3, 40), 128, np.uint8)
    codes[1, 17] = 20
    zero = np.full((3, 3), 100, np.uint8)
    zero[1, 1] = 149
    with pytest.raises(ValueError, match=r"less their zero points must be in -128..127, but the "
                                         r"element at \[1, 17\] is -129"):
        replace(good, codes=codes, zero=zero)


def nan_scale(w):
    scale = w.row_scale.copy()
    scale[2] = np.nan
    return scale


@pytest.mark.parametrize("change, complaint", [
    (lambda w: {"bits": 7}, "Weight bits must be one of 2, 3, 4, 5, 6, 8, not 7"),
    (lambda w: {"group": 24}, "Weight group must be one of 16, 32, 64, 128, not 24"),
    (lambda w: {"bits": 2, "codes": np.full((3, 40), 2, np.int8)},
     r"2-bit weight codes must be in -2..1, but the element at \[0, 0\] is 2"),
    (lambda w: {"codes": w.codes.view(np.uint8)}, "Weight codes must be int8, not uint8"),
    (lambda w: {"codes": w.codes[0]}, r"Weight codes must have the shape \(rows, K\)"),
    (lambda w: {"zero": np.zeros((3, 3), np.uint8)}, "Weight codes must be uint8, not int8"),
    (lambda w: {"row_scale": w.row_scale[:2]}, r"Row scales must have the shape \(3,\)"),
    (lambda w: {"row_scale": -w.row_scale}, r"Row scales must be zero, or positive and not sub"),
    (lambda w: {"row_scale": w.row_scale * np.float32(1e-38)}, "not subnormal, but the element"),
    (lambda w: {"row_scale": nan_scale(w)}, r"finite, but the element at \[2\] is nan"),
    (lambda w: {"group_scale": w.group_scale[:, :2]},
     r"Group scales must have the shape \(3, 3\) \(one for each group of 16 in 40 columns\)"),
    (lambda w: {"group_scale": w.group_scale.astype(np.int32)}, "must be uint16, not int32"),
])
def test_bad_weights_are_refused(rng, change, complaint):
    weights = draw(rng)
    with pytest.raises(ValueError, match=complaint):
        replace(weights, **change(weights))


@pytest.mark.parametrize("zero, complaint", [
    (np.full((3, 3), 16, np.uint8), "4-bit zero points must be in 0..15, .* is 16"),
    (np.zeros((3, 2), np.uint8), r"Zero points must have the shape \(3, 3\)"),
    (np.zeros((3, 3), np.int8), "Zero points must be uint8, not int8"),
])
def test_bad_zero_points_are_refused(rng, zero, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(draw(rng, zeros=True), zero=zero)
