# SPDX-License-Identifier: Apache-2.0
"""The adder against numpy, to the bit, with millions of summands of each kind."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.add import Fp32Add, Fp32AddConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.sim import verilator
from support.fp32 import (
    anything,
    corners,
    flushed,
    one_corner,
    significands,
    signs,
    swapped,
    word,
)
from support.lint import lint

LATENCY = Fp32Add.latency

golden = functools.partial(flushed, np.add)

ROUNDS = 4
COUNT = 250_000
"""Rounds, and sums of a round, of each class: 13 million in total."""


def ordinary(rng, n):
    return word(signs(rng, n), rng.integers(112, 143, (2, n)), significands(rng, n))


def subnormals(rng, n):
    tiny = word(*signs(rng, n)[:1], np.zeros(n, int), rng.integers(1 << 23, size=n))
    near = word(*signs(rng, n)[:1], rng.integers(0, 30, n), significands(rng, n)[0])
    return swapped(rng, tiny, np.where(rng.random(n) < 0.5, near, anything(rng, n)[0]))


def apart(rng, n, distance):
    """Summands whose exponents are ``distance`` apart."""
    exponent = rng.integers(distance + 1, 255, n)
    return np.stack([exponent, exponent - distance]), significands(rng, n), signs(rng, n)


def every_distance(rng, n):
    exponent, significand, sign = apart(rng, n, rng.integers(0, 40, n))
    # One significand in two is a simple one, so that borrows run far.
    simple = rng.choice([1 << 23, (1 << 24) - 1, (1 << 23) + 1, 3 << 22], (2, n))
    significand = np.where(rng.random((2, n)) < 0.5, simple, significand)
    return swapped(rng, *word(sign, exponent, significand))


def out_of_reach(rng, n):
    """Aligned by 23 to 27 places: half a unit and what is around it."""
    exponent, significand, sign = apart(rng, n, rng.integers(23, 28, n))
    simple = rng.choice([1 << 23, (1 << 24) - 1, (1 << 23) + 1, 3 << 22], (2, n))
    significand = np.where(rng.random((2, n)) < 0.6, simple, significand)
    a, b = word(sign, exponent, significand)
    rounds = golden(a, b) != a
    assert n // 10 < rounds.sum() < n - n // 10
    return swapped(rng, a, b)


def ties(rng, n):
    """Summands of which just one bit is cut, or that bit and one behind."""
    distance = rng.integers(1, 26, n)
    exponent, significand, sign = apart(rng, n, distance)
    sign[1] = sign[0] ^ (rng.random(n) < 0.5)
    last = np.minimum(distance - 1, 23)
    odd = (significand[1] >> last | 1) << last
    odd = np.where(odd >> 24, 1 << 23, odd)
    significand[1] = odd
    a, b = word(sign, exponent, significand)
    exact = a.view(np.float32).astype(float) + b.view(np.float32)
    half = np.ldexp(0.5, np.frexp(exact)[1] - 24)
    assert (np.abs(exact) % (2 * half) == half).sum() > n // 4
    return swapped(rng, a, b)


def near_ties(rng, n):
    a, b = ties(rng, n)
    return a, b ^ rng.integers(1, 4, n).astype(np.uint32)


def cancellation(rng, n):
    """Differences of neighbours: every number of leading zeros."""
    a = word(rng.integers(2, size=n), rng.integers(5, 250, n), significands(rng, n)[0])
    off = rng.integers(1 << 25, size=n) >> rng.integers(0, 26, n)
    b = a.astype(np.int64) + off * rng.choice([-1, 1], n) ^ 1 << 31
    a, b = a, (b & 0xFFFF_FFFF).astype(np.uint32)
    return swapped(rng, a, b)


def carries(rng, n):
    """Sums around powers of two, with everything rounded up into the next."""
    distance = rng.integers(0, 26, n)
    exponent, significand, sign = apart(rng, n, distance)
    sign[1] = sign[0]
    missing = (1 << 24) - 1 - (significand[1] >> distance)
    significand[0] = np.clip(missing + rng.integers(-1, 2, n), 1 << 23, (1 << 24) - 1)
    return swapped(rng, *word(sign, exponent, significand))


def underflow(rng, n):
    exponent = rng.integers(1, 28, n)
    other = np.maximum(1, exponent - rng.integers(0, 3, n))
    a, b = word(signs(rng, n), np.stack([exponent, other]), significands(rng, n))
    near = (a ^ 1 << 31) + (rng.integers(1 << 24, size=n) >> rng.integers(0, 24, n))
    b = np.where(rng.random(n) < 0.5, b, near).astype(np.uint32)
    with np.errstate(under="ignore"):
        exact = a.view(np.float32).astype(float) + b.view(np.float32)
    assert ((exact != 0) & (np.abs(exact) < 2.0 ** -126)).sum() > n // 10
    return swapped(rng, a, b)


def overflow(rng, n):
    """Sums around 2^128, where rounding decides."""
    distance = rng.integers(0, 27, n)
    significand, sign = significands(rng, n), signs(rng, n)
    sign[1] = sign[0] ^ (rng.random(n) < 0.1)
    missing = np.maximum((1 << 24) - (significand[1] >> distance), 1 << 23)
    close = np.clip(missing + rng.integers(-2, 2, n), 1 << 23, (1 << 24) - 1)
    significand[0] = np.where(rng.random(n) < 0.8, close, significand[0])
    exponent = np.stack([np.full(n, 254), 254 - distance])
    a, b = word(sign, exponent, significand)
    infinite = np.isinf(golden(a, b).view(np.float32))
    assert n // 10 < infinite.sum() < n - n // 10
    return swapped(rng, a, b)


CLASSES = [anything, ordinary, corners, one_corner, subnormals, every_distance, out_of_reach, ties,
           near_ties, cancellation, carries, underflow, overflow]


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Fp32Add(Fp32AddConfig()))


def sums(sim, a, b):
    a, b = (np.concatenate([x, np.zeros(LATENCY, np.uint32)]) for x in (a, b))
    return sim.run({"a": a, "b": b})["o"][LATENCY:, 0]


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_every_sum_is_ieees_flushed(draw, sim, rng):
    for _ in range(ROUNDS):
        a, b = draw(rng, COUNT)
        assert_array_equal(sums(sim, a, b), golden(a, b))


def value(bits):
    """The exact number that the bits of a finite float32 stand for; one beyond is 2^128."""
    exponent, fraction = bits >> 23 & 255, bits & 0x7F_FFFF
    magnitude = (0x80_0000 | fraction) * Fraction(2) ** (exponent - 150) if exponent else 0
    return -magnitude if bits >> 31 else magnitude


@pytest.mark.parametrize("draw", [every_distance, out_of_reach, ties, cancellation, overflow],
                         ids=lambda draw: draw.__name__)
def test_no_float_is_nearer(draw, sim, rng):
    # numpy is right, too: of two equally near floats the even one is taken.
    a, b = draw(rng, 2_000)
    for x, y, bits in zip(a.tolist(), b.tolist(), sums(sim, a, b).tolist(), strict=True):
        exact = value(x) + value(y)
        if abs(exact) < Fraction(2) ** -126:
            assert bits & 0x7FFF_FFFF == 0
            continue
        others = [bits - 1] if bits & 0x7FFF_FFFF == 0x7F80_0000 else [bits - 1, bits + 1]
        error = abs(exact - value(bits))
        nearest = min(abs(exact - value(other)) for other in others)
        assert error < nearest or (error == nearest and bits % 2 == 0)


def test_special_values(sim):
    nan, inf, zero, one, tiny = 0x7FC0_0000, 0x7F80_0000, 0, 0x3F80_0000, 1
    minus = 0x8000_0000
    cases = [(nan | minus | 5, one, nan), (zero, nan, nan), (inf, nan, nan),
             (inf, minus | inf, nan), (inf, inf, inf), (minus | inf, minus | inf, minus | inf),
             (inf, minus | 0x7F7F_FFFF, inf), (one, minus | inf, minus | inf),
             (zero, minus, zero), (minus, minus, minus), (zero, zero, zero),
             (tiny, minus, zero), (minus | tiny, minus, minus), (minus | tiny, zero, zero),
             (one, minus | one, zero), (minus | one, one, zero), (minus | one, tiny, minus | one),
             (0x0080_0001, 0x8080_0000, zero), (0x8080_0001, 0x0080_0000, minus)]
    a, b, want = np.array(cases, np.uint32).T
    for x, y in ((a, b), (b, a)):
        assert_array_equal(sums(sim, x, y), want)
        assert_array_equal(golden(x, y), want)


def test_a_sum_takes_the_latency_and_no_more(sim):
    assert LATENCY == 7
    a = np.full(20, 0x3F80_0000, np.uint32)
    a[8] = 0x4000_0000
    got = sim.run({"a": a, "b": np.zeros(20, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], a[:-LATENCY])


@pytest.mark.rtl
def test_costs_no_slice_and_short_paths(tmp_path):
    exported = design(Fp32Add(Fp32AddConfig()), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 330
    assert report.logic_levels <= 6
