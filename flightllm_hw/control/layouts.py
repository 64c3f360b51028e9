# SPDX-License-Identifier: Apache-2.0
"""What moves through the control: structs made of the table of instructions, and nothing else."""

from amaranth.lib import data

from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.table import BITS, HEADER, HEADER_BITS, KINDS, PATCHES, Kind, Unit, kind
from flightllm_hw.memory.faults import Fault

__all__ = ["BODY_BITS", "PC_BITS", "TAPE", "UNITS", "decoded", "entry", "fetched", "fields",
           "header", "kinds", "member", "patches", "task"]

PC_BITS = 32
"""Width of a program counter, which counts instructions."""

BODY_BITS = BITS - HEADER_BITS
"""Bits of an instruction that its kind gives a meaning."""

UNITS = (Unit.MEMORY, Unit.LANES, Unit.VECTOR)
"""The units that have queues; control itself is none."""

TAPE = kind("LD.TAPE")
"""The kind that passes by all queues."""


def member(k: Kind) -> str:
    """What a kind is called in a struct: ``ld_vector``."""
    return k.name.lower().replace(".", "_")


def fields(k: Kind) -> data.StructLayout:
    """The fields of a kind, patches applied; as they are stored."""
    return data.StructLayout({f.name: f.bits for f in k.fields})


def header() -> data.StructLayout:
    """What all kinds have in common."""
    return data.StructLayout({f.name: f.bits for f in HEADER})


def patches() -> data.ArrayLayout:
    """The header's patches: a register, and the number of a field."""
    widths = {f.name: f.bits for f in HEADER}
    return data.ArrayLayout(
        data.StructLayout({name: widths[f"{name}_0"] for name in ("register", "field")}), PATCHES)


def fetched() -> data.StructLayout:
    """The answer to a program counter: a ``word``, or a ``fault`` and the ``address`` of it."""
    return data.StructLayout({"word": BITS, "fault": Fault, "address": ADDRESS_BITS})


def decoded() -> data.StructLayout:
    """An instruction: its place in the table, what it waits for and releases, its fields' bits.

    ``unit``: whose queue it goes to; ``tape``: to none. ``reason``: why it is illegal,
    :class:`~flightllm_hw.isa.encoding.Reason`, or zero.
    """
    return data.StructLayout({"kind": range(len(KINDS)), "unit": range(len(Unit)), "tape": 1,
                              "wait": len(Unit),
                              "release": len(Unit), "reason": 3, "body": BODY_BITS})


def kinds(unit: Unit) -> tuple[Kind, ...]:
    """The kinds that go through the queue of a unit, in the table's order."""
    return tuple(k for k in KINDS if k.unit is unit and k is not TAPE)


def task(unit: Unit) -> data.StructLayout:
    """What a unit is to do: ``kind``, a number of :func:`kinds`, and the fields of that one.

    ``pc``: where the program says so.
    """
    return data.StructLayout({
        "kind": range(len(kinds(unit))), "pc": PC_BITS,
        "fields": data.UnionLayout({member(k): fields(k) for k in kinds(unit)})})


def entry(unit: Unit) -> data.StructLayout:
    """A place in a unit's queue: a task, and its tokens."""
    return data.StructLayout({"wait": len(Unit), "release": len(Unit), "task": task(unit)})
