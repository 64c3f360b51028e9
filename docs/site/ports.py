# SPDX-License-Identifier: Apache-2.0
"""The picture of each component's ports, drawn from its signature, in its page.

::

                 ┌────────── AxiReader ──────────┐
    descriptors ═══► i  stream of 88 bits         │
                 │   address 64, beats 24         │
                 │     stream of 65 bits  o      ═══►
                 │      AXI4, read, 64 bit m_axi ◄══►
                 └───────────────────────────────┘

What comes in is at the left, what goes out at the right. A wide arrow is a stream, one with two
heads a bus, which is at the side of who asks. Figures and waveforms of the pages that show a
component stand in its page, too. Pictures lie in ``docs/pictures/ports``; git ignores them.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
from dataclasses import dataclass
from math import prod
from pathlib import Path

from amaranth.hdl import Shape, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In
from instances import components, instance, said

import flightllm_hw
from flightllm_hw.interfaces.axi import Access, Axi4LiteSignature, Axi4Signature
from flightllm_hw.report.drawing import Drawing, alone
from flightllm_hw.report.markup import tag

__all__ = ["Port", "drawn", "ports", "setup", "shown"]

# Packages whose components are no part of the accelerator: the cards' self-test, benches.
OTHERS = ("boards", "sim")

# As in the figures of the architecture.
COLOURS = {**dict.fromkeys(("memory", "interfaces"), "blue"),
           **dict.fromkeys(("compute", "dequant", "lane"), "amber"),
           **dict.fromkeys(("sfu", "arith", "exchange"), "green"),
           **dict.fromkeys(("control", "core", "kernel", "units", "export"), "grey")}

# Pixels: beside the box, inside it, between columns; a line, a port's first one; letters.
ARROW, PAD, GAP, LINE, FIRST, TOP = 60, 12, 36, 13, 20, 52
BOLD, FINE, COLUMNS, MOST = 7.8, 6.1, 46, 4

FIGURES = {"flightllm_hw.kernel.kernel.Kernel": "kernel", "flightllm_hw.lane.lane.Lane": "lane",
           "flightllm_hw.compute.chain.CsdChain": "chain"}
"""Components whose insides a figure shows."""


@dataclass(frozen=True)
class Port:
    """A port, a stream or a bus; ``bits`` are a stream's payload, or all wires."""

    name: str
    into: bool
    kind: str
    bits: int
    what: str
    fields: tuple[str, ...] = ()


def counted(bits):
    """Bits, in words."""
    return f"{bits:,} bit{'s' * (bits != 1)}"


def worded(shape):
    """What a shape is: its name or its size, and whether it is signed."""
    if isinstance(shape, data.ArrayLayout):
        return f"{shape.length} x {worded(shape.elem_shape)}"
    whole = Shape.cast(shape)
    name = f"{shape.__name__}, " if isinstance(shape, type) else ""
    return name + counted(whole.width) + (", signed" if whole.signed else "")


def fields(shape):
    """The fields of a structure, or of an array's elements, as lines."""
    each = ""
    while isinstance(shape, data.ArrayLayout):
        shape, each = shape.elem_shape, "each: "
    try:
        layout = data.Layout.cast(shape)
    except TypeError:
        return ()
    if not isinstance(layout, data.StructLayout):
        return ()
    # No line ends between a field and its bits.
    words = each + ", ".join(f"{name}\N{NO-BREAK SPACE}{field.width}" for name, field in layout)
    lines = textwrap.wrap(words, COLUMNS)
    return tuple([*lines[:MOST - 1], lines[MOST - 1] + " .."] if len(lines) > MOST else lines)


def bus(signature):
    """What a bus is, and which of its wires are worth a line."""
    if isinstance(signature, Axi4Signature):
        half = {Access.READ: "read, ", Access.WRITE: "write, "}.get(signature.access, "")
        return f"AXI4, {half}{counted(signature.data_bits)}", ()
    if isinstance(signature, Axi4LiteSignature):
        return f"AXI4-Lite, {counted(signature.data_bits)}", ()
    names = ", ".join(name for name, _ in signature.members.items())
    return f"{len(signature.members)} ports", tuple(textwrap.wrap(names, COLUMNS))


def ports(component):
    """All of them, in the signature's order."""
    found = []
    for name, member in component.signature.members.items():
        into, times = member.flow is In, prod(member.dimensions)
        several = f"{times} x " if member.dimensions else ""
        if member.is_port:
            found.append(Port(name, into, "wires", times * Shape.cast(member.shape).width,
                              several + worded(member.shape), fields(member.shape)))
            continue
        # What flows in is the flipped signature; its kind is that of the one that it was made of.
        own = member.signature
        own = own.flip() if isinstance(own, wiring.FlippedSignature) else own
        if isinstance(own, stream.Signature):
            shape = own.members["payload"].shape
            ready = ", always ready" if own.always_ready else ""
            found.append(Port(name, into, "stream", times * Shape.cast(shape).width,
                              f"{several}stream of {worded(shape)}{ready}", fields(shape)))
        else:
            wires = sum(len(Value.cast(value)) for _, _, value in own.flatten(own.create()))
            what, lines = bus(own)
            found.append(Port(name, into, "bus", times * wires, several + what, lines))
    return found


def height(port):
    """Pixels that a port takes."""
    return FIRST + LINE * len(port.fields)


def width(port):
    """The same across, about."""
    first = BOLD * len(port.name) + 8 + FINE * len(port.what)
    return max(first, *(FINE * len(line) + 8 for line in port.fields), 0)


