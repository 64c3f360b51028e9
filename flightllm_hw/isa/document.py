# SPDX-License-Identifier: Apache-2.0
"""The page about instructions, made from their table: ``docs/isa.md``."""

import inspect
import itertools
from collections.abc import Iterable, Iterator
from enum import Enum

from flightllm_hw.isa.encoding import Reason
from flightllm_hw.isa.table import (
    BITS,
    HEADER,
    HEADER_BITS,
    KINDS,
    LOOPS,
    PATCHES,
    REGISTERS,
    Field,
    Kind,
    Unit,
    layout,
)

__all__ = ["markdown"]

_INTRODUCTION = """\
# Instructions

Every instruction has {bits} bits, {size} bytes, the lowest first in memory. This page is made from
`flightllm_hw/isa/table.py`; programs as text are described in `flightllm_hw/isa/assembly.py`.

## Units and tokens

Control fetches instructions in the order of the program and puts each into the queue of its unit.
The units are {units}.
A unit works off its own queue in order; between units nothing is ordered but by tokens. For every
giver and taker there is a counter of tokens. Before it starts, an instruction takes one token from
each unit that it waits for; when it is done, it gives one to each unit that it releases. SYS
instructions are done by control at once, so what they wait for holds up the whole program.

    LD.VECTOR release(LANES) address=0x1000 rows=8      gives a token, memory to lanes
    MV wait(MEMORY) bits=4 tokens=1                     takes it before it starts

## Registers, patches, loops

There are {registers} registers of 32 bits; r0 is always zero. An instruction has up to {patches}
patches. Each adds a register, as it is when the instruction goes to its queue, to the stored bits
of a field, modulo the field's width. Several patches of a field add up. Fields with names for their
values have no patches. SYS.LOOP repeats the instructions behind it; loops may be {loops} deep.

    SYS.ADD d=3 x=r3 y=0x40                             r3 = r3 + 64
    SYS.LOOP count=r2 {{                                 as often as r2 says
        LD.VECTOR address=0x1000+r3 rows=8
    }}

## Illegal instructions

{reasons}.

{illegal}

Registers do not matter for that: patches cannot make a legal instruction illegal.
"""


def markdown() -> str:
    """The page, in Markdown."""
    introduction = _INTRODUCTION.format(
        bits=BITS, size=BITS // 8, registers=REGISTERS, patches=PATCHES, loops=LOOPS,
        units=", ".join(unit.name for unit in Unit), reasons=_values(Reason),
        illegal=_doc(Reason))
    blocks = [introduction, "## All instructions\n", _kinds(), "## Header\n",
              "The lower bits of every instruction.\n", _header()]
    for same, group in itertools.groupby(KINDS, lambda k: k.fields):
        kinds = list(group)
        blocks.append(f"## {', '.join(k.name for k in kinds)}\n")
        blocks += [f"`{k.name}`: {k.text}\n" if len(kinds) > 1 else f"{k.text}\n" for k in kinds]
        blocks.append(_fields(same) if same else "It has no fields.\n")
    blocks.append("## Values\n")
    enums: dict[type[Enum], None] = {Unit: None}
    enums |= dict.fromkeys(f.enum for k in KINDS for f in k.fields if f.enum)
    for enum in enums:
        blocks += [f"### {enum.__name__}\n", f"{_values(enum)}.\n", _doc(enum) + "\n"]
    return "\n".join(blocks)


def _kinds() -> str:
    """The table of all kinds."""
    rows = ((f"`{k.name}`", k.opcode, k.mode, k.unit.name, _end(k)) for k in KINDS)
    return _table(("instruction", "opcode", "mode", "unit", "bits in use"), rows)


def _end(k: Kind) -> int:
    """Bits of a kind up to its last field's."""
    return max(start + f.bits for start, f in layout(k).values())


def _header() -> str:
    """The table of the fields that all kinds have."""
    return _table(("bits", "field", "meaning"),
                  ((bits, f"`{f.name}`", f.text) for bits, f in _placed(HEADER, 0)))


def _fields(fields: Iterable[Field]) -> str:
    """The table of a kind's fields."""
    rows = []
    for number, (bits, f) in enumerate(_placed(fields, HEADER_BITS), 1):
        values = (f"{f.enum.__name__}: {_values(f.enum)}" if f.enum
                  else "FP32" if f.fp32
                  else f"1 .. 2^{f.bits}, stored less one" if f.less_one
                  else "0, 1" if f.bits == 1
                  else f"0 .. 2^{f.bits} - 1")
        rows.append((number, bits, f"`{f.name}`", f.text, values))
    return _table(("number", "bits", "field", "meaning", "values"), rows)


def _placed(fields: Iterable[Field], start: int) -> Iterator[tuple[str, Field]]:
    """Fields that lie one behind the other, each with its bits."""
    for f in fields:
        yield (f"{start + f.bits - 1} .. {start}" if f.bits > 1 else f"{start}"), f
        start += f.bits


def _values(enum: type[Enum]) -> str:
    """An enum's values and names."""
    return ", ".join(f"{member.value} {member.name}" for member in enum)


def _doc(what: type) -> str:
    """A class's docstring, in Markdown."""
    return inspect.cleandoc(what.__doc__ or "").replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
