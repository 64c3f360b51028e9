# SPDX-License-Identifier: Apache-2.0
"""The tables: the same on every machine, within the widths of the hardware, and in range."""

import hashlib
import math
from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.functions import rotary_steps
from flightllm_hw.formats.functions.exact import (
    HALF_PI,
    LOG2_E,
    log2_normal_tail,
    log2_one_plus_exp,
    sine,
)
from flightllm_hw.formats.functions.exp2 import exp2, exp2_table
from flightllm_hw.formats.functions.exponents import (
    EXP,
    GELU,
    SEGMENT_BITS,
    SIGMOID,
    exponent,
    exponent_pages,
    exponent_table,
)
from flightllm_hw.formats.functions.inverse import inverse_table
from flightllm_hw.formats.functions.sine import sine_table

TABLES = [exponent_table, exp2_table, inverse_table, sine_table]
each = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)


def digest(numbers):
    return hashlib.sha256(repr(list(numbers)).encode()).hexdigest()[:16]


@pytest.mark.parametrize("table, rows, shapes, want", [
    (exponent_table, 992, ((33, False), (25, False), (14, False)), "43c6af7d50981f81"),
    (exp2_table, 128, ((27, False), (19, False), (10, False)), "e20224c628eb484b"),
    (inverse_table, 512, ((28, False), (20, True), (12, False)), "8fed1144c05e5021"),
    (sine_table, 512, ((28, False), (19, False), (10, True)), "dfc1d2cfa7984372"),
], ids=[table.__name__ for table in TABLES])
def test_tables_are_what_they_were(table, rows, shapes, want):
    assert len(table().rows) == rows
    assert table().shapes == shapes
    assert digest(table().words) == want


def test_pages_and_steps_are_what_they_were():
    assert digest((page.base, page.shift) for page in exponent_pages()) == "60f9a06ce9c85c4f"
    assert digest(map(int, rotary_steps(10000.0, 128))) == "80b93bca9689c6f6"


@each
def test_words_hold_the_coefficients(table):
    table = table()
    start = 0
    for column, (bits, signed) in zip(table.coefficients, table.shapes, strict=True):
        field = np.array([word >> start & (1 << bits) - 1 for word in table.words])
        assert_array_equal(np.where(field >= 1 << bits - 1, field - (1 << bits), field)
                           if signed else field, column)
        start += bits
    assert all(word < 1 << start for word in table.words)


@each
def test_no_row_leaves_the_slices(table):
    """Slopes fit 27 bits, sums 48, at both ends of every segment."""
    table = table()
    q = table.quadratic
    c0, c1, c2 = table.coefficients
    rows = np.arange(len(table.rows))
    for d in (-1 << q.d_bits - 1, 0, (1 << q.d_bits - 1) - 1):
        before = c2 * (d >> q.d_drop) + (c1 << q.c1_shift) + (1 << q.slope_drop >> 1)
        assert np.abs(before).max() < 1 << 47
        assert np.abs(before >> q.slope_drop).max() < 1 << 26
        assert np.abs(table.evaluate(rows, np.full(len(rows), d))).max() < 1 << 47


def test_powers_of_two_have_their_leading_one():
    """In the first and the last segment every d, in the others random ones."""
    first = np.arange(1 << 18, dtype=np.int64) << 6
    for t in (first, first + (127 << 24)):
        significand, power = exp2(t)
        assert significand.min() >= 1 << 25 and significand.max() < 1 << 26
        assert not power.any()


def test_powers_of_two_in_float64(rng):
    t = rng.integers(-1 << 39, 1 << 39, 1_000_000)
    significand, power = exp2(t)
    assert_array_equal(power, t >> 31)
    error = significand / 2.0 ** 25 - np.exp2((t & (1 << 31) - 1) / 2.0 ** 31)
    assert np.abs(error).max() <= 0.42 * 2.0 ** -23


@pytest.mark.parametrize("function", [SIGMOID, GELU])
def test_halves_are_never_exceeded(function):
    """V >= 1 at both ends of every segment; in between it grows."""
    ends = np.arange(0, 256 << 7, dtype=np.uint32) << np.uint32(16)
    words = np.unique(np.concatenate([ends, ends + np.uint32(0xFFFF)]))
    v = exponent(function, words)
    assert v.min() == 1 << 31
    c0, c1, c2 = exponent_table().coefficients
    assert c0.min() >= 0 and c1.min() >= 0 and c2.min() >= 0


@pytest.mark.parametrize("function", [EXP, SIGMOID, GELU])
def test_beyond_the_table_all_is_huge(function):
    words = np.array([0x4300_0000, 0x4F80_0000, 0x7F80_0000, 0x7FFF_FFFF], np.uint32)
    assert_array_equal(exponent(function, words), 255 << 31)
    assert_array_equal(exponent(function, np.array([0, 1, 0x0080_0000], np.uint32)),
                       0 if function == EXP else 1 << 31)


def test_pages_start_where_an_or_is_an_addition():
    for page in exponent_pages():
        assert page.base % (1 << SEGMENT_BITS[page.shift]) == 0
        assert page.base + (1 << SEGMENT_BITS[page.shift]) <= len(exponent_table().rows)


def test_exact_functions_in_float64():
    for n in range(1, 140):
        u = n / 10 + 0.003
        tail = float(log2_normal_tail(Decimal(u)))
        assert math.isclose(tail, math.log2(math.erfc(u / math.sqrt(2)) / 2), rel_tol=1e-14)
        assert math.isclose(float(log2_one_plus_exp(Decimal(u))),
                            math.log2(1 + math.exp(u)), rel_tol=1e-14)
        assert math.isclose(float(sine(Decimal(u / 10))), math.sin(u / 10), rel_tol=1e-14)
    assert float(LOG2_E) == math.log2(math.e)
    assert float(HALF_PI) == math.pi / 2
    assert abs(sine(HALF_PI) - 1) < Decimal("1e-48")
    assert log2_normal_tail(Decimal(0)) == -1


def test_the_two_forms_of_the_tail_meet():
    """The series below 3 and the fraction above: third differences across show no step."""
    h = Decimal("1e-9")
    f = [log2_normal_tail(Decimal(3) + n * h) for n in (-2, -1, 0, 1)]
    assert abs(f[3] - 3 * f[2] + 3 * f[1] - f[0]) < Decimal("1e-25")
