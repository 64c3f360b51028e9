# SPDX-License-Identifier: Apache-2.0
"""Wide multiplexers, and what they take."""

import pytest

from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.primitives.mux import WideMux, WideMuxConfig
from flightllm_hw.sim.pysim import simulate


@pytest.mark.parametrize("inputs", [1, 2, 4, 8, 16, 32, 64])
def test_the_chosen_input_comes_out(inputs, rng):
    dut = WideMux(WideMuxConfig(width=7, inputs=inputs))

    async def testbench(ctx):
        for _ in range(3):
            values = [int(value) for value in rng.integers(0, 128, inputs)]
            for n, value in enumerate(values):
                ctx.set(dut.i[n], value)
            for choice, value in enumerate(values):
                ctx.set(dut.s, choice)
                assert ctx.get(dut.o) == value
                await ctx.delay(1e-9)

    simulate(dut, testbench)


@pytest.mark.rtl
@pytest.mark.parametrize("inputs, luts", [(4, 1), (8, 2), (16, 4), (32, 8)])
def test_a_lut_for_every_four_inputs(inputs, luts):
    mux = design(WideMux(WideMuxConfig(width=3, inputs=inputs)), platform=VendorPlatform())
    report = resource_report(mux)
    assert report.total.lut == 3 * luts
    assert report.logic_levels == 1


def test_the_error_names_the_value():
    with pytest.raises(ValueError, match="inputs must be a power of two, not 12"):
        WideMuxConfig(width=8, inputs=12)
