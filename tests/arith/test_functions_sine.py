# SPDX-License-Identifier: Apache-2.0
"""Sine, cosine and the phases of rotary embeddings in hardware against their definition."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.rotary import RotaryPhase, RotaryPhaseConfig
from flightllm_hw.arith.sine import SineCosine, SineCosineConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.formats.functions import rotary_phase, rotary_steps, sine_cosine
from flightllm_hw.sim import verilator
from flightllm_hw.sim.vendor import vendor_cells

DUTS = [SineCosine(SineCosineConfig()), RotaryPhase(RotaryPhaseConfig())]


@pytest.fixture(scope="module")
def sines():
    return verilator.compile(SineCosine(SineCosineConfig()))


@pytest.fixture(scope="module")
def phases():
    return verilator.compile(RotaryPhase(RotaryPhaseConfig()))


def vendor(dut):
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    return verilator.compile_verilog(text + vendor_cells(text), "dut",
                                     shapes=verilator.shapes(dut))


def run(sim, latency, **inputs):
    padded = {name: np.concatenate([x, np.zeros((latency, *x.shape[1:]), x.dtype)])
              for name, x in inputs.items()}
    return {name: o[latency:, 0] for name, o in sim.run(padded).items()}


def assert_sines(sim, phase):
    got = run(sim, SineCosine.latency, phase=phase)
    sine, cosine = sine_cosine(phase)
    assert_array_equal(got["sine"], sine.view(np.uint32))
    assert_array_equal(got["cosine"], cosine.view(np.uint32))


def assert_phases(sim, position, step):
    got = run(sim, RotaryPhase.latency, position=position,
              step=step.view(np.uint32).reshape(-1, 2))
    assert_array_equal(got["phase"], rotary_phase(position, step))


def small(rng, n):
    """Phases of every length, near any quarter: results of every exponent."""
    magnitude = rng.integers(1 << 32, size=n) >> rng.integers(32, size=n)
    near = magnitude * rng.choice([-1, 1], n) + (rng.integers(4, size=n) << 30)
    return (near & 0xFFFF_FFFF).astype(np.uint32)


def borders():
    near = ((np.arange(4 * 512, dtype=np.int64) << 21)[:, None] + np.arange(-20, 20)).ravel()
    return (near & 0xFFFF_FFFF).astype(np.uint32)


def operands(rng, n):
    position = rng.integers(1 << 20, size=n) >> rng.integers(20, size=n)
    step = rng.integers(1 << 48, size=n) >> rng.integers(48, size=n)
    position[:n // 10], step[n // 20:n // 5] = (1 << 20) - 1, (1 << 48) - 1
    return position.astype(np.uint32), step.astype(np.uint64)


def test_random_phases(sines, rng):
    assert_sines(sines, rng.integers(1 << 32, size=2_000_000, dtype=np.uint32))


def test_small_sines_and_borders(sines, rng):
    assert_sines(sines, small(rng, 1_000_000))
    assert_sines(sines, borders())


def test_random_products(phases, rng):
    assert_phases(phases, *operands(rng, 2_000_000))


def test_a_models_angles(phases, sines):
    position, step = np.meshgrid(np.arange(0, 1 << 20, 4001, dtype=np.uint32),
                                 rotary_steps(10000.0, 128))
    position, step = position.ravel(), step.ravel()
    assert_phases(phases, position, step)
    assert_sines(sines, rotary_phase(position, step))


def test_an_element_takes_the_latency_and_no_more(sines, phases):
    phase = np.zeros(30, np.uint32)
    phase[5] = 1 << 30
    late = SineCosine.latency
    got = sines.run({"phase": phase})
    quarter = np.arange(30 - late) == 5
    assert_array_equal(got["sine"][late:, 0], np.where(quarter, 0x3F80_0000, 0))
    assert_array_equal(got["cosine"][late:, 0], np.where(quarter, 0, 0x3F80_0000))

    position, step = np.zeros(30, np.uint32), np.full((30, 2), [0xFFFF_FFFF, 0xFFFF], np.uint32)
    position[5] = 3
    late = RotaryPhase.latency
    got = phases.run({"position": position, "step": step})["phase"][late:, 0]
    want = (3 * ((1 << 48) - 1) + (1 << 15) >> 16) & 0xFFFF_FFFF
    assert_array_equal(got, np.where(np.arange(30 - late) == 5, want, 0))


def test_vendor_slices_compute_alike(rng):
    dut_sines, dut_phases = DUTS
    assert_sines(vendor(dut_sines), np.concatenate([small(rng, 10_000), borders()[::8]]))
    assert_phases(vendor(dut_phases), *operands(rng, 10_000))


@pytest.mark.rtl
@pytest.mark.parametrize("dut, slices, memories", [(DUTS[0], 4, 2), (DUTS[1], 3, 0)],
                         ids=["sine", "phase"])
def test_costs_slices_memories_and_short_paths(dut, slices, memories):
    report = resource_report(design(dut, platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.total.dsp == slices
    assert report.total.bram == memories
    assert report.logic_levels <= 6
