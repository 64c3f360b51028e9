# SPDX-License-Identifier: Apache-2.0
"""The multiplier against numpy, to the bit, with millions of factors of each kind."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.multiply import Fp32Multiply, Fp32MultiplyConfig
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.sim import verilator
from flightllm_hw.sim.vendor import vendor_cells
from support.fp32 import (
    anything,
    corners,
    flushed,
    one_corner,
    ordinary,
    significands,
    signs,
    subnormals,
    word,
)

LATENCY = Fp32Multiply.latency

golden = functools.partial(flushed, np.multiply)

ROUNDS = 4
COUNT = 250_000
"""Rounds, and products of a round, of each class: 11 million in total."""


def exact(a, b):
    """The magnitude of the product: 48 bits fit."""
    return np.abs(a.view(np.float32).astype(float) * b.view(np.float32).astype(float))


def exponents(rng, n, total):
    """Two in 1..254 whose sum is ``total``."""
    first = rng.integers(np.maximum(1, total - 254), np.minimum(254, total - 1) + 1, n)
    return first, total - first


def ties(rng, n):
    # Odd numbers of 24 - s and 24 - t bits; their product's last bit is half a unit or so.
    zeros = rng.integers(0, 24, n)
    zeros = np.stack([zeros, rng.integers(22, 24, n) - np.minimum(zeros, 22)])
    odd = (significands(rng, n) >> zeros | 1) << zeros
    total = rng.integers(130, 378, n)
    a, b = word(signs(rng, n), np.stack(exponents(rng, n, total)), odd)
    product = exact(a, b)
    half = np.ldexp(0.5, np.frexp(product)[1] - 24)
    assert (product % (2 * half) == half).sum() > n // 4
    return a, b


def near_ties(rng, n):
    a, b = ties(rng, n)
    return a, b ^ rng.integers(1, 4, n).astype(np.uint32)


def underflow(rng, n):
    total = rng.integers(100, 132, n)
    return word(signs(rng, n), np.stack(exponents(rng, n, total)), significands(rng, n))


def just_below(rng, n):
    """Products that IEEE rounds up to 2^-126 though they are below, and their neighbours."""
    first = rng.integers((1 << 23) + 1, 1 << 24, n)
    second = ((1 << 47) - 1) // first + rng.choice([-1, 0, 0, 0, 0, 1], n)
    second = np.clip(second, 1 << 23, (1 << 24) - 1)
    total = rng.choice([126, 127, 127, 127, 128], n)
    pair = rng.permuted(np.stack([first, second]), axis=0)
    a, b = word(signs(rng, n), np.stack(exponents(rng, n, total)), pair)
    product = exact(a, b)
    up = (product >= 2.0 ** -126 - 2.0 ** -150) & (product < 2.0 ** -126)
    assert up.sum() > n // 10
    assert_array_equal(golden(a, b)[up] & 0x7FFF_FFFF, 0x0080_0000)
    # Without their last bit IEEE and a plain rounding to 24 bits disagree.
    assert (up & (product < 2.0 ** -126 - 2.0 ** -151)).sum() > n // 20
    return a, b


def overflow(rng, n):
    total = rng.integers(378, 386, n)
    return word(signs(rng, n), np.stack(exponents(rng, n, total)), significands(rng, n))


def just_overflow(rng, n):
    """Products around 2^128, where rounding decides."""
    first = rng.integers((1 << 23) + 1, 1 << 24, n)
    second = np.clip(((1 << 47) - 1) // first + rng.integers(-1, 2, n), 1 << 23, (1 << 24) - 1)
    a, b = word(signs(rng, n), np.stack(exponents(rng, n, np.full(n, 381))),
                np.stack([first, second]))
    with np.errstate(over="ignore"):
        infinite = np.isinf(golden(a, b).view(np.float32))
    assert (infinite & (exact(a, b) < 2.0 ** 128)).sum() > n // 20
    assert (~infinite).sum() > n // 20
    return a, b


CLASSES = [anything, ordinary, corners, one_corner, subnormals, ties, near_ties, underflow,
           just_below, overflow, just_overflow]


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Fp32Multiply(Fp32MultiplyConfig()))


def products(sim, a, b):
    a, b = (np.concatenate([x, np.zeros(LATENCY, np.uint32)]) for x in (a, b))
    return sim.run({"a": a, "b": b})["o"][LATENCY:, 0]


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_every_product_is_ieees_flushed(draw, sim, rng):
    for _ in range(ROUNDS):
        a, b = draw(rng, COUNT)
        assert_array_equal(products(sim, a, b), golden(a, b))


def test_special_values(sim):
    nan, inf, zero, one, tiny = 0x7FC0_0000, 0x7F80_0000, 0, 0x3F80_0000, 1
    minus = 0x8000_0000
    cases = [(nan | minus | 5, one, nan), (zero, nan, nan), (inf, nan, nan), (inf, zero, nan),
             (minus | zero, inf, nan), (tiny, inf, nan), (inf, minus | one, minus | inf),
             (minus | inf, minus | inf, inf), (minus | tiny, one, minus), (minus, minus, zero)]
    a, b, want = np.array(cases, np.uint32).T
    assert_array_equal(products(sim, a, b), want)
    assert_array_equal(golden(a, b), want)


def test_a_product_takes_the_latency_and_no_more(sim):
    one, two = 0x3F80_0000, 0x4000_0000
    a = np.full(20, one, np.uint32)
    a[8] = two
    got = sim.run({"a": a, "b": np.full(20, one, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], a[:-LATENCY])


def test_vendor_slices_multiply_alike(sim, rng):
    dut = Fp32Multiply(Fp32MultiplyConfig())
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    vendor = verilator.compile_verilog(text + vendor_cells(text), "dut",
                                       shapes=verilator.shapes(dut))
    for draw in CLASSES:
        a, b = draw(rng, 20_000)
        assert_array_equal(products(vendor, a, b), products(sim, a, b))


@pytest.mark.rtl
def test_costs_two_slices_and_short_paths():
    dut = Fp32Multiply(Fp32MultiplyConfig())
    report = resource_report(design(dut, platform=VendorPlatform()))
    assert report.total.dsp == 2
    assert report.logic_levels <= 8
    assert convert(dut, platform=BehaviouralPlatform()).count("DSP48E2") == 0
