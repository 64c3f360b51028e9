# SPDX-License-Identifier: Apache-2.0
"""Programs as text.

An instruction a line::

    SYS.ADD d=3 x=0x40 y=r1                     ; r3 = 64 + r1
    SYS.LOOP count=r2 {                         ; as often as r2 says
        LD.VECTOR release(LANES) address=0x1000+r4 rows=8
        MV wait(MEMORY) release(VECTOR) pattern=S2_4 bits=4 tokens=1 o=64+r3
    }
    SYS.END

A line is a kind, the units that it waits for and releases, and fields. A value is a decimal or
hexadecimal integer, one of the field's names, or an FP32 number: decimal, or its bits in eight
hexadecimal digits. Registers are added behind it; alone they are added to zero. Fields that are
left out are zero, or one if they are stored less one. Braces give a loop its ``length``. A comment
begins with ``;``.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import LOOPS, Field, Kind, Unit, kind

__all__ = ["assemble", "disassemble"]

_LOOP = kind("SYS.LOOP")
_WORD = re.compile(r"(?:(?P<units>wait|release)\((?P<names>[\w\s,]*)\)"
                   r"|(?P<field>\w+)=(?P<value>[^\s{}]+)"
                   r"|(?P<open>\{)\Z)(?:\s+|\Z)", re.ASCII)
_BEFORE_REGISTERS = re.compile(r"\+(?=r)")
_REGISTER = re.compile(r"r[0-9]{1,2}", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,40}|0x[0-9a-fA-F]{1,40}", re.ASCII)
_FP32_BITS = re.compile(r"0x[0-9a-fA-F]{8}", re.ASCII)
_NUMBER = re.compile(r"-?(?:inf|[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)|nan", re.ASCII)


def assemble(text: str) -> list[Instruction]:
    """The program that a text is.

    Raises
    ------
    ValueError
        If it is none: a sentence, with the line's number.
    """
    program: list[Instruction] = []
    loops: list[tuple[int, int]] = []  # every open brace's line, and its loop's place
    for number, line in enumerate(text.split("\n"), 1):
        statement = line.partition(";")[0].strip()
        try:
            if statement == "}":
                if not loops:
                    raise ValueError("there is no loop that } could end")
                _, place = loops.pop()
                loop = program[place]
                program[place] = replace(loop, fields={**loop.fields,
                                                       "length": len(program) - place - 1})
            elif statement:
                instruction, opens = _read(statement)
                if opens:
                    if len(loops) == LOOPS:
                        raise ValueError(f"Loops must be at most {LOOPS} deep")
                    loops.append((number, len(program)))
                program.append(instruction)
        except ValueError as error:
            raise ValueError(f"Line {number}: {error}") from None
    if loops:
        raise ValueError(f"Line {loops[-1][0]}: the loop has no end }}")
    return program


def disassemble(program: Sequence[Instruction]) -> str:
    """The text that a program is; :func:`assemble` gives the program again.

    Loops that are well inside one another get braces, any others the length that they have.
    """
    lines: list[str] = []
    ends: list[int] = []  # where the loops around here end, outermost first
    for place, instruction in enumerate(program):
        indent = "    " * len(ends)
        end = place + 1 + instruction.fields.get("length", 0)
        braces = (instruction.kind is _LOOP and len(ends) < LOOPS
                  and end <= (ends[-1] if ends else len(program))
                  and "length" not in [name for _, name in instruction.patches])
        lines.append(indent + _write(instruction, braces))
        if braces:
            ends.append(end)
        while ends and ends[-1] == place + 1:
            ends.pop()
            lines.append("    " * len(ends) + "}")
    return "".join(f"{line}\n" for line in lines)


def _read(statement: str) -> tuple[Instruction, bool]:
    """One line's instruction, and whether a brace follows."""
    name, rest = [*statement.split(None, 1), ""][:2]
    k = kind(_short(name))
    known = {f.name: f for f in k.fields}
    fields: dict[str, Any] = {}
    tokens: dict[str, frozenset[Unit]] = {}
    patches: list[tuple[int, str]] = []
    opens = False
    while rest:
        word = _WORD.match(rest)
        if word is None:
            raise ValueError(f"{k.name} cannot be followed by {_short(rest)!r}")
        rest = rest[word.end():]
        if word["open"]:
            opens = True
        elif word["units"]:
            if word["units"] in tokens:
                raise ValueError(f"{k.name} {word['units']} must be given once")
            tokens[word["units"]] = _units(k, word["units"], word["names"])
        else:
            name = word["field"]
            if name in fields:
                raise ValueError(f"{k.name} {name} must be given once")
            if name not in known:
                # The instruction knows the sentence.
                Instruction(k, {_short(name): 0})
            fields[name], registers = _value(k, known[name], word["value"])
            patches += [(register, name) for register in registers]
    if opens and (k is not _LOOP or "length" in fields):
        raise ValueError("{ must follow a SYS.LOOP without length")
    return Instruction(k, fields, patches=tuple(patches), **tokens), opens


