# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a lane with the vendor's slices: what it gives without them, in every cycle."""

import numpy as np
import pytest

from flightllm_hw.config import SfuConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.isa.vector import Addend, Function, LastFactor
from flightllm_hw.sfu.lane import SfuLane
from flightllm_hw.sim import verilator
from flightllm_hw.sim.vendor import vendor_cells
from support.sfu import anything, ordinary

CONFIG = SfuConfig(width=2, rows=16)
CYCLES = 60_000


@pytest.fixture(scope="module")
def lanes():
    """A lane as it is simulated, and as it is exported for the card."""
    dut = SfuLane(CONFIG)
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    vendor = verilator.compile_verilog(text + vendor_cells(text), "dut",
                                       shapes=verilator.shapes(dut))
    return verilator.compile(SfuLane(CONFIG)), vendor


@pytest.mark.parametrize("draw", [ordinary, anything], ids=lambda draw: draw.__name__)
def test_vendor_slices_compute_alike(lanes, draw, rng):
    def one_of(kind):
        return rng.choice([int(k) for k in kind], CYCLES)

    def flag():
        return rng.integers(2, size=CYCLES)

    def words():
        return draw(rng, CYCLES).view(np.uint32)

    inputs = {name: words() for name in ("x", "y", "u", "v", "b")}
    inputs |= {"negate": flag(), "counts": (rng.random(CYCLES) < 0.9).astype(int)}
    inputs["control"] = lanes[0].pack("control", {
        "multiplied": {"rotates": flag(), "addend": one_of(Addend), "s": words()},
        "added": {"function": one_of(Function)},
        "applied": {"last": one_of(LastFactor), "s": words()},
        "factored": {"output_tap": flag(), "reduce_tap": flag()},
        "tapped": {"z": words()}})
    plain, vendor = (lane.run(inputs) for lane in lanes)
    for name in ("o", "o_reduce", "code"):
        np.testing.assert_array_equal(plain[name], vendor[name])
        assert len(np.unique(plain[name])) > 100
