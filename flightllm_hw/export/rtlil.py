# SPDX-License-Identifier: Apache-2.0
"""Components to RTLIL modules, and RTLIL modules without their duplicates.

RTLIL is Yosys's netlist format, a text that Amaranth writes: a sequence of modules, each of which
lists its wires, cells and processes.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Const, Fragment, IOBufferInstance, IOPort, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

__all__ = ["RtlilModule", "count", "flat_ports", "merge", "reachable", "split", "to_rtlil"]

_MODULE = re.compile(r"^module \\(\S+)\n(.*?^end)$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^  cell \\(\S+) ", re.MULTILINE)  # Yosys's own cells have a $ instead.
_PORT = re.compile(r"^(  wire width \d+ (?:input|output|inout) )(\d+)", re.MULTILINE)
_ANY_PORT = re.compile(r"^  wire width \d+ (?:input|output|inout) .*$", re.MULTILINE)
_INPUT = re.compile(r"^  wire width \d+ input \d+ .*\\(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class RtlilModule:
    """A module: its name, and the text below its ``module`` line."""

    name: str
    body: str

    @property
    def children(self) -> list[str]:
        """The module or primitive of each instance in this one."""
        return _CELL.findall(self.body)

    @property
    def inputs(self) -> list[str]:
        """The names of the input ports."""
        return _INPUT.findall(self.body)

    def renamed(self, names: Mapping[str, str]) -> str:
        """The body with the modules in ``names`` replaced."""
        return _CELL.sub(lambda m: f"  cell \\{names.get(m[1], m[1])} ", self.body)

    def stub(self, name: str) -> str:
        """A black box called ``name`` with the same ports."""
        return f"attribute \\blackbox 1\nmodule \\{name}\n{_ports(self.body)}end\n"

    def __str__(self) -> str:
        return f"module \\{self.name}\n{self.body}\n"


def _ports(body: str) -> str:
    return "".join(f"{m[0]}\n" for m in _ANY_PORT.finditer(body))


def split(text: str) -> dict[str, RtlilModule]:
    """The modules of a text, by their names."""
    return {m[1]: RtlilModule(m[1], m[2]) for m in _MODULE.finditer(text)}


def flat_ports(component: wiring.Component) -> Iterator[tuple[str, wiring.Flow, Value]]:
    """The ports of ``component``: name joined by single underscores, direction, signal.

    Members that are constants (``valid`` of a stream that always is) and those without a bit are
    no ports.

    Raises
    ------
    ValueError
        If two ports have the same flat name.
    """
    seen = set()
    for path, member, value in component.signature.flatten(component):
        name = "_".join(map(str, path))
        signal = Value.cast(value)
        if isinstance(signal, Const) or not len(signal):
            continue
        if name in seen:
            raise ValueError(f"{type(component).__name__} has two ports that flatten to {name!r}")
        seen.add(name)
        yield name, member.flow, signal


def to_rtlil(component: wiring.Component, name: str, platform: Any, *,
             keep_reset: bool = False) -> list[RtlilModule]:
    """Elaborate ``component`` as the module ``name``, which comes first, and what it is made of.

    Amaranth adds ``clk`` and ``rst`` to whatever uses the ``sync`` domain; ``rst`` is taken away
    again where nothing resets, unless ``keep_reset``.
    """
    flat = list(flat_ports(component))
    fragment = Fragment.get(component, platform)
    # Amaranth can number 2^16 bits of inputs, clock and reset included. Pads have no such limit.
    crowded = sum(len(signal) for _, flow, signal in flat if flow is wiring.In) > (1 << 16) - 4
    ports: dict[str, Any] = {}
    for port, flow, signal in flat:
        if flow is wiring.Out:
            ports[port] = (signal, PortDirection.Output)
        elif not crowded:
            ports[port] = (signal, PortDirection.Input)
        else:
            pad = IOPort(len(signal), name=port)
            fragment.add_subfragment(IOBufferInstance(pad, i=signal), f"{port}_pad")
            ports[port] = (pad, None)
    text = rtlil.convert(fragment, name, platform, ports=ports, emit_src=False)
    # Amaranth counts ports from zero, which Yosys takes for "unnumbered": it would come last.
    text = _PORT.sub(lambda m: f"{m[1]}{int(m[2]) + 1}", text)
    modules = [RtlilModule(name, _without_aliases(body)) for name, body in _MODULE.findall(text)]
    first, *rest = modules
    if "rst" in first.inputs and "rst" not in ports and not keep_reset:
        lines = first.body.split("\n")
        uses = [n for n, line in enumerate(lines) if "\\rst" in line.split()]
        if len(uses) == 1:
            del lines[uses[0]]
            first = RtlilModule(name, "\n".join(lines))
    return [first, *rest]


def _without_aliases(body: str) -> str:
    """Leave out the wires that are connected to something and then used by nothing.

    Amaranth names every field of a structure and every port of a submodule, most of which are but
    other names for a net: most of the text, and a linter's warning each.
    """
    lines = body.split("\n")
    uses: Counter[str] = Counter()
    wires: dict[str, range] = {}  # Wires that may go, and their lines;
    drivers: dict[str, int] = {}  # where they are connected, if it is as a whole.
    attributes = 0                # Lines of attributes right above, which belong to a wire.
    for n, line in enumerate(lines):
        words = line.split()
        uses.update(words)
        if line.startswith("  attribute "):
            # Initial values and names of enumerations are at the driver as well. Others are there
            # for someone to find.
            known = words[1] == "\\init" or words[1].startswith("\\enum_")
            attributes = attributes + 1 if known else -len(lines)
            continue
        if line.startswith("  wire ") and attributes >= 0:
            if not {"input", "output", "inout"} & set(words[:-1]):
                wires[words[-1]] = range(n - attributes, n + 1)
        elif line.startswith("connect ") and not words[2].startswith("["):
            drivers[words[1]] = n
        elif line.startswith("    connect "):
            uses[words[1]] -= 1   # The name of a cell's port, not a wire.
        attributes = 0

    gone: set[int] = set()
    candidates = list(wires)
    while candidates:
        wire = candidates.pop()
        if wire not in wires or uses[wire] != 1 + (wire in drivers):
            continue
        gone.update(wires.pop(wire))
        if wire in drivers:
            gone.add(drivers[wire])
            sources = lines[drivers[wire]].split()[2:]
            uses.subtract(sources)
            candidates.extend(sources)
    return "\n".join(line for n, line in enumerate(lines) if n not in gone)


def merge(modules: Sequence[RtlilModule], keep: Collection[str]) -> dict[str, RtlilModule]:
    """One module of each set of identical ones, which takes the first one's name.

    Two modules are identical if they state the same, in whatever order, where children count as
    equal if they are identical themselves. Modules named in ``keep`` stay, whatever they look like.

    Parameters
    ----------
    modules : sequence of RtlilModule
        Parents before children, but for the children in ``keep``, which may be anywhere.
    keep : collection of str
        Modules that are referred to by name.
    """
    # From the leaves up, so that a body can be written in terms of its children's classes.
    classes: dict[str, str] = {}
    numbers: dict[tuple[str, ...], str] = {}
    for module in reversed(modules):
        # Ports are referred to by name: neither their numbers nor the order of anything matters.
        statements = sorted(_PORT.sub(r"\1", module.renamed(classes)).split("\n\n"))
        key = (module.name if module.name in keep else "", *statements)
        number = numbers.setdefault(key, f"class {len(numbers)}")
        if module.name not in keep:
            classes[module.name] = number

    # From the top down, so that the first of each class gives the name.
    firsts: dict[str, str] = {}
    for module in modules:
        if module.name in classes:
            firsts.setdefault(classes[module.name], module.name)
    names = {name: firsts[number] for name, number in classes.items()}
    return {m.name: RtlilModule(m.name, m.renamed(names))
            for m in modules if names.get(m.name, m.name) == m.name}


def reachable(modules: Mapping[str, RtlilModule], top: str) -> dict[str, RtlilModule]:
    """The modules below ``top``, itself first, each one before what it alone uses."""
    found: dict[str, RtlilModule] = {}

    def visit(name: str) -> None:
        if name in modules and name not in found:
            found[name] = modules[name]
            for child in modules[name].children:
                visit(child)

    visit(top)
    return found


def count(modules: Mapping[str, RtlilModule], top: str) -> dict[str, int]:
    """How often each module is instantiated below ``top`` in total, ``top`` itself once."""
    parents: dict[str, Counter[str]] = {name: Counter() for name in modules}
    for module in modules.values():
        for child, times in Counter(module.children).items():
            if child in parents:
                parents[child][module.name] += times

    @cache
    def total(name: str) -> int:
        return (name == top) + sum(total(p) * times for p, times in parents[name].items())

    return {name: total(name) for name in modules}
