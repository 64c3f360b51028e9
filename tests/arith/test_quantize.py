# SPDX-License-Identifier: Apache-2.0
"""The quantizer against numpy's quotient and rounding, and both against plain fractions."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.quantize import Fp32Quantize, Fp32QuantizeConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import flush, quantize_activations
from flightllm_hw.sim import verilator
from support.lint import lint

LATENCY = Fp32Quantize.latency

ROUNDS = 4
COUNT = 250_000
"""Rounds, and codes of a round, of each class: 9 million in total."""

CORNERS = np.array([
    0x0000_0000, 0x0000_0001, 0x007F_FFFF,               # zero, subnormal
    0x0080_0000, 0x0080_0001, 0x00FF_FFFF,               # the smallest normal ones
    0x3E7F_FFFF, 0x3E80_0000, 0x3EFF_FFFF, 0x3F00_0000,  # a quarter, a half
    0x3F00_0001, 0x3F7F_FFFF, 0x3F80_0000, 0x3F80_0001,  # one
    0x3FC0_0000, 0x4020_0000, 0x42FD_0000, 0x42FD_0001,  # 1.5, 2.5, 126.5
    0x42FC_FFFF, 0x42FE_0000, 0x42FF_0000, 0x4300_0000,  # 127, 127.5, 128
    0x7F00_0000, 0x7F7F_FFFF,                            # the largest
    0x7F80_0000, 0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF,  # infinity, NaN
], np.uint32)
CORNERS = np.concatenate([CORNERS, CORNERS | 0x8000_0000])


def golden(x, s):
    x, s = flush(x.view(np.float32)), flush(s.view(np.float32))
    known = (s != 0) & np.isfinite(s) & ~np.isnan(x)
    with np.errstate(all="ignore"):
        quotient = np.where(known, x, np.float32(0)) / np.where(known, s, np.float32(1))
    return np.clip(np.rint(quotient), -127, 127).astype(np.int8)


def word(sign, exponent, significand):
    """Bits of a float32; ``significand`` has its leading one."""
    return (sign.astype(np.uint32) << 31 | exponent.astype(np.uint32) << 23
            | significand.astype(np.uint32) & 0x7F_FFFF)


def significands(rng, n):
    """Any, and those of few ones or zeros."""
    last = rng.integers(0, 24, n)
    short = (rng.integers(1 << 23, 1 << 24, n) >> last) << last
    kind = rng.integers(6, size=n)
    some = rng.integers(1 << 23, 1 << 24, n)
    simple = rng.choice([1 << 23, (1 << 24) - 1, (1 << 23) + 1, (1 << 24) - 2], n)
    return np.choose(kind, [short, short ^ 1 | 1 << 23, simple, some, some, some])


def scales(rng, n):
    return word(np.zeros(n, int), rng.integers(1, 255, n), significands(rng, n))


def signed(rng, x):
    return x ^ rng.integers(2, size=x.size, dtype=np.uint32) << 31


def moved(rng, x, most):
    """Bits of ``x`` plus or minus up to ``most``; where that leaves the normal floats, ``x``."""
    other = x.astype(np.int64) + rng.integers(-most, most + 1, x.size)
    inside = (other >> 23 >= 1) & (other >> 23 <= 254)
    return np.where(inside, other, x).astype(np.uint32)


def times(scale, factor):
    """The float next to a product; the factor is any float64."""
    with np.errstate(over="ignore", under="ignore"):
        return (scale.view(np.float32).astype(float) * factor).astype(np.float32).view(np.uint32)


def anything(rng, n):
    return rng.integers(1 << 32, size=(2, n), dtype=np.uint32)


def ordinary(rng, n):
    """What a token has: up to 127 times the scale, and a little more."""
    s = scales(rng, n)
    return signed(rng, moved(rng, times(s, rng.uniform(0, 129, n)), 3)), s


def corners(rng, n):
    x, s = np.meshgrid(CORNERS, CORNERS)
    pairs = np.stack([x.ravel(), s.ravel()])
    return np.concatenate([pairs, rng.choice(CORNERS, (2, n - pairs.shape[1]))], 1)


def one_corner(rng, n):
    return rng.permuted(np.stack([rng.choice(CORNERS, n), anything(rng, n)[0]]), axis=0)


def every_exponent(rng, n):
    """Quotients from far below a half to far above 127."""
    s = scales(rng, n)
    exponent = np.clip((s >> 23) + rng.integers(-4, 11, n), 0, 255)
    return word(rng.integers(2, size=n), exponent, significands(rng, n)), s


def halves(rng, n):
    """The floats next to k + 1/2 times the scale, and their neighbours."""
    s = scales(rng, n)
    return signed(rng, moved(rng, times(s, rng.integers(0, 129, n) + 0.5), 2)), s


def small_halves(rng, n):
    """The same for few k and for scales whose significand is near a power of two."""
    exponent = rng.integers(8, 240, n)
    off = rng.integers(1 << 23, size=n) >> rng.integers(0, 23, n)
    s = word(np.zeros(n, int), exponent, np.where(rng.random(n) < 0.5, 1 << 23 | off,
                                                  (1 << 24) - 1 - off))
    return signed(rng, moved(rng, times(s, rng.integers(0, 5, n) + 0.5), 2)), s


def inverse(a, bits):
    """The inverse of odd ``a`` modulo 2^bits."""
    x = a.copy()
    for _ in range(6):
        x = x * (2 - a * x) % (1 << bits)
    return x


def closest(rng, n):
    """2 i - (2 k + 1) scale is a few units, chosen: around the last that is a tie, and near 0.

    With significands X, S and X u - (2 k + 1) S = r, u = 2^(e + 1): S = -r / (2 k + 1) modulo u.
    """
    k = rng.integers(0, 128, n)
    odd = 2 * k + 1
    e = np.frexp(k + 0.5)[1] - 1 + rng.integers(0, 2, n)
    unit = 1 << np.maximum(e + 1, 0)
    reach = 1 << np.maximum(e - 7 + 8, 0)
    r = rng.integers(-2 * reach - 2, 2 * reach + 3, n)
    base = np.array([inverse(np.array([o]), 9)[0] for o in range(1, 256, 2)])[k]
    least = -r * base % unit
    s = (significands(rng, n) // unit) * unit + least
    s = np.clip(s, 1 << 23, (1 << 24) - 1)
    x = (odd * s + r) // unit
    # Where X is no significand of the exponent that is meant, it is of the next.
    fits = (x >= 1 << 23) & (x < 1 << 24)
    shift = rng.integers(8, 240, n)
    xs = word(rng.integers(2, size=n), shift + e, np.where(fits, x, 1 << 23))
    ss = word(np.zeros(n, int), shift, s)
    assert fits.sum() > n // 4
    return xs, ss


def tokens(rng, n):
    """Elements and scale of whole tokens."""
    x = (rng.standard_normal((n // 250, 250)) * np.exp2(rng.uniform(-130, 120, (n // 250, 1))))
    x = x.astype(np.float32)
    codes, s = quantize_activations(x)
    xs, ss = x.ravel().view(np.uint32), np.repeat(s, 250).view(np.uint32)
    assert_array_equal(golden(xs, ss), codes.ravel())
    return xs, ss


CLASSES = [anything, ordinary, corners, one_corner, every_exponent, halves, small_halves, closest,
           tokens]


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Fp32Quantize(Fp32QuantizeConfig()))


def codes(sim, x, s):
    x, s = (np.concatenate([v, np.zeros(LATENCY, np.uint32)]) for v in (x, s))
    return sim.run({"i": x, "scale": s})["o"][LATENCY:, 0].astype(np.uint8).view(np.int8)


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_every_code_is_the_rounded_quotients(draw, sim, rng):
    for _ in range(ROUNDS):
        x, s = draw(rng, COUNT)
        assert_array_equal(codes(sim, x, s), golden(x, s))


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_no_code_is_minus_128(draw, sim, rng):
    # Two tokens' codes are packed into an operand of 16 bits, which has no room for a -128:
    # compute/layouts.py, and tests/formal/test_operands.py proves that all others fit.
    x, s = draw(rng, COUNT)
    assert codes(sim, x, s).min() >= -127
    assert codes(sim, x | 0x8000_0000, s & 0x7FFF_FFFF).min() >= -127


def value(bits):
    """The exact number that the bits of a finite float32 stand for, subnormals flushed."""
    exponent, fraction = bits >> 23 & 255, bits & 0x7F_FFFF
    magnitude = (0x80_0000 | fraction) * Fraction(2) ** (exponent - 150) if exponent else 0
    return -magnitude if bits >> 31 else magnitude


def exactly(x, s):
    """The code, without a float: q rounded to 24 bits, then to an integer, then saturated."""
    q = value(x) / value(s)
    if abs(q) < Fraction(1, 4):
        return 0
    if abs(q) > 200:
        return 127 if q > 0 else -127
    exponent = next(e for e in range(-2, 9) if abs(q) < Fraction(2) ** (e + 1))
    unit = Fraction(2) ** (exponent - 23)
    return max(-127, min(127, round(round(q / unit) * unit)))


@pytest.mark.parametrize("draw", [ordinary, every_exponent, halves, small_halves, closest],
                         ids=lambda draw: draw.__name__)
def test_every_code_is_that_of_plain_fractions(draw, sim, rng):
    x, s = draw(rng, 20_000)
    finite = x >> 23 & 0xFF != 0xFF
    x, s = x[finite], s[finite]
    want = [exactly(*pair) for pair in zip(x.tolist(), s.tolist(), strict=True)]
    assert_array_equal(codes(sim, x, s), want)


def test_around_the_last_quotient_that_is_a_tie(sim):
    # For each h and a few scales: the floats on either side of where the tie begins and ends.
    cases = set()
    for k in range(127):
        h = Fraction(2 * k + 1, 2)
        exponent = (2 * k + 1).bit_length() - 2
        for significand in (1 << 23, (1 << 23) + 1, (1 << 23) + 12345, 3 << 22, 0xBFFFFF, 0xC00001,
                            0xAAAAAB, 0xD55555, (1 << 24) - 3, (1 << 24) - 1):
            s = Fraction(significand)
            for side in (-1, 0, 1):
                edge = s * (h + side * Fraction(2) ** (exponent - 24))
                power = next(p for p in range(-2, 10) if edge < Fraction(2) ** (p + 24))
                last = int(edge / Fraction(2) ** power)
                for x in (last - 1, last, last + 1, last + 2):
                    if 1 << 23 <= x < 1 << 24:
                        cases.add(((100 + power) << 23 | x & 0x7F_FFFF,
                                   100 << 23 | significand & 0x7F_FFFF))
    cases = sorted(cases)
    x, s = np.array(cases, np.uint32).T
    want = [exactly(*case) for case in cases]
    assert_array_equal(codes(sim, x, s), want)
    assert_array_equal(golden(x, s), want)
    # Many are ties only because the quotient is a float32.
    quotient = x.view(np.float32).astype(float) / s.view(np.float32)
    assert (np.rint(quotient) != want).sum() > 300


def test_special_values(sim):
    nan, inf, one, tiny, minus = 0x7FC0_0000, 0x7F80_0000, 0x3F80_0000, 1, 0x8000_0000
    cases = [(nan, one, 0), (one, nan, 0), (minus | nan, one, 0), (inf, one, 127),
             (minus | inf, one, -127), (one, inf, 0), (inf, inf, 0), (one, 0, 0), (inf, 0, 0),
             (one, tiny, 0), (tiny, one, 0), (0, 0, 0), (minus, one, 0), (one, minus, 0),
             (0x7F7F_FFFF, 0x0080_0000, 127), (0xFF7F_FFFF, 0x0080_0000, -127),
             (0x0080_0000, 0x7F7F_FFFF, 0), (0x3F00_0000, one, 0), (0x3F00_0001, one, 1),
             (0x3EFF_FFFF, one, 0), (0x3FC0_0000, one, 2), (0x42FD_0000, one, 126),
             (0x42FD_0001, one, 127), (0x42FE_8000, one, 127), (0x42FF_0000, one, 127),
             (0x4300_0000, one, 127), (0xC300_0000, one, -127), (one, minus | one, -1)]
    x, s, want = np.array(cases, np.int64).T
    x, s = x.astype(np.uint32), s.astype(np.uint32)
    assert_array_equal(codes(sim, x, s), want)
    assert_array_equal(golden(x, s), want)


def test_a_code_takes_the_latency_and_no_more(sim):
    assert LATENCY == 7
    x = np.arange(20).astype(np.float32).view(np.uint32)
    got = sim.run({"i": x, "scale": np.full(20, 0x3F80_0000, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], np.arange(20 - LATENCY))


@pytest.mark.rtl
def test_costs_no_slice_and_short_paths(tmp_path):
    exported = design(Fp32Quantize(Fp32QuantizeConfig()), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 400
    assert report.logic_levels <= 6
