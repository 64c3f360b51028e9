# SPDX-License-Identifier: Apache-2.0
"""exp, sigmoid, SiLU and GELU in hardware against their definition, millions of times each."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.exponential import Exponential, ExponentialConfig, Function
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.formats import functions
from flightllm_hw.sim import verilator
from flightllm_hw.sim.vendor import vendor_cells
from support.floats import SPECIALS, every_exponent
from support.lint import lint

LATENCY = Exponential.latency

GOLDEN = {Function.EXP: functions.exp, Function.SIGMOID: functions.sigmoid,
          Function.SILU: functions.silu, Function.GELU: functions.gelu}

each = pytest.mark.parametrize("function", Function)


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Exponential(ExponentialConfig()))


def golden(function, x):
    return GOLDEN[function](x.view(np.float32)).view(np.uint32)


def computed(sim, select, x):
    select = np.broadcast_to(np.asarray(select, np.uint32), x.shape)
    select, x = (np.concatenate([a, np.zeros(LATENCY, np.uint32)]) for a in (select, x))
    return sim.run({"x": x, "select": select})["o"][LATENCY:, 0]


@each
def test_every_exponent_and_segment(function, sim, rng):
    x = every_exponent(rng, 4000)
    assert len(x) > 2_000_000
    assert_array_equal(computed(sim, function.value, x), golden(function, x))


@each
def test_ordinary_arguments(function, sim, rng):
    x = (rng.normal(size=500_000) * rng.choice([0.1, 1, 4, 30], 500_000)).astype(np.float32)
    x = x.view(np.uint32)
    assert_array_equal(computed(sim, function.value, x), golden(function, x))


@each
def test_where_results_leave_float32(function, sim):
    """Every float32 around the greatest argument of exp, and the least ones of all."""
    starts = {Function.EXP: [0x42B1_0000, 0xC2AE_0000], Function.GELU: [0xC152_0000]}
    for start in starts.get(function, [0xC2AE_0000, 0xC2B7_0000]):
        x = np.uint32(start) + np.arange(200_000, dtype=np.uint32)
        assert_array_equal(computed(sim, function.value, x), golden(function, x))


def test_functions_alternate_element_by_element(sim, rng):
    n = 500_000
    x = np.where(rng.random(n) < 0.3, rng.choice(SPECIALS, n),
                 (rng.normal(size=n) * 4).astype(np.float32).view(np.uint32))
    select = rng.integers(4, size=n)
    want = np.choose(select, [golden(function, x) for function in Function])
    assert_array_equal(computed(sim, select, x), want)


def test_an_element_takes_the_latency_and_no_more(sim):
    x = np.zeros(40, np.uint32)
    x[5] = 0x7F80_0000
    got = sim.run({"x": x, "select": np.zeros(40, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], np.where(np.arange(40 - LATENCY) == 5, 0x7F80_0000,
                                               0x3F80_0000))


def test_vendor_slices_compute_alike(sim, rng):
    dut = Exponential(ExponentialConfig())
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    vendor = verilator.compile_verilog(text + vendor_cells(text), "dut",
                                       shapes=verilator.shapes(dut))
    x = every_exponent(rng, 8, segments=4)
    for function in Function:
        assert_array_equal(computed(vendor, function.value, x),
                           computed(sim, function.value, x))


@pytest.mark.rtl
def test_a_linter_finds_nothing(tmp_path):
    text = convert(Exponential(ExponentialConfig()), name="dut")
    assert lint(text, "dut", tmp_path) == ""


@pytest.mark.rtl
def test_costs_seven_slices_two_memories_and_short_paths():
    dut = Exponential(ExponentialConfig())
    report = resource_report(design(dut, platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.total.dsp == 7
    assert report.total.bram == 2
    assert report.total.lut <= 900
    assert report.logic_levels <= 6
    assert convert(dut, platform=BehaviouralPlatform()).count("DSP48E2") == 0
