# SPDX-License-Identifier: Apache-2.0
"""FP32 operations against exact arithmetic: one rounding, one NaN, no subnormals."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.arithmetic import (
    QUIET_NAN,
    add,
    bits,
    divide,
    from_bits,
    greater,
    maximum,
    multiply,
    one_nan,
)
from support.floats import SPECIALS

MINUS, INF, ONE, SMALLEST, GREATEST = (
    0x8000_0000, 0x7F80_0000, 0x3F80_0000, 0x0080_0000, 0x7F7F_FFFF)

OPERATIONS = {
    add: lambda a, b: a + b,
    multiply: lambda a, b: a * b,
    divide: lambda a, b: a / b if b else None,
}
each = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)


def one(operation, a, b):
    return hex(int(bits(operation(from_bits(a), from_bits(b)))))


@each
def test_a_result_is_rounded_once_and_flushed(operation, fp32, rng):
    """Operands close to one another in size, and products and quotients close to the limits."""
    n = 3000
    exponents = rng.integers(-126, 127, n)
    other = {add: exponents + rng.integers(-26, 27, n),
             multiply: rng.choice([-128, -127, -126, 0, 127], n) - exponents,
             divide: exponents - rng.choice([-127, -126, -125, 0, 127], n)}[operation]
    a, b = (np.ldexp(1 + rng.integers(1 << 23, size=n) / (1 << 23), np.clip(e, -126, 127))
            * rng.choice([-1, 1], n) for e in (exponents, other))
    a, b = a.astype(np.float32), b.astype(np.float32)
    got = operation(a, b)
    subnormal = 0
    for x, y, z in zip(a.tolist(), b.tolist(), got.tolist(), strict=True):
        want = OPERATIONS[operation](Fraction(x), Fraction(y))
        subnormal += 0 < abs(want) < Fraction(2) ** -126
        want = fp32(want)
        if abs(want) >= Fraction(2) ** 128:
            assert z == (np.inf if want > 0 else -np.inf)
        else:
            assert Fraction(z) == want
    assert subnormal > 50 or operation is add


@each
def test_it_is_numpys_where_nothing_is_subnormal(operation, rng):
    a, b = (rng.normal(size=10_000).astype(np.float32) for _ in range(2))
    ufunc = getattr(np, operation.__name__)
    assert_array_equal(bits(operation(a, b)), bits(ufunc(a, b)))
    assert_array_equal(operation(a[:100, None], b[:50]), ufunc(a[:100, None], b[:50]))


@each
def test_results_are_never_subnormal_nor_another_nan(operation):
    x = from_bits(SPECIALS)
    got = operation(x[:, None], x)
    words = bits(got)
    assert ((words & 0x7F80_0000 != 0) | (words & 0x7FFF_FFFF == 0)).all()
    assert_array_equal(words[np.isnan(got)], QUIET_NAN)
    assert np.isnan(operation(from_bits(0x7F80_0001), x)).all()
    assert np.isnan(operation(x, from_bits(0xFFC0_0001))).all()


@each
def test_subnormal_operands_are_zeros(operation):
    x = from_bits(SPECIALS)
    tiny, zero = from_bits(MINUS | 0x7F_FFFF), from_bits(MINUS)
    assert_array_equal(bits(operation(tiny, x)), bits(operation(zero, x)))
    assert_array_equal(bits(operation(x, tiny)), bits(operation(x, zero)))


@pytest.mark.parametrize("operation, a, b, want", [
    (add, 0, MINUS, 0), (add, MINUS, MINUS, MINUS), (add, ONE, MINUS | ONE, 0),
    (add, INF, MINUS | INF, QUIET_NAN), (add, GREATEST, GREATEST, INF),
    (add, SMALLEST, MINUS | 0x0080_0001, MINUS),  # a subnormal difference
    (multiply, 0, MINUS | ONE, MINUS), (multiply, INF, 0, QUIET_NAN),
    (multiply, SMALLEST, 0x3F00_0000, 0), (multiply, MINUS | SMALLEST, 0x3F7F_FFFF, 0x8080_0000),
    (divide, ONE, 0, INF), (divide, ONE, MINUS, MINUS | INF), (divide, 0, 0, QUIET_NAN),
    (divide, INF, INF, QUIET_NAN), (divide, ONE, INF, 0), (divide, SMALLEST, 0x4000_0000, 0),
])
def test_special_results(operation, a, b, want):
    assert one(operation, a, b) == hex(want)


def test_nan_is_greater_than_all_but_nan():
    x = from_bits(SPECIALS)
    nan = np.isnan(x)
    found = greater(x[:, None], x)
    assert_array_equal(found[nan], np.broadcast_to(~nan, found[nan].shape))
    assert not found[:, nan].any()
    flushed = np.where(np.abs(x[~nan]) < 2.0 ** -126, np.float32(0), x[~nan])
    assert_array_equal(found[np.ix_(~nan, ~nan)], flushed[:, None] > flushed)


def test_the_maximum_is_the_first_of_equals():
    plus, minus = from_bits(0), from_bits(MINUS)
    assert one(maximum, 0, MINUS) == hex(0) and one(maximum, MINUS, 0) == hex(MINUS)
    assert np.isnan(maximum(plus, from_bits(0xFF80_0001)))
    assert one(maximum, 0xFF80_0001, INF) == hex(QUIET_NAN)
    assert one(maximum, MINUS | INF, MINUS | GREATEST) == hex(MINUS | GREATEST)
    assert one(maximum, MINUS | 1, MINUS | ONE) == hex(MINUS)  # flushed
    assert not greater(plus, minus) and not greater(minus, plus)


def test_one_nan_leaves_all_else():
    x = from_bits(SPECIALS)
    assert_array_equal(bits(one_nan(x)), np.where(np.isnan(x), QUIET_NAN, SPECIALS))
