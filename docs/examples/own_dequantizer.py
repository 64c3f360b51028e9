# SPDX-License-Identifier: Apache-2.0
"""The dequantizer as Verilog, with a cocotb bench of one's own, on Icarus Verilog.

    python docs/examples/own_dequantizer.py [DIR]

The bench is the second half of this file: cocotb imports it in the simulator. A block of 4-bit
codes goes in as planes, the zero point beside it; out comes code - zero for every DSP, 128 too
large, as the chains want it.
"""

import random
import sys
import tempfile
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from flightllm_hw.compute.layouts import EXCESS_OF_CODE, tile
from flightllm_hw.dequant.dequantize import Dequantizer
from flightllm_hw.dequant.layouts import block
from flightllm_hw.export.verilog import convert
from flightllm_hw.presets import preset

CONFIG = preset("tiny").lane
BITS = 4


@cocotb.test()
async def codes_less_their_zero_points(dut):
    """Random codes and zero points; a block is a tile of two rows a chain."""
    chance, chains, length = random.Random(1), CONFIG.chains, CONFIG.chain.length
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.i_valid.value, dut.o_ready.value, dut.rst.value = 0, 1, 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    for _ in range(50):
        codes = [[chance.randrange(1 << BITS) for _ in range(length)] for _ in range(2 * chains)]
        zeros = [chance.randrange(1 << BITS) for _ in range(2 * chains)]
        # Bit k * 2C + r of plane j is bit j of the code of row r and DSP k.
        planes = [sum((codes[r][k] >> j & 1) << k * 2 * chains + r
                      for r in range(2 * chains) for k in range(length)) for j in range(BITS)]
        less = [EXCESS_OF_CODE - zero & 0xFF for zero in zeros]
        payload = block(CONFIG).const({
            "dense": 1, "codes": planes + [0] * (8 - BITS),
            "lower": less[0::2], "upper": less[0::2], "mate": less[1::2]})
        dut.i_valid.value, dut.i_payload.value = 1, payload.as_bits()
        await RisingEdge(dut.clk)
        while not dut.i_ready.value:
            await RisingEdge(dut.clk)
        dut.i_valid.value = 0
        while not dut.o_valid.value:
            await RisingEdge(dut.clk)
        got = tile(CONFIG).from_bits(int(dut.o_payload.value)).elements
        for r in range(2 * chains):
            for k in range(length):
                element = got[r // 2][k]
                value = element.mate if r % 2 else element.code
                assert value == codes[r][k] - zeros[r] + EXCESS_OF_CODE
    dut._log.info("50 blocks")


def main(folder):
    """Write the Verilog, build it, run the bench."""
    source = folder / "dequantizer.v"
    source.write_text(convert(Dequantizer(CONFIG), name="dequantizer"), encoding="utf-8")
    runner = get_runner("icarus")
    runner.build(sources=[source], hdl_toplevel="dequantizer", build_dir=folder / "build",
                 timescale=("1ns", "1ps"), log_file=folder / "build.log")
    results = runner.test(test_module="own_dequantizer", hdl_toplevel="dequantizer",
                          test_dir=folder, build_dir=folder / "build",
                          log_file=folder / "test.log",
                          extra_env={"PYTHONPATH": f"{Path(__file__).parent}:{':'.join(sys.path)}"})
    tests, failed = get_results(results)
    assert tests == 1 and not failed, (folder / "test.log").read_text()[-2000:]
    print("1 test, on Icarus Verilog: passed")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
