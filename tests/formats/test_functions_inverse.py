# SPDX-License-Identifier: Apache-2.0
"""Reciprocal and reciprocal square root against float64, at every exponent."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.functions import reciprocal, rsqrt
from support.floats import every_exponent, ulps

NAN, INF, MINUS = 0x7FC0_0000, 0x7F80_0000, 0x8000_0000

SMALLEST = 2.0 ** -126


def bits(*words):
    return np.array(words, np.uint32).view(np.float32)


@pytest.mark.parametrize("function, truth", [(reciprocal, lambda x: 1 / x),
                                             (rsqrt, lambda x: 1 / np.sqrt(x))])
def test_error_at_every_exponent(function, truth, rng):
    x = every_exponent(rng, 6000, segments=256).view(np.float32)
    x = x[np.isfinite(x) & (np.abs(x) >= SMALLEST)]
    x = x if function is reciprocal else x[x > 0]
    got, want = function(x), truth(x.astype(np.float64))
    normal = np.abs(want) >= SMALLEST
    errors = ulps(got[normal], want[normal])
    print(f"{function.__name__}: {errors.max():.3f} ulp at {x[normal][errors.argmax()]!r}")
    assert errors.max() <= 0.7
    assert_array_equal(got[~normal], 0)
    assert_array_equal(np.signbit(got), want < 0)


def test_all_significands_of_one_binade():
    """The error of a reciprocal does not depend on the exponent, a root's on its last bit alone."""
    for start in range(0x3F80_0000, 0x4080_0000, 1 << 18):
        x = np.arange(start, start + (1 << 18), dtype=np.uint32).view(np.float32)
        wide = x.astype(np.float64)
        if start < 0x4000_0000:
            assert ulps(reciprocal(x), 1 / wide).max() <= 0.7
        assert ulps(rsqrt(x), 1 / np.sqrt(wide)).max() <= 0.7


def test_powers_are_exact():
    x = np.ldexp(1.0, np.arange(-126, 128)).astype(np.float32)
    want = 1 / x.astype(np.float64)
    assert_array_equal(reciprocal(x), np.where(want < SMALLEST, 0, want))
    x = np.ldexp(1.0, np.arange(-126, 128, 2)).astype(np.float32)
    assert_array_equal(rsqrt(x), 1 / np.sqrt(x.astype(np.float64)))


def test_special_values():
    x = bits(INF, INF | MINUS, 0, MINUS, 1, MINUS | 1, NAN, 0xFF80_0001, 0x7F80_0001,
             0xBF80_0000, 0x8080_0000)
    assert_array_equal(reciprocal(x).view(np.uint32),
                       [0, MINUS, INF, INF | MINUS, INF, INF | MINUS, NAN, NAN, NAN, 0xBF80_0000,
                        0xFE80_0000])
    assert_array_equal(rsqrt(x).view(np.uint32),
                       [0, NAN, INF, INF | MINUS, INF, INF | MINUS, NAN, NAN, NAN, NAN, NAN])


@pytest.mark.parametrize("function", [reciprocal, rsqrt])
def test_shape_stays_and_other_dtypes_are_refused(function):
    x = np.linspace(1, 3, 24, dtype=np.float32).reshape(4, 6)
    assert_array_equal(function(x.T[::2]), function(x).T[::2])
    with pytest.raises(ValueError, match="must be float32, not float64"):
        function(np.ones(3))