def _units(k: Kind, name: str, text: str) -> frozenset[Unit]:
    """The units between parentheses."""
    units = [unit.strip() for unit in text.split(",")]
    for unit in units:
        if unit not in Unit.__members__:
            raise ValueError(f"{k.name} {name} must be among {', '.join(Unit.__members__)},"
                             f" not {_short(unit)!r}")
    return frozenset(Unit[unit] for unit in units)


def _value(k: Kind, f: Field, text: str) -> tuple[Any, list[int]]:
    """A field's value and the registers that are added to it."""
    first, *added = _BEFORE_REGISTERS.split(text)
    value: Any = 0
    if _REGISTER.fullmatch(first):
        added.insert(0, first)
    else:
        value = _literal(f, first)
    if value is None or not all(map(_REGISTER.fullmatch, added)):
        what = (f"one of {', '.join(f.enum.__members__)}" if f.enum
                else "an FP32 number" if f.fp32 else "an integer")
        raise ValueError(f"{k.name} {f.name} must be {what}, not {_short(text)!r}")
    return value, [int(register[1:]) for register in added]


def _literal(f: Field, text: str) -> Any:
    """The value that a text without registers is; ``None`` if it is none."""
    if f.enum is not None:
        return f.enum.__members__.get(text)
    if not f.fp32:
        base = 16 if text.startswith("0x") else 10
        return int(text, base) if _INTEGER.fullmatch(text) else None
    if _FP32_BITS.fullmatch(text):
        return np.uint32(int(text, 16)).view(np.float32)
    # A number too great must not become infinite.
    right = _NUMBER.fullmatch(text) and ("inf" in text or not math.isinf(float(text)))
    return float(text) if right else None


def _write(instruction: Instruction, braces: bool) -> str:
    """One instruction's line."""
    k = instruction.kind
    words = [k.name]
    words += [f"{name}({', '.join(unit.name for unit in sorted(units))})"
              for name, units in (("wait", instruction.wait), ("release", instruction.release))
              if units]
    for f, bits in zip(k.fields, instruction.stored, strict=True):
        registers = [f"r{n}" for n, name in instruction.patches if name == f.name]
        if (bits or registers) and not (braces and f.name == "length"):
            value = [_text(f, bits, instruction[f.name])] if bits or f.less_one else []
            words.append(f"{f.name}={'+'.join(value + registers)}")
    return " ".join(words + ["{"] * braces)


def _text(f: Field, bits: int, value: Any) -> str:
    """A value as a program writes it: wide integers are hexadecimal, they are addresses."""
    if f.enum is not None:
        return str(value.name)
    if f.fp32:
        short = str(value)
        # A few numbers have no short text that is read through double precision, most NaN none.
        exact = int(np.float32(float(short)).view(np.uint32)) == bits
        return short if exact else f"0x{bits:08x}"
    return f"{value:#x}" if f.bits >= 32 else str(value)


def _short(text: str) -> str:
    """As much of a text as a message shows."""
    return text if len(text) <= 40 else text[:37] + "..."
