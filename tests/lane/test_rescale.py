# SPDX-License-Identifier: Apache-2.0
"""Dot products to results, against the golden formula, however the consumer stalls."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.layouts import QUIET_NAN
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.formats import scale_result
from flightllm_hw.lane.rescale import ResultScaler, ResultScalerConfig
from flightllm_hw.sim import verilator
from flightllm_hw.sim.traffic import STEADY, TRAFFIC
from flightllm_hw.sim.vendor import vendor_cells
from support.lint import lint

CONFIG = ResultScalerConfig(tag_bits=12)


@pytest.fixture(scope="module")
def sim():
    return verilator.compile(ResultScaler(CONFIG))


@functools.cache
def vendor():
    dut = ResultScaler(CONFIG)
    text = convert(dut, name="dut", platform=VendorPlatform())
    return verilator.compile_verilog(text + vendor_cells(text), "dut",
                                     shapes=verilator.shapes(dut))


def scales(rng, n):
    """As layers have them, of every size, and the extremes."""
    kind = rng.integers(8, size=n)
    sizes = np.choose(np.minimum(kind, 2), [rng.uniform(-60, -40, n), rng.uniform(-149, 128, n),
                                            rng.uniform(-20, 0, n)])
    s = np.exp2(sizes).astype(np.float32)
    extremes = np.array([0, 1, 0x007F_FFFF, 0x0080_0000, 0x3F80_0000, 0x7F7F_FFFF], np.uint32)
    return np.where(kind == 7, rng.choice(extremes.view(np.float32), n), s)


def draw(rng, tokens, rows):
    """Dot products of every size, (tokens, rows), and their scales."""
    a = rng.integers(-1 << 47, 1 << 47, (tokens, rows)) >> rng.integers(0, 49, (tokens, rows))
    a[rng.random(a.shape) < 0.05] = 0
    a[0, :2] = [-1 << 47, (1 << 47) - 1]
    return a, scales(rng, rows), scales(rng, tokens)


def run(sim, a, s_row, s_x, tags, **options):
    rows, tokens = np.broadcast_arrays(s_row.view(np.uint32), s_x.view(np.uint32)[:, None])
    sent = sim.pack("i", {
        "sum": a.ravel(),
        **{name: {"fraction": bits.ravel() & 0x7F_FFFF, "exponent": bits.ravel() >> 23 & 0xFF,
                  "sign": bits.ravel() >> 31}
           for name, bits in (("row_scale", rows), ("token_scale", tokens))},
        "tag": tags.ravel()})
    moved = sim.stream({"i": sent}, {"o": len(sent)}, deadline=99 * len(sent) + 99, **options)
    got = sim.unpack("o", moved["o"])
    value = got["value"]
    bits = value["sign"] << 31 | value["exponent"] << 23 | value["fraction"]
    return bits.astype(np.uint32).reshape(a.shape), got["tag"].reshape(a.shape), moved


def golden(a, s_row, s_x):
    y = scale_result(a, s_row, s_x)
    return np.where(np.isnan(y), np.uint32(QUIET_NAN), y.view(np.uint32))


def test_results_are_the_formulas(sim, rng):
    for _ in range(10):
        a, s_row, s_x = draw(rng, 100, 1000)
        tags = rng.integers(1 << CONFIG.tag_bits, size=a.shape)
        got, got_tags, _ = run(sim, a, s_row, s_x, tags)
        assert_array_equal(got, golden(a, s_row, s_x))
        assert_array_equal(got_tags, tags)


@pytest.mark.parametrize("flavour", ["behavioural", "vendor"])
@pytest.mark.parametrize("i_traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("o_traffic", TRAFFIC, ids=str)
def test_nothing_is_lost_or_reordered(i_traffic, o_traffic, flavour, sim, rng):
    sim = vendor() if flavour == "vendor" else sim
    a, s_row, s_x = draw(rng, 50, 100)
    tags = np.arange(a.size).reshape(a.shape) % (1 << CONFIG.tag_bits)
    got, got_tags, _ = run(sim, a, s_row, s_x, tags, traffic={"i": i_traffic, "o": o_traffic},
                           seed=int(rng.integers(1 << 30)))
    assert_array_equal(got, golden(a, s_row, s_x))
    assert_array_equal(got_tags, tags)


def test_a_result_a_cycle_after_the_latency(sim, rng):
    a, s_row, s_x = draw(rng, 10, 100)
    _, _, moved = run(sim, a, s_row, s_x, np.zeros(a.shape, int), traffic=STEADY)
    first = moved.cycles["i"][0]
    assert_array_equal(moved.cycles["i"] - first, np.arange(a.size))
    assert_array_equal(moved.cycles["o"] - moved.cycles["i"], ResultScaler.latency)


def test_holds_what_comes_while_nobody_takes(sim, rng):
    a, s_row, s_x = draw(rng, 1, 100)
    sim.poke("o_ready", 0)
    sim.poke("i_valid", 1)
    took = sim.run({}, 100)["i_ready"][:, 0]
    sim.poke("i_valid", 0)
    assert took.sum() == 32
    assert took[:32].all()
    # The reset forgets them, those under way too.
    sim.reset()
    assert sim.peek("i_ready") == 1
    tags = np.arange(100)[None]
    got, got_tags, _ = run(sim, a, s_row, s_x, tags)
    assert_array_equal(got, golden(a, s_row, s_x))
    assert_array_equal(got_tags, tags)


def test_reset_forgets_what_is_under_way(sim, rng):
    sim.poke("i_valid", 1)
    sim.run({}, 5)
    sim.poke("i_valid", 0)
    sim.reset()
    assert not sim.run({}, 40)["o_valid"].any()


def test_tags_have_bits():
    with pytest.raises(ValueError, match="at least 1 bit, not 0"):
        ResultScalerConfig(tag_bits=0)


@pytest.mark.rtl
def test_costs_four_slices_and_short_paths(tmp_path):
    exported = design(ResultScaler(CONFIG), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 4
    assert report.logic_levels <= 8
