# SPDX-License-Identifier: Apache-2.0
"""Integers to FP32 against numpy's conversion, and that against plain integers."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.convert import IntToFp32, IntToFp32Config
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.sim import verilator

WIDTHS = (2, 4, 5, 16, 17, 24, 25, 26, 27, 32, 48, 64)


def converted(sim, width, i):
    latency = IntToFp32(IntToFp32Config(width=width)).latency
    words = np.ascontiguousarray(i, "<i8").view("<u4").reshape(-1, 2)
    words = words.astype(np.uint64) & np.array([(1 << min(width, 32)) - 1,
                                                (1 << max(width - 32, 0)) - 1], np.uint64)
    words = np.concatenate([words, np.zeros((latency, 2), np.uint64)]).astype(np.uint32)
    return sim.run({"i": words[:, :(width + 31) // 32]})["o"][latency:, 0]


def golden(i):
    return i.astype(np.float32).view(np.uint32)


def at_most(width, i):
    """Magnitudes to integers of both signs, as far as they fit."""
    most = (1 << width - 1) - 1
    i = np.array([n for n in i if n <= most], np.int64)
    return np.concatenate([i, -i, -i - 1])


def every_shift(width):
    """Powers of two, their neighbours, and at each a tie to either side and its neighbours."""
    found = {0}
    for bits in range(width):
        top = 1 << bits
        found |= {top - 1, top, top + 1, 2 * top - 1}
        if bits >= 24:
            half, unit = 1 << bits - 24, 1 << bits - 23
            for lowest in (0, unit, 2 * unit, top - unit, top - 2 * unit):
                found |= {top + lowest + half + d for d in (-1, 0, 1)}
    return at_most(width, sorted(found))


def draw(rng, width, n):
    """Numbers of every length; many are ties, or almost."""
    bits = rng.integers(1, width, n)
    i = rng.integers(1 << 62, size=n) >> (62 - np.minimum(bits, 62))
    below = np.maximum(bits - 24, 0)
    half = np.where(below > 0, 1 << np.maximum(below - 1, 0), 0)
    tie = (i >> below << below) + half
    i = np.where(rng.random(n) < 0.5, i, tie + rng.choice([-1, 0, 0, 0, 1], n) * (below > 1))
    return np.where(rng.random(n) < 0.5, i, -i)


@pytest.mark.parametrize("width", WIDTHS)
def test_ties_and_all_shifts(width):
    i = every_shift(width)
    got = converted(verilator.compile(IntToFp32(IntToFp32Config(width=width))), width, i)
    assert_array_equal(got, golden(i))
    # numpy is right: nothing is nearer, and of two equally near ones this one is even.
    for n, bits in zip(map(int, i), map(int, got), strict=True):
        values = [Fraction(float(np.uint32(b).view(np.float32))) for b in
                  (bits, bits + 1, max(bits & 0x7FFF_FFFF, 1) - 1 | bits & 0x8000_0000)]
        errors = [abs(n - value) for value in values]
        assert errors[0] < min(errors[1:]) or (errors[0] == min(errors[1:]) and bits % 2 == 0)


@pytest.mark.parametrize("width", [32, 48, 64])
def test_millions_of_integers(width, rng):
    sim = verilator.compile(IntToFp32(IntToFp32Config(width=width)))
    for _ in range(4):
        i = draw(rng, width, 250_000)
        assert_array_equal(converted(sim, width, i), golden(i))
        i = rng.integers(-1 << width - 1, 1 << width - 1, 250_000)
        assert_array_equal(converted(sim, width, i), golden(i))


def test_narrow_integers_all():
    i = np.arange(-1 << 15, 1 << 15)
    sim = verilator.compile(IntToFp32(IntToFp32Config(width=16)))
    assert_array_equal(converted(sim, 16, i), golden(i))


@pytest.mark.parametrize("width, latency", [(2, 4), (4, 4), (5, 5), (16, 5), (17, 6), (48, 6),
                                            (64, 6)])
def test_latency(width, latency):
    dut = IntToFp32(IntToFp32Config(width=width))
    assert dut.latency == latency
    sim = verilator.compile(dut)
    i = np.zeros((12, (width + 31) // 32), np.uint32)
    i[1, 0] = 1
    one = np.arange(12) == 1 + latency
    assert_array_equal(sim.run({"i": i})["o"][:, 0], np.where(one, 0x3F80_0000, 0))


@pytest.mark.parametrize("width", [1, 65])
def test_width_is_checked(width):
    with pytest.raises(ValueError, match=f"must be 2 to 64 bits, not {width}"):
        IntToFp32Config(width=width)


@pytest.mark.rtl
@pytest.mark.parametrize("width", [48, 64])
def test_costs_no_slice_and_short_paths(width):
    dut = IntToFp32(IntToFp32Config(width=width))
    report = resource_report(design(dut, platform=VendorPlatform()))
    assert report.total.dsp == 0
    assert report.logic_levels <= 8
