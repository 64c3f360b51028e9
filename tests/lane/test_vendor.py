# SPDX-License-Identifier: Apache-2.0
"""A lane of the vendor's flavour in Icarus: with the vendor's models of its cells, or with ours."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.lane.engine import LaneEngine
from flightllm_hw.presets import TINY
from flightllm_hw.sim.vendor import vendor_cells
from support.icarus import IcarusEngine
from support.lanes import expected, multiply
from support.tapes import draw_tape


def engine(models, folder):
    """The engine of ``tiny``'s lanes, in Icarus."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    library = os.environ.get("FLIGHTLLM_UNISIM")
    if models == "vendor" and library is None:
        pytest.skip("FLIGHTLLM_UNISIM does not name a folder with the vendor's DSP48E2.v")
    dut = LaneEngine(TINY.lane)
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    if models == "ours":
        return IcarusEngine(dut, text + vendor_cells(text), folder)
    reset = next(Path(library).parent.rglob("glbl.v"), None)
    extra = [] if reset is None else ["-s", "glbl", str(reset)]
    return IcarusEngine(dut, text, folder, [*extra, "-y", library])


@pytest.mark.rtl
@pytest.mark.parametrize("models", ["ours", "vendor"])
@pytest.mark.parametrize("pattern, bits, tokens", [
    (Pattern.DENSE, 8, 1), (Pattern.S2_4, 3, 2)])
def test_sums_are_exact(models, pattern, bits, tokens, tmp_path, rng):
    config = TINY.lane
    weights, mask, shape, beats = draw_tape(rng, config, pattern, 11, 100, bits, 128, bits == 3)
    x = rng.integers(-127, 128, (tokens, 100)).astype(np.int8)
    got, _ = multiply(engine(models, tmp_path), config, shape, beats, x)
    np.testing.assert_array_equal(got["sums"][:, :11], expected(weights, mask, x))
