# SPDX-License-Identifier: Apache-2.0
"""exp, sigmoid, SiLU and GELU against float64, at every exponent."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.functions import exp, gelu, sigmoid, silu
from support.floats import every_exponent, ulps

NAN, INF, MINUS = 0x7FC0_0000, 0x7F80_0000, 0x8000_0000

SMALLEST, BEYOND = 2.0 ** -126, 2.0 ** 128

erfc = np.frompyfunc(math.erfc, 1, 1)


def true_sigmoid(x):
    power = np.exp(-np.abs(x))
    return np.where(x < 0, power, 1.0) / (1 + power)


def true_gelu(x):
    return x * (erfc(-x / math.sqrt(2)).astype(float) / 2)


# With what bounds the error in ulp. A search through every float32 whose result is neither a limit
# nor a rounding of x / 2 found 1.097, 1.224, 1.596 and 1.541.
FUNCTIONS = [
    (exp, np.exp, 1.1),
    (sigmoid, true_sigmoid, 1.3),
    (silu, lambda x: x * true_sigmoid(x), 1.6),
    (gelu, true_gelu, 1.6),
]
each = pytest.mark.parametrize("function, truth, bound", FUNCTIONS,
                               ids=[f.__name__ for f, _, _ in FUNCTIONS])


def bits(*words):
    return np.array(words, np.uint32).view(np.float32)


@each
def test_error_at_every_exponent(function, truth, bound, rng):
    x = every_exponent(rng, 6000).view(np.float32)
    x = x[np.isfinite(x) & (np.abs(x) >= SMALLEST)]
    got = function(x)
    with np.errstate(all="ignore"):
        want = truth(x.astype(np.float64))
    # At the very ends of float32 rounding decides, and the neighbour is right, too.
    normal = (np.abs(want) >= SMALLEST * (1 + 2 ** -21)) & (np.abs(want) < BEYOND * (1 - 2 ** -21))
    errors = ulps(got[normal], want[normal])
    print(f"{function.__name__}: {errors.max():.3f} ulp at {x[normal][errors.argmax()]!r}")
    assert errors.max() <= bound
    assert_array_equal(np.signbit(got[normal]), want[normal] < 0)
    under = np.abs(want) < SMALLEST * (1 - 2 ** -21)
    assert_array_equal(got[under], 0)
    over = want > BEYOND * (1 + 2 ** -21)
    assert np.isposinf(got[over]).all()


@each
def test_results_are_never_subnormal(function, truth, bound, rng):
    got = function(every_exponent(rng, 200).view(np.float32))
    assert ((np.abs(got) >= SMALLEST) | (got == 0) | np.isnan(got)).all()


@each
def test_tails_are_smooth(function, truth, bound):
    """Close to the last argument whose result is not zero, every float32 in turn."""
    below = bits(0xC2AE_0000 if function is not gelu else 0xC150_0000)
    x = (below.view(np.uint32) + np.arange(1_000_000, dtype=np.uint32)).view(np.float32)
    want = truth(x.astype(np.float64))
    got = function(x)
    normal = np.abs(want) > SMALLEST * (1 + 2 ** -21)
    assert normal.any() and not normal.all()
    assert ulps(got[normal], want[normal]).max() <= bound
    assert_array_equal(got[np.abs(want) < SMALLEST * (1 - 2 ** -21)], 0)


@pytest.mark.parametrize("function, want", [
    (exp, [INF, 0, 0x3F80_0000, 0x3F80_0000, 0x3F80_0000, 0x3F80_0000]),
    (sigmoid, [0x3F80_0000, 0, 0x3F00_0000, 0x3F00_0000, 0x3F00_0000, 0x3F00_0000]),
    (silu, [INF, MINUS, 0, MINUS, 0, MINUS]),
    (gelu, [INF, MINUS, 0, MINUS, 0, MINUS]),
])
def test_infinities_and_zeros(function, want):
    x = bits(INF, INF | MINUS, 0, MINUS, 0x007F_FFFF, 0x8000_0001)
    assert_array_equal(function(x).view(np.uint32), want)


@each
def test_any_nan_gives_the_one(function, truth, bound):
    x = bits(0x7F80_0001, 0x7FFF_FFFF, 0xFF80_0001, 0xFFC0_0000, NAN)
    assert_array_equal(function(x).view(np.uint32), [NAN] * 5)


@pytest.mark.parametrize("function", [silu, gelu])
def test_large_arguments_pass(function, rng):
    x = np.exp(rng.uniform(np.log(20), np.log(3e38), 10_000)).astype(np.float32)
    assert_array_equal(function(x), x)


@each
def test_shape_stays_and_strides_do_not_matter(function, truth, bound):
    x = np.linspace(-3, 3, 24, dtype=np.float32).reshape(4, 6)
    whole = function(x)
    assert whole.shape == (4, 6)
    assert_array_equal(function(x.T[::2]), whole.T[::2])


@each
def test_other_dtypes_are_refused(function, truth, bound):
    with pytest.raises(ValueError, match="must be float32, not float64"):
        function(np.zeros(3))