def column(all_ports, top):
    """Each port and where it is, and where the last one ends; groups stand apart."""
    found, before = [], None
    for port in all_ports:
        group = port.name.split("_")[0] if port.kind == "wires" else port.name
        if before is not None and group != before:
            top += 5
        found.append((port, top))
        top, before = top + height(port), group
    return found, top


def drawn(component):
    """The picture's file."""
    kind = type(component)
    every = ports(component)
    sides = [[port for port in every if port.into is into] for into in (True, False)]
    wide = [max(map(width, side), default=0) for side in sides]
    box = max(sum(wide) + GAP * all(wide) + 2 * PAD, BOLD * len(kind.__name__) + 40, 180)
    columns = [column(side, TOP) for side in sides]
    high = max(end for _, end in columns) + 8
    drawing = Drawing(box + 2 * ARROW, high)
    package = kind.__module__.split(".")[1]
    drawing.box(ARROW, 0, box, high, colour=COLOURS.get(package, ""))
    middle = ARROW + box / 2
    drawing.text(middle, 20, kind.__name__, bold=True, anchor="middle")
    drawing.text(middle, 36, said(component), small=True, anchor="middle")
    for rows, _ in columns:
        for port, top in rows:
            _draw(drawing, port, top, box)
    words = ". ".join(f"{'In' if port.into else 'Out'}: {port.name}, {port.what}" for port in every)
    return alone(drawing.picture(f"Ports of {kind.__name__}", f"{words}."))


def _draw(drawing, port, top, box):
    """A port: its arrow, its name, what it is, its fields."""
    y, edge = top + 10, ARROW if port.into else ARROW + box
    outside, inside = edge + (1 - 2 * port.into) * (ARROW - 8), edge
    tip = (2 * port.into - 1) * 2
    start, end = (outside, inside - tip) if port.into else (inside + 2, outside)
    drawing.arrow((start, y), (end, y), wide=port.kind == "stream", both=port.kind == "bus")
    x, anchor = (edge + PAD, "") if port.into else (edge - PAD, "end")
    name = tag("tspan", port.name, class_="label strong")
    what = tag("tspan", port.what, class_="fine")
    title = tag("title", f"{port.name}: {'in' if port.into else 'out'}, {port.kind},"
                         f" {counted(port.bits)}")
    pair = (name, "  ", what) if port.into else (what, "  ", name)
    drawing.add(tag("g", title, tag("text", *pair, x=x, y=y + 4.5,
                                    class_=f"label {anchor}".strip()), class_="port"))
    for n, line in enumerate(port.fields):
        drawing.text(x + (8 if port.into else -8), y + 4.5 + LINE * (n + 1), line, small=True,
                     anchor=anchor, also="muted")


def modules(package=flightllm_hw):
    """All of a package's modules whose components are drawn."""
    for found in pkgutil.iter_modules(package.__path__):
        if found.name in OTHERS or found.name == "__main__":
            continue
        one = importlib.import_module(f"{package.__name__}.{found.name}")
        if found.ispkg:
            yield from modules(one)
        else:
            yield one


def name_of(kind):
    """A class's full name, which its picture has."""
    return f"{kind.__module__}.{kind.__qualname__}"


def write(folder):
    """Draws all; those that are as they were stay untouched."""
    made = {folder / f"{name_of(kind)}.svg": kind
            for module in modules() for kind in components(module)}
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - set(made):
        path.unlink()
    for path, kind in made.items():
        text = drawn(instance(kind))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


SECTION = re.compile(r"^## (.+)\n\n!\[(.+)\]\(pictures/waves/(\w+)\.svg\)$", re.MULTILINE)
CLASS = re.compile(r"\{py:class\}`~([\w.]+)`")


def shown(page):
    """Components' waveforms, as the page of waveforms has them: title, words, file."""
    found = {}
    for section in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        if picture := SECTION.search(section):
            for name in CLASS.findall(section):
                found.setdefault(name, []).append(picture.groups())
    return found


def inserted(lines, name, waves):
    """A component's docstring with its pictures: behind its first paragraph, or before it."""
    some = [f".. image:: /pictures/ports/{name}.svg", f"   :alt: Ports of {name}", ""]
    if name in FIGURES:
        some += ["Inside, in the preset ``u280``:", "",
                 f".. image:: /pictures/{FIGURES[name]}.svg", "   :alt: Its parts", ""]
    for title, words, file in waves.get(name, ()):
        some += [f"{title}, simulated (:doc:`/waveforms`):", "",
                 f".. image:: /pictures/waves/{file}.svg", f"   :alt: {words}", ""]
    first = lines.index("") if "" in lines else len(lines)
    if first and lines[first - 1].endswith("::"):
        first = 0
    return [*lines[:first], "", *some, *lines[first:]]


def setup(app):
    """Called by Sphinx."""
    pictures = Path(app.srcdir) / "pictures" / "ports"
    waves = shown((Path(app.srcdir) / "waveforms.md").read_text(encoding="utf-8"))

    def insert(app, what, name, value, options, lines):
        if (inspect.isclass(value) and issubclass(value, wiring.Component)
                and (pictures / f"{name_of(value)}.svg").exists()):
            lines[:] = inserted(lines, name_of(value), waves)

    app.connect("builder-inited", lambda app: write(pictures))
    # Behind those that make reStructuredText of docstrings.
    app.connect("autodoc-process-docstring", insert, priority=600)
    return {"parallel_read_safe": True}
