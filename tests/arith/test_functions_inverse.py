# SPDX-License-Identifier: Apache-2.0
"""Reciprocals and their square roots in hardware against their definition."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.inverse import Inverse, InverseConfig, Root
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.formats import functions
from flightllm_hw.sim import verilator
from flightllm_hw.sim.vendor import vendor_cells
from support.floats import SPECIALS, every_exponent

LATENCY = Inverse.latency

GOLDEN = {Root.FIRST: functions.reciprocal, Root.SQUARE: functions.rsqrt}


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(Inverse(InverseConfig()))


def golden(root, x):
    return GOLDEN[root](x.view(np.float32)).view(np.uint32)


def computed(sim, root, x):
    root = np.broadcast_to(np.asarray(root, np.uint32), x.shape)
    root, x = (np.concatenate([a, np.zeros(LATENCY, np.uint32)]) for a in (root, x))
    return sim.run({"x": x, "root": root})["o"][LATENCY:, 0]


@pytest.mark.parametrize("root", Root)
def test_every_exponent_and_segment(root, sim, rng):
    x = every_exponent(rng, 4000, segments=256)
    assert len(x) > 2_000_000
    assert_array_equal(computed(sim, root.value, x), golden(root, x))


def test_roots_alternate_element_by_element(sim, rng):
    n = 500_000
    x = np.where(rng.random(n) < 0.3, rng.choice(SPECIALS, n),
                 rng.integers(1 << 32, size=n, dtype=np.uint32))
    root = rng.integers(2, size=n)
    want = np.choose(root, [golden(root, x) for root in Root])
    assert_array_equal(computed(sim, root, x), want)


def test_an_element_takes_the_latency_and_no_more(sim):
    one, two, half = 0x3F80_0000, 0x4000_0000, 0x3F00_0000
    x = np.full(30, one, np.uint32)
    x[5] = two
    got = sim.run({"x": x, "root": np.zeros(30, np.uint32)})["o"][:, 0]
    assert_array_equal(got[LATENCY:], np.where(np.arange(30 - LATENCY) == 5, half, one))


def test_vendor_slices_compute_alike(sim, rng):
    dut = Inverse(InverseConfig())
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    vendor = verilator.compile_verilog(text + vendor_cells(text), "dut",
                                       shapes=verilator.shapes(dut))
    x = every_exponent(rng, 8, segments=4)
    for root in Root:
        assert_array_equal(computed(vendor, root.value, x), computed(sim, root.value, x))


@pytest.mark.rtl
def test_costs_two_slices_one_memory_and_short_paths():
    report = resource_report(design(Inverse(InverseConfig()), platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.total.dsp == 2
    assert report.total.bram == 1
    assert report.logic_levels <= 6
