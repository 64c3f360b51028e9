# SPDX-License-Identifier: Apache-2.0
"""The divider against numpy, to the bit, and numpy against plain fractions."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.divide import Fp32Divide, Fp32DivideConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.sim import verilator
from support.fp32 import (
    anything,
    corners,
    flushed,
    one_corner,
    signs,
    subnormals,
    word,
)
from support.lint import lint

LATENCY = Fp32Divide.latency

golden = functools.partial(flushed, np.divide)

COUNT = 250_000
"""Quotients of each class: 2.5 million in total."""


def significands(rng, n):
    """Any, and in one case of three simple ones."""
    simple = rng.choice([1 << 23, (1 << 24) - 1, (1 << 23) + 1, 3 << 22], (2, n))
    return np.where(rng.random((2, n)) < 1 / 3, simple, rng.integers(1 << 23, 1 << 24, (2, n)))


def exponents(rng, n, difference):
    """Two in 1..254 that are ``difference`` apart."""
    b = rng.integers(np.maximum(1, 1 - difference), np.minimum(254, 254 - difference) + 1, n)
    return np.stack([b + difference, b])


def ordinary(rng, n):
    return word(signs(rng, n), rng.integers(64, 191, (2, n)), significands(rng, n))


def scales(rng, n):
    """What the quantizer divides: a greatest magnitude by 127."""
    a = anything(rng, n)[0] & 0x7FFF_FFFF
    return np.stack([a, np.full(n, 0x42FE_0000, np.uint32)])


def exact(rng, n):
    """Products as dividends: nothing remains, or just a little."""
    last = rng.integers(0, 24, n)
    q = (1 << 23 | rng.integers(1 << 23, size=n)) >> last
    b = (1 << 23 | rng.integers(1 << 23, size=n)) >> 23 - last
    product = q * b
    a = product << 24 - np.frexp(product.astype(float))[1]
    b = b << 24 - np.frexp(b.astype(float))[1]
    a = np.clip(a + rng.choice([-1, 0, 0, 0, 1], n), 1 << 23, (1 << 24) - 1)
    return word(signs(rng, n), rng.integers(64, 191, (2, n)), np.stack([a, b]))


def nearest_to_ties(rng, n):
    """Quotients as near half a unit as there are: A 2^t = (2 Q + 1) B + r, with few units of r."""
    t = rng.integers(24, 26, n)
    b = rng.integers(1 << 22, 1 << 23, n) * 2 + 1
    inverse = b.copy()
    for _ in range(5):
        inverse = inverse * (2 - b * inverse % (1 << t)) % (1 << t)
    r = rng.integers(-8, 8, n) * 2 + 1
    odd = -r * inverse % (1 << t) | (t == 24) << 24
    a = odd * b + r >> t
    good = (odd >> 24 == 1) & (a >= 1 << 23) & (a < 1 << 24)
    assert_array_equal(((a << t) - odd * b - r)[good], 0)
    assert good.sum() > n // 8
    chosen = rng.choice(np.flatnonzero(good), n)
    difference = rng.integers(-120, 120, n)
    return word(signs(rng, n), exponents(rng, n, difference), np.stack([a, b])[:, chosen])


def underflow(rng, n):
    """Quotients around 2^-126, and just below it where IEEE rounds up."""
    significand = significands(rng, n)
    last = rng.random(n) < 0.3
    significand[0] = np.where(last, (1 << 24) - 1 - rng.integers(3, size=n), significand[0])
    significand[1] = np.where(last, 1 << 23, significand[1])
    a, b = word(signs(rng, n), exponents(rng, n, rng.integers(-130, -123, n)), significand)
    quotient = np.abs(a.view(np.float32).astype(float) / b.view(np.float32))
    up = (quotient < 2.0 ** -126) & (golden(a, b) & 0x7FFF_FFFF == 0x0080_0000)
    assert up.sum() > n // 200
    return a, b


def overflow(rng, n):
    a, b = word(signs(rng, n), exponents(rng, n, rng.integers(126, 131, n)), significands(rng, n))
    infinite = np.isinf(golden(a, b).view(np.float32))
    assert n // 10 < infinite.sum() < n - n // 10
    return a, b


CLASSES = [anything, ordinary, corners, one_corner, subnormals, scales, exact, nearest_to_ties,
           underflow, overflow]


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Fp32Divide(Fp32DivideConfig()))


def divide(sim, a, b):
    a, b = (np.concatenate([x, np.zeros(LATENCY, np.uint32)]) for x in (a, b))
    return sim.run({"a": a, "b": b})["o"][LATENCY:, 0]


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_every_quotient_is_ieees_flushed(draw, sim, rng):
    a, b = draw(rng, COUNT)
    assert_array_equal(divide(sim, a, b), golden(a, b))


def value(bits):
    """The exact number that the bits of a normal float32 stand for."""
    magnitude = (0x80_0000 | bits & 0x7F_FFFF) * Fraction(2) ** ((bits >> 23 & 255) - 150)
    return -magnitude if bits >> 31 else magnitude


@pytest.mark.parametrize("draw", [ordinary, exact, nearest_to_ties], ids=lambda draw: draw.__name__)
def test_no_float_is_nearer(draw, sim, rng):
    # numpy is right, too. A quotient is never a tie.
    a, b = draw(rng, 3_000)
    for x, y, bits in zip(a.tolist(), b.tolist(), divide(sim, a, b).tolist(), strict=True):
        assert 1 < bits >> 23 & 255 < 254
        q = value(x) / value(y)
        assert abs(q - value(bits)) < min(abs(q - value(bits - 1)), abs(q - value(bits + 1)))


def test_special_values(sim):
    nan, inf, zero, one, tiny = 0x7FC0_0000, 0x7F80_0000, 0, 0x3F80_0000, 1
    minus = 0x8000_0000
    cases = [(nan | minus | 5, one, nan), (zero, nan, nan), (inf, nan, nan), (inf, inf, nan),
             (minus | inf, inf, nan), (zero, zero, nan), (zero, minus, nan), (tiny, zero, nan),
             (one, zero, inf), (one, minus, minus | inf), (one, tiny, inf),
             (minus | one, minus | tiny, inf), (inf, zero, inf), (inf, minus, minus | inf),
             (zero, inf, zero), (minus, inf, minus), (one, minus | inf, minus),
             (zero, minus | one, minus), (tiny, minus | one, minus),
             (inf, minus | one, minus | inf), (one, one, one),
             (0x00FF_FFFF, 0x4000_0000, 0x0080_0000),
             (0x00FF_FFFE, 0x4000_0000, zero), (0x7F7F_FFFF, 0x3F00_0000, inf)]
    a, b, want = np.array(cases, np.uint32).T
    assert_array_equal(divide(sim, a, b), want)
    assert_array_equal(golden(a, b), want)


def test_a_quotient_takes_the_latency_and_no_more(sim):
    one, two = 0x3F80_0000, 0x4000_0000
    a = np.full(30, one, np.uint32)
    a[8] = two
    got = sim.run({"a": a, "b": np.full(30, one, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], a[:-LATENCY])


@pytest.mark.rtl
def test_costs_no_slice_and_short_paths(tmp_path):
    exported = design(Fp32Divide(Fp32DivideConfig()), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 850
    assert report.logic_levels <= 8
