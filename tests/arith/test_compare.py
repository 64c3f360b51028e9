# SPDX-License-Identifier: Apache-2.0
"""Order and maximum against numpy's comparisons, zeros and NaNs included."""

import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.testing import assert_array_equal

from flightllm_hw.arith.compare import Fp32Max, Fp32MaxConfig, ordered_key
from flightllm_hw.arith.layouts import QUIET_NAN, Fp32
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import flush
from flightllm_hw.sim import verilator
from support.lint import lint

ROUNDS = 4
COUNT = 250_000
"""Rounds, and pairs of a round, of each class: 4 million for either maximum."""

CORNERS = np.array([
    0x0000_0000, 0x0000_0001, 0x007F_FFFF, 0x0080_0000, 0x0080_0001, 0x00FF_FFFF, 0x3F7F_FFFF,
    0x3F80_0000, 0x3F80_0001, 0x4000_0000, 0x7F7F_FFFF, 0x7F80_0000, 0x7F80_0001, 0x7FC0_0000,
    0x7FC0_0001, 0x7FFF_FFFF], np.uint32)
CORNERS = np.concatenate([CORNERS, CORNERS | 0x8000_0000])


class Keys(wiring.Component):
    """The function with a port on either side, and a register, as the simulator has a clock."""

    def __init__(self):
        super().__init__({"i": In(Fp32), "o": Out(signed(32))})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(ordered_key(self.i))
        return m


def anything(rng, n):
    return rng.integers(1 << 32, size=(2, n), dtype=np.uint32)


def corners(rng, n):
    a, b = np.meshgrid(CORNERS, CORNERS)
    pairs = np.stack([a.ravel(), b.ravel()])
    return np.concatenate([pairs, rng.choice(CORNERS, (2, n - pairs.shape[1]))], 1)


def one_corner(rng, n):
    return rng.permuted(np.stack([rng.choice(CORNERS, n), anything(rng, n)[0]]), axis=0)


def near(rng, n):
    """Equal but for few bits, or one, wherever it is."""
    a = anything(rng, n)[0]
    flip = np.where(rng.random(n) < 0.5, 1 << rng.integers(32, size=n), rng.integers(4, size=n))
    return np.stack([a, a ^ flip.astype(np.uint32)])


CLASSES = [anything, corners, one_corner, near]


def golden(a, b, magnitude):
    a, b = (flush(x.view(np.float32)) for x in (a, b))
    if magnitude:
        a, b = np.abs(a), np.abs(b)
    with np.errstate(invalid="ignore"):
        o = np.where(a < b, b, a)
    o = np.where(o == 0, np.float32(0), o).view(np.uint32)
    return np.where(np.isnan(a) | np.isnan(b), np.uint32(QUIET_NAN), o)


@pytest.fixture(scope="module", params=[False, True], ids=["numbers", "magnitudes"])
def dut(request):
    return Fp32Max(Fp32MaxConfig(magnitude=request.param))


@pytest.fixture(scope="module")
def sim(dut):
    return verilator.compile(dut)


@pytest.fixture(scope="module")
def key_sim():
    return verilator.compile(Keys())


def maxima(sim, a, b):
    a, b = (np.concatenate([x, np.zeros(1, np.uint32)]) for x in (a, b))
    return sim.run({"a": a, "b": b})["o"][1:, 0]


def keys(sim, i):
    return sim.run({"i": np.concatenate([i, np.zeros(1, np.uint32)])})["o"][1:, 0].view(np.int32)


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_the_greater_is_numpys(draw, dut, sim, rng):
    for _ in range(ROUNDS):
        a, b = draw(rng, COUNT)
        assert_array_equal(maxima(sim, a, b), golden(a, b, dut.config.magnitude))


def test_order_and_grouping_do_not_matter(sim):
    a, b, c = (x.ravel() for x in np.meshgrid(CORNERS, CORNERS, CORNERS))
    assert_array_equal(maxima(sim, a, b), maxima(sim, b, a))
    assert_array_equal(maxima(sim, maxima(sim, a, b), c), maxima(sim, a, maxima(sim, b, c)))


def test_special_values():
    nan, inf, one, minus = 0x7FC0_0000, 0x7F80_0000, 0x3F80_0000, 0x8000_0000
    cases = [(0, minus, 0, 0), (minus, minus, 0, 0), (minus | 1, minus, 0, 0),
             (minus | one, minus, 0, one), (minus | one, 1, 0, one), (1, 2, 0, 0),
             (minus | inf, one, one, inf), (minus | inf, minus | one, minus | one, inf),
             (minus | inf, minus | inf, minus | inf, inf), (minus | nan | 7, inf, nan, nan),
             (minus | one, 0xFF80_0001, nan, nan), (nan | 1, nan | 2, nan, nan)]
    a, b, number, magnitude = np.array(cases, np.uint32).T
    for want, of in ((number, False), (magnitude, True)):
        sim = verilator.compile(Fp32Max(Fp32MaxConfig(magnitude=of)))
        assert_array_equal(maxima(sim, a, b), want)
        assert_array_equal(maxima(sim, b, a), want)
        assert_array_equal(golden(a, b, of), want)


def test_a_maximum_takes_a_cycle(sim):
    assert Fp32Max.latency == 1
    a = np.arange(1, 21).astype(np.float32).view(np.uint32)
    got = sim.run({"a": a, "b": np.zeros(20, np.uint32)})["o"][:, 0]
    assert_array_equal(got[1:], a[:-1])


@pytest.mark.parametrize("draw", CLASSES, ids=lambda draw: draw.__name__)
def test_keys_compare_as_numbers_do(draw, key_sim, rng):
    a, b = draw(rng, COUNT)
    key_a, key_b = keys(key_sim, a), keys(key_sim, b)
    x, y = (flush(v.view(np.float32)) for v in (a, b))
    nan_x, nan_y = np.isnan(x), np.isnan(y)
    with np.errstate(invalid="ignore"):
        assert_array_equal(key_a < key_b, (x < y) | ~nan_x & nan_y)
        assert_array_equal(key_a == key_b, (x == y) | nan_x & nan_y)
    assert_array_equal(key_a[nan_x], QUIET_NAN)
    assert_array_equal(key_a[x == 0], 0)
    ordinary = ~nan_x & (x != 0)
    bits = a[ordinary]
    assert_array_equal(key_a[ordinary].view(np.uint32),
                       np.where(bits >> 31, ~bits & 0x7FFF_FFFF | 1 << 31, bits))


def test_the_first_greatest_key_is_numpys_argmax(key_sim, rng):
    for size in (1, 2, 16, 1000):
        for values in (CORNERS, CORNERS[np.isfinite(CORNERS.view(np.float32))]):
            i = rng.choice(values, (50, size))
            found = keys(key_sim, i.ravel()).reshape(i.shape).argmax(1)
            assert_array_equal(found, flush(i.view(np.float32)).argmax(1))


@pytest.mark.rtl
def test_costs_no_slice_and_short_paths(dut, tmp_path):
    exported = design(dut, platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 90
    assert report.logic_levels <= 6
