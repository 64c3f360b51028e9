# SPDX-License-Identifier: Apache-2.0
"""Estimates of what a design takes of a device, and of how long its paths are."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from flightllm_hw.boards import Card

from .levels import timings
from .packing import pairs, unread
from .resources import Resources, cost
from .synthesis import Netlist, synthesize
from .verilog import Design

__all__ = ["ModuleReport", "Report", "resource_report"]

_NAMES = tuple(f.name for f in fields(Resources))


@dataclass(frozen=True)
class ModuleReport:
    """One module of the netlist.

    Parameters
    ----------
    count : int
        Its instances in the whole design.
    own : Resources
        What its own cells take.
    total : Resources
        What it takes with everything below it.
    logic_levels : int
        The longest chain of LUTs in it and below (:mod:`~flightllm_hw.export.levels`).
    pairs : int
        Of its own LUTs, how many hold two small ones (:mod:`~flightllm_hw.export.packing`).
    """

    count: int
    own: Resources
    total: Resources
    logic_levels: int
    pairs: int


@dataclass(frozen=True)
class Report:
    """Estimates by Yosys, module by module: nothing here was measured on hardware.

    Parameters
    ----------
    top : str
        The top module, whose ``total`` is the design's.
    modules : dict of str to ModuleReport
        Every module that is still instantiated after synthesis, the top module first.
    card : Card or None
        What the design is compared with.
    """

    top: str
    modules: dict[str, ModuleReport]
    card: Card | None = None

    @property
    def total(self) -> Resources:
        """What the whole design takes."""
        return self.modules[self.top].total

    @property
    def logic_levels(self) -> int:
        """The longest chain of LUTs anywhere."""
        return self.modules[self.top].logic_levels

    @property
    def pairs(self) -> int:
        """LUTs that hold two small ones: as many more would be needed if none were shared."""
        return sum(module.count * module.pairs for module in self.modules.values())

    def to_dict(self) -> dict[str, Any]:
        """The report as data: the whole design, each module with all below it, and the card."""
        result: dict[str, Any] = {**asdict(self.total), "lut_pairs": self.pairs,
                                  "logic_levels": self.logic_levels}
        result["modules"] = {
            name: {"count": module.count, **asdict(module.total),
                   "logic_levels": module.logic_levels}
            for name, module in self.modules.items()}
        if self.card is not None:
            result["card"] = {"name": self.card.name, "part": self.card.part}
            for name in _NAMES:
                result["card"][name] = {"total": getattr(self.card, name) or None,
                                        "percent": self._percent(name)}
        return result

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_markdown(self) -> str:
        """The report as text with tables."""
        header = [name.upper() for name in _NAMES]
        lines = [
            f"# Resources of {self.top}", "",
            "**Estimates.** Yosys mapped the design to UltraScale+ primitives, module by module;"
            " nothing was placed, routed or measured on hardware. The vendor's tools also optimise"
            " across modules.", "",
            f"Two small LUTs with inputs in common share one, as the vendor's tools place them;"
            f" {self.pairs:,} do, each counted once here.", "",
            "Logic levels are LUTs between registers, through all modules; a carry chain counts"
            " as one.", "",
            *_table(["", *header], [["design", *_cells(self.total)], *self._card_rows()]), "",
            f"Logic levels: {self.logic_levels}.", "",
            "## One instance of each module, with all below it", "",
            *_table(["module", "instances", *header, "levels"],
                    [[name, f"{module.count:,}", *_cells(module.total), str(module.logic_levels)]
                     for name, module in self.modules.items()]), "",
            "## Where it goes: all instances of each module, without those below it", "",
            *_table(["module", *header],
                    [[name, *_cells(module.own * module.count)]
                     for name, module in self.modules.items() if module.own != Resources()]), "",
        ]
        return "\n".join(lines)

    def _percent(self, name: str) -> float | None:
        available = getattr(self.card, name) if self.card is not None else 0
        return round(100 * float(getattr(self.total, name)) / available, 1) if available else None

    def _card_rows(self) -> list[list[str]]:
        if self.card is None:
            return []
        percents = [self._percent(name) for name in _NAMES]
        return [[f"{self.card.name} ({self.card.part})",
                 *(f"{getattr(self.card, name):,}" if p is not None else "not known"
                   for name, p in zip(_NAMES, percents, strict=True))],
                ["share", *("" if p is None else f"{p} %" for p in percents)]]


def resource_report(design: Design, card: Card | None = None) -> Report:
    """Synthesise ``design`` and count.

    Parameters
    ----------
    design : Design
        Of the vendor flavour: Yosys finds no more than the multiplier of a behavioural DSP slice.
    card : Card or None
        What to compare with.
    """
    top = design.top
    netlists = synthesize(design)
    levels = timings(netlists, top)
    counts = _instances(netlists, top)
    totals: dict[str, Resources] = {}
    owns: dict[str, Resources] = {}
    shared = {name: pairs(netlists[name]) for name in counts}
    for name in reversed(counts):
        totals[name] = Resources()
        owns[name] = Resources(lut=-shared[name] - unread(netlists[name]))
        for kind, times in Counter(cell.type for cell in netlists[name].cells).items():
            if kind in netlists:
                totals[name] += totals[kind] * times
            else:
                owns[name] += cost(kind, times)
        totals[name] += owns[name]
    return Report(top=top, card=card, modules={
        name: ModuleReport(count, owns[name], totals[name], levels[name].levels, shared[name])
        for name, count in counts.items()})


def _instances(netlists: Mapping[str, Netlist], top: str) -> dict[str, int]:
    """How often each module is there in total, parents before children."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in netlists and name not in order:
            for cell in reversed(netlists[name].cells):
                visit(cell.type)
            order.insert(0, name)

    visit(top)
    counts = dict.fromkeys(order, 0)
    counts[top] = 1
    for name in order:
        for cell in netlists[name].cells:
            if cell.type in counts:
                counts[cell.type] += counts[name]
    return counts


def _cells(resources: Resources) -> list[str]:
    return [f"{getattr(resources, name):,g}" if name == "bram" else f"{getattr(resources, name):,}"
            for name in _NAMES]


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table, its columns aligned: names to the left, numbers to the right."""
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first, *rest = (f"{cell:{'<' if n == 0 else '>'}{width}}"
                        for n, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        return "| " + " | ".join([first, *rest]) + " |"

    rule = [("-" * w if n == 0 else "-" * (w - 1) + ":") for n, w in enumerate(widths)]
    return [line(header), "| " + " | ".join(rule) + " |", *map(line, rows)]
