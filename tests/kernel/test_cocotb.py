# SPDX-License-Identifier: Apache-2.0
"""The exported kernel against the AXI4-Lite master of cocotbext-axi in other simulators.

The bench itself is :mod:`support.kernel_bench`; it runs in the simulator's process.
"""

import pytest

from flightllm_hw.export.kernel import VitisKernel
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from support.cocotb_runner import run_bench
from support.kernel import SMALLEST, ToyKernel


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_as_vitis_runs_it(simulator, tmp_path, monkeypatch):
    text = convert(VitisKernel(ToyKernel(SMALLEST)), name="flightllm", platform=VendorPlatform())
    run_bench(simulator, text, "flightllm", "support.kernel_bench", tmp_path, monkeypatch)
