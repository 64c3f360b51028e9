# SPDX-License-Identifier: Apache-2.0
"""Logic levels: the longest chains of LUTs between registers, across the hierarchy.

What counts: a LUT (an inverter is one) is a level, so is reading a LUT used as memory; a carry
chain is one from where an operand enters it, however long it is; wide multiplexers (``MUXF7``,
``MUXF8``, ``MUXF9``) sit behind their LUTs and are none. Chains begin and end at registers, at
the top's ports and at everything else: DSP slices, block RAMs.

A module is looked at once. What its parents need is how far its inputs are from its registers, its
registers from its outputs, and its inputs from its outputs, bit by bit; so a chain is followed
through any number of modules.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from .synthesis import Bits, Cell, Netlist

__all__ = ["Timing", "timings"]

Pin = tuple[str, int]
"""A bit of a port."""

_LUT = re.compile(r"LUT[1-6]|INV$")
_WIRE = re.compile(r"MUXF[789]|BUF")
_MEMORY = re.compile(r"RAM(32|64|128|256|512)[XM]|SRL")
_ADDRESS = re.compile(r"(A|DPRA)\d*|ADDR[A-H]")


@dataclass(frozen=True)
class Timing:
    """The levels of a module, with all modules below it.

    Parameters
    ----------
    levels : int
        The longest chain in the module, its ports taken for registers.
    to_register : dict of Pin to int
        The longest chain from an input to a register.
    from_register : dict of Pin to int
        The longest chain from a register to an output.
    through : dict of Pin to dict of Pin to int
        The longest chain from an input to an output, where there is one.
    """

    levels: int
    to_register: dict[Pin, int]
    from_register: dict[Pin, int]
    through: dict[Pin, dict[Pin, int]]


def timings(netlists: Mapping[str, Netlist], top: str) -> dict[str, Timing]:
    """The timing of ``top`` and of each module below it.

    Raises
    ------
    ValueError
        If a module has a combinational loop.
    """
    done: dict[str, Timing] = {}

    def visit(name: str) -> None:
        if name in netlists and name not in done:
            for cell in netlists[name].cells:
                visit(cell.type)
            try:
                done[name] = _Graph(netlists[name], done).timing()
            except CycleError:
                raise ValueError(f"Module {name} has a combinational loop") from None

    visit(top)
    return done


def _pins(ports: Mapping[str, Bits]) -> Iterable[tuple[Pin, int]]:
    """Every bit that is a net."""
    for port, bits in ports.items():
        for index, bit in enumerate(bits):
            if isinstance(bit, int):
                yield (port, index), bit


def _primitive(cell: Cell) -> Iterable[tuple[int, int, int]]:
    """The combinational arcs of a primitive: net in, net out, levels."""
    for (port, i), source in _pins(cell.inputs):
        for (_, o), sink in _pins(cell.outputs):
            if _LUT.match(cell.type) or _MEMORY.match(cell.type) and _ADDRESS.fullmatch(port):
                yield source, sink, 1
            elif _WIRE.match(cell.type):
                yield source, sink, 0
            elif cell.type.startswith("CARRY"):
                # An operand bit enters the chain; what else comes in is the chain before this one.
                if port not in ("S", "DI"):
                    yield source, sink, 0
                elif i <= o:
                    yield source, sink, 1


def _is_boundary(cell: Cell) -> bool:
    """Whether chains begin and end at a primitive."""
    return not (_LUT.match(cell.type) or _WIRE.match(cell.type) or cell.type.startswith("CARRY"))


class _Graph:
    """The nets of a module, and the arcs between them."""

    def __init__(self, netlist: Netlist, children: Mapping[str, Timing]) -> None:
        self.netlist = netlist
        self.children = [children[cell.type] for cell in netlist.cells if cell.type in children]
        self.after: dict[int, list[tuple[int, int]]] = {}  # Net to nets that depend on it.
        self.starts: dict[int, int] = {}  # Nets driven by registers, and levels behind those;
        self.ends: dict[int, int] = {}    # nets read by registers, and levels ahead of those.
        sources: dict[int, set[int]] = {}
        for cell in netlist.cells:
            if cell.type in children:
                arcs = self._child(cell, children[cell.type])
            else:
                arcs = _primitive(cell)
                if _is_boundary(cell):
                    for _, bit in _pins(cell.inputs):
                        self.ends.setdefault(bit, 0)
                    for _, bit in _pins(cell.outputs):
                        self.starts.setdefault(bit, 0)
            for source, sink, weight in arcs:
                self.after.setdefault(source, []).append((sink, weight))
                sources.setdefault(sink, set()).add(source)
                sources.setdefault(source, set())
        self.order = list(TopologicalSorter(sources).static_order())
        self.rank = {bit: n for n, bit in enumerate(self.order)}

    def _child(self, cell: Cell, timing: Timing) -> Iterable[tuple[int, int, int]]:
        for pin, bit in _pins(cell.inputs):
            if pin in timing.to_register:
                self.ends[bit] = max(self.ends.get(bit, 0), timing.to_register[pin])
            for (port, index), weight in timing.through.get(pin, {}).items():
                sink = cell.outputs[port][index] if port in cell.outputs else "x"
                if isinstance(sink, int):
                    yield bit, sink, weight
        for pin, bit in _pins(cell.outputs):
            if pin in timing.from_register:
                self.starts[bit] = max(self.starts.get(bit, 0), timing.from_register[pin])

    def arrivals(self, starts: Mapping[int, int]) -> dict[int, int]:
        """The longest chain to each net that depends on ``starts``."""
        arrival = dict(starts)
        for bit in self.order:
            if bit in arrival:
                for sink, weight in self.after.get(bit, ()):
                    arrival[sink] = max(arrival.get(sink, 0), arrival[bit] + weight)
        return arrival

    def departures(self, ends: Mapping[int, int]) -> dict[int, int]:
        """The longest chain from each net that ``ends`` depend on."""
        departure = dict(ends)
        for bit in reversed(self.order):
            ahead = [departure[sink] + weight for sink, weight in self.after.get(bit, ())
                     if sink in departure]
            if ahead:
                departure[bit] = max(departure.get(bit, 0), *ahead)
        return departure

    def _from(self, start: int) -> dict[int, int]:
        """:meth:`arrivals` from one net, looking at no others than those that depend on it."""
        found, todo = {start}, [start]
        while todo:
            new = {sink for sink, _ in self.after.get(todo.pop(), ())} - found
            found |= new
            todo += new
        arrival = {start: 0}
        for bit in sorted(found, key=lambda bit: self.rank.get(bit, 0)):
            for sink, weight in self.after.get(bit, ()):
                arrival[sink] = max(arrival.get(sink, 0), arrival[bit] + weight)
        return arrival

    def timing(self) -> Timing:
        inputs = list(_pins(self.netlist.inputs))
        outputs = list(_pins(self.netlist.outputs))
        from_register = self.arrivals(self.starts)
        to_register = self.departures(self.ends)
        to_output = self.departures({bit: 0 for _, bit in outputs})

        everywhere = {**self.starts, **{bit: 0 for _, bit in inputs}}
        arrival = self.arrivals(everywhere)
        ends = {**{bit: 0 for _, bit in outputs}, **self.ends}
        levels = [arrival[bit] + ahead for bit, ahead in ends.items() if bit in arrival]
        through = {}
        for pin, bit in inputs:
            if bit in to_output:
                reached = self._from(bit)
                through[pin] = {out: reached[b] for out, b in outputs if b in reached}
        return Timing(
            levels=max(levels + [child.levels for child in self.children], default=0),
            to_register={pin: to_register[bit] for pin, bit in inputs if bit in to_register},
            from_register={pin: from_register[bit] for pin, bit in outputs if bit in from_register},
            through=through)
