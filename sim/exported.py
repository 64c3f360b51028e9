# SPDX-License-Identifier: Apache-2.0
"""The kernel as it is exported, compiled: the vendor's Verilog with our models of its cells.

::

    dut ── clk, rst, irq ─► flightllm_<name> ─┬─ ... DSP48E2 ─► our model
           ap_clk, ap_rst_n, interrupt        └─ ... MUXF7, MUXF8

What is simulated is the text that ``flightllm-hw verilog`` writes, without a change; only the
harness has names of its own for clock, reset and interrupt.
"""

from functools import cache

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.export.files import export
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.vendor import vendor_cells

__all__ = ["exported_kernel"]

# The exported name, what it is in the harness, and what is made of that.
_RENAMED = {"ap_clk": ("clk", "clk"), "ap_rst_n": ("rst", "~rst"), "interrupt": ("irq", "irq")}


@cache
def exported_kernel(config: AcceleratorConfig, flavour: str = "vendor") -> Simulator:
    """A simulator for :class:`~flightllm_hw.sim.kernel.KernelBench`.

    Parameters
    ----------
    config : AcceleratorConfig
    flavour : str
        Of the Verilog, as :func:`flightllm_hw.export.files.export` has it.
    """
    design = export(config, flavour)
    text = design.text + vendor_cells(design.text) + _harnessed(design.text, design.top)
    return verilator.compile_verilog(text, "dut", extra_sources=[AXI_MEMORY_SOURCE])


def _harnessed(text: str, top: str) -> str:
    """The module ``dut``: the kernel under the harness's names."""
    ports, wires = [], []
    for port in verilator.module_ports(text, top):
        name, value = _RENAMED.get(port.name, (port.name, port.name))
        bits = f"[{port.width - 1}:0] " if port.width > 1 else ""
        ports.append(f"{'input' if port.is_input else 'output'} {bits}{name}")
        wires.append(f".{port.name}({value})")
    return (f"module dut({', '.join(ports)});\n  {top} kernel (\n    "
            + ",\n    ".join(wires) + "\n  );\nendmodule\n")
