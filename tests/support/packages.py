# SPDX-License-Identifier: Apache-2.0
"""Packages for tests: every card's by every flow, with a stand-in for the Verilog."""

from functools import cache

from amaranth.lib.wiring import In

from flightllm_hw.boards import CARDS, card
from flightllm_hw.boards.flows import flow as flow_of
from flightllm_hw.export.kernel import VitisKernel
from flightllm_hw.export.rtlil import flat_ports
from flightllm_hw.export.verilog import Design
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.package.files import place
from flightllm_hw.package.package import contents
from flightllm_hw.presets import PRESETS
from support.vendor_ips import kernel_ip

__all__ = ["CASES", "DESIGNS", "VITIS", "identify", "kernel_pins", "package", "ports", "written"]

VITIS = [(preset, name, "vitis") for name in CARDS if flow_of(name).vitis
         for preset in (name, "tiny", "small")]
"""Preset, card, flow."""

DESIGNS = [(preset, name, "vivado") for name in CARDS if flow_of(name).vivado
           for preset in (name, "tiny", "small")]

CASES = VITIS + DESIGNS + [("vhk158", "vhk158", "vivado"), ("tiny", "v80", "vivado")]


def identify(case):
    """A case's name in a list of tests."""
    return "-".join(case)


def package(case):
    """The files of a package."""
    preset, name, flow = case
    config = PRESETS[preset]
    stand_in = Design(top=f"flightllm_{preset}", text="// Nothing.\n", rtlil="", counts={})
    return contents(config, card(name), flow, stand_in)


def written(case, folder):
    """A package in a folder, which is returned."""
    place(package(case), {"card": case[1]}, folder)
    return folder


@cache
def ports(preset):
    """The ports of a preset's kernel: name, width, whether it is an input."""
    kernel = VitisKernel(Kernel(KernelConfig(accelerator=PRESETS[preset])))
    return [(name, len(signal), flow is In) for name, flow, signal in flat_ports(kernel)]


def kernel_pins(preset):
    """A preset's kernel as a cell of a block design."""
    return kernel_ip((name, is_input) for name, _, is_input in ports(preset))
