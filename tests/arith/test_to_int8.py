# SPDX-License-Identifier: Apache-2.0
"""FP32 to int8 against numpy's rounding: every integer, half and sign, whatever is behind."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.to_int8 import Fp32ToInt8, Fp32ToInt8Config
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import flush
from flightllm_hw.sim import verilator
from support.lint import lint

LATENCY = Fp32ToInt8.latency


def golden(i):
    x = flush(i.view(np.float32))
    return np.clip(np.rint(np.where(np.isnan(x), 0, x)), -128, 127).astype(np.int8)


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Fp32ToInt8(Fp32ToInt8Config()))


def integers(sim, i):
    i = np.concatenate([i.astype(np.uint32), np.zeros(LATENCY, np.uint32)])
    return sim.run({"i": i})["o"][LATENCY:, 0].astype(np.uint8).view(np.int8)


def test_every_sign_exponent_and_upper_half_of_the_fraction(sim):
    # The lower half counts as zero or not: in turn one of its bits, any of them, all, none.
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    for more in (0, 0xFFFF, *(1 << n for n in range(16))):
        i = upper | np.uint32(more)
        assert_array_equal(integers(sim, i), golden(i))


def test_every_pattern_that_is_not_just_saturated(sim, rng):
    # All of [1/8, 256) in its upper 20 bits, with random ones behind.
    upper = np.arange(0x3E000, 0x43800, dtype=np.uint32) << 12
    for sign in (0, 1 << 31):
        for _ in range(10):
            i = upper | rng.integers(1 << 12, size=upper.size, dtype=np.uint32) | np.uint32(sign)
            assert_array_equal(integers(sim, i), golden(i))


def test_millions_of_anything(sim, rng):
    for _ in range(4):
        i = rng.integers(1 << 32, size=250_000, dtype=np.uint32)
        assert_array_equal(integers(sim, i), golden(i))


def test_neighbours_of_every_half(sim):
    halves = (np.arange(-260, 261) / 2).astype(np.float32).view(np.uint32)
    i = np.concatenate([halves - 2, halves - 1, halves, halves + 1, halves + 2])
    assert_array_equal(integers(sim, i), golden(i))


def test_special_values(sim):
    cases = [(0x7FC0_0000, 0), (0xFFC0_0000, 0), (0x7F80_0001, 0), (0x7F80_0000, 127),
             (0xFF80_0000, -128), (0, 0), (0x8000_0000, 0), (1, 0), (0x807F_FFFF, 0),
             (0x3F00_0000, 0), (0x3F00_0001, 1), (0xBF00_0001, -1), (0x3FC0_0000, 2),
             (0x4020_0000, 2), (0x42FE_FFFF, 127), (0x42FF_0000, 127), (0x4300_0000, 127),
             (0xC2FF_0000, -128), (0xC2FE_FFFF, -127), (0xC300_0000, -128), (0xC380_0000, -128)]
    i, want = np.array(cases, np.int64).T
    assert_array_equal(integers(sim, i), want)
    assert_array_equal(golden(i.astype(np.uint32)), want)


def test_an_integer_takes_the_latency_and_no_more(sim):
    assert LATENCY == 2
    i = np.arange(20).astype(np.float32).view(np.uint32)
    assert_array_equal(sim.run({"i": i})["o"][LATENCY:, 0], np.arange(20 - LATENCY))


@pytest.mark.rtl
def test_costs_no_slice_and_short_paths(tmp_path):
    exported = design(Fp32ToInt8(Fp32ToInt8Config()), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 80
    assert report.logic_levels <= 6
