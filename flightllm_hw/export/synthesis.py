# SPDX-License-Identifier: Apache-2.0
"""Designs to netlists of UltraScale+ primitives, by Yosys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .mapping import map_modules
from .rtlil import split
from .verilog import Design

__all__ = ["Cell", "Netlist", "synthesize"]

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


def synthesize(design: Design) -> dict[str, Netlist]:
    """Map the modules of ``design`` to primitives, each one on its own.

    The hierarchy stays as it is: a module is mapped once, however often it is instantiated, and
    nothing of the others is known to it but their ports. What nothing depends on is gone.
    """
    modules = split(design.rtlil)
    mapped = map_modules(modules)
    netlists: dict[str, Netlist] = {}

    def read(name: str) -> None:
        # Primitives have no contents here, and stay primitives.
        if name in modules and name not in netlists:
            netlists[name] = _netlist(mapped[name])
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
