# SPDX-License-Identifier: Apache-2.0
"""Compiled simulation: a component becomes a loaded simulator in one call.

For everything that takes more than a few thousand cycles::

    sim = compile(Lane(config))
    got = sim.stream({"i": sim.pack("i", x)}, {"o": 1000}, traffic=BURSTY)
    y = sim.unpack("o", got["o"])

What is built is cached by content, see :mod:`flightllm_hw.sim.toolchain`.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.hdl import Elaboratable
from amaranth.lib import wiring

from flightllm_hw.sim import cxx, toolchain
from flightllm_hw.sim.converted import converted
from flightllm_hw.sim.ports import Port
from flightllm_hw.sim.simulator import Simulator

__all__ = ["compile", "compile_verilog", "module_ports", "shapes"]


def compile(component: Elaboratable, *, platform: Any = None, name: str = "dut",
            **options: Any) -> "Simulator":
    """Compile ``component``, or take it from the cache.

    Parameters
    ----------
    component : wiring.Component
        The component, with its configuration.
    platform : SharedModules, optional
        What its primitives turn into; behavioural without it.
    name : str
        The top module's name.
    options
        Passed to :func:`compile_verilog`.
    """
    text = converted(component, platform, name)
    return compile_verilog(text, name, shapes=shapes(component), **options)


def compile_verilog(text: str, top: str, ports: Sequence[Port] | None = None, *,
                    waves: bool = False, level: int = 1, extra_sources: Sequence[Path | str] = (),
                    shapes: Mapping[str, Any] | None = None) -> "Simulator":
    """Compile Verilog, or take it from the cache.

    Parameters
    ----------
    text : str
        The top module and all below it.
    top : str
        The top module.
    ports : sequence of Port, optional
        Its ports; read from ``text`` by default.
    waves : bool
        Whether :meth:`Simulator.trace` shall be possible; it costs speed even when idle.
    level : int
        1 builds fast, for tests; 3 runs fast, on this machine's processor alone.
    extra_sources : sequence of path
        C++ that is compiled along: models at the ports, which ``harness.h`` describes.
    shapes : dict of str to shape, optional
        Of ports and of stream payloads, for :meth:`Simulator.pack` and :meth:`Simulator.unpack`.
    """
    ports = module_ports(text, top) if ports is None else list(ports)
    table = "".join(
        f"CLOCK({port.name})\n" if port.name == "clk" else
        f'PORT({_member(port.name)}, "{port.name}", {port.width}, {str(port.is_input).lower()})\n'
        for port in ports)
    form = cxx.wave_format() if waves else ""
    if form == "vcd":
        warnings.warn("Waves are VCD: for FST the headers of lz4 and zlib are needed",
                      RuntimeWarning, stacklevel=2)
    library = toolchain.build(text, top, table, level=level, waves=form,
                              extra_sources=[Path(path).resolve() for path in extra_sources])
    driven = [port for port in ports if port.name != "clk"]
    return Simulator(library, driven, wave_format=form, shapes=shapes or {})


def module_ports(text: str, top: str) -> list[Port]:
    """The ports that Verilog declares for ``top``."""
    module = re.search(rf"^module\s+{re.escape(top)}\b(.*?)^endmodule", text, re.M | re.S)
    if module is None:
        raise ValueError(f"The Verilog has no module {top!r}")
    found = re.findall(r"\b(input|output)\s+(?:(?:wire|reg|logic|signed)\s+)*"
                       r"(?:\[(\d+):0\]\s*)?(\w+)", module[1])
    return [Port(name, int(high or 0) + 1, way == "input") for way, high, name in found]


def _member(name: str) -> str:
    # How Verilator spells a name in C++.
    return name.replace("__", "___05F")


def shapes(component: Any) -> dict[str, Any]:
    """The shapes of a component's ports, and of its streams' payloads, by their name in Verilog."""
    if not isinstance(component, wiring.Component):
        return {}
    found = {"_".join(map(str, path)): member.shape
             for path, member, _ in component.signature.flatten(component)}
    return found | {name.removesuffix("_payload"): shape for name, shape in found.items()
                    if name.endswith("_payload")}
