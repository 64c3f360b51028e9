# SPDX-License-Identifier: Apache-2.0
"""A program as the estimate walks through it: what control does itself is done.

::

    SYS.*        registers, loops              here
    all others   their fields, patched         given to whoever keeps the time

Of a loop that is gone through more often than ``SEEN`` times, the first turns and the last are
walked; registers grow by as much in each of the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import REGISTERS, Unit

__all__ = ["SEEN", "Step", "Turns", "steps", "walk"]

SEEN = 3
"""Turns of a loop until it has become regular: the last of them stands for all that follow."""

_WORD = (1 << 32) - 1

_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "SYS.ADD": lambda x, y: x + y, "SYS.SUB": lambda x, y: x - y, "SYS.MUL": lambda x, y: x * y,
    "SYS.AND": lambda x, y: x & y, "SYS.SHL": lambda x, y: x << y, "SYS.SHR": lambda x, y: x >> y,
    "SYS.MIN": min, "SYS.MAX": max}

# Cycles of control (docs/core.md).
_INSTRUCTION, _SYSTEM, _ARITHMETIC, _PATCH = 9, 11, 13, 2.5


@dataclass(frozen=True)
class Turns:
    """The walk is at a turn of a loop's body: ``skipped`` more like the last one are left out."""

    skipped: int
    length: int


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction.

    Parameters
    ----------
    name : str
        Its kind.
    unit : int
        Whose it is.
    cycles : float
        Of control.
    fields : dict
        Their values; of a program's steps without registers, of a walk's with them.
    patches : sequence of (int, str)
        Registers, and fields that they are added to.
    wait, release : sequence of int
        Units.
    """

    name: str
    unit: int
    cycles: float
    fields: dict[str, Any]
    patches: Sequence[tuple[int, str]] = ()
    wait: Sequence[int] = ()
    release: Sequence[int] = ()


def steps(program: Sequence[Instruction]) -> list[Step]:
    """A program, as it stands."""
    return [_step(instruction) for instruction in program]


def _step(instruction: Instruction) -> Step:
    unit, name, patches = instruction.kind.unit, instruction.kind.name, instruction.patches
    cycles: float = _INSTRUCTION
    if unit is Unit.CONTROL:
        cycles = _ARITHMETIC + 4 * (name == "SYS.MUL") if name in _OPERATIONS else _SYSTEM
    return Step(name, int(unit), cycles + _PATCH * len(patches), dict(instruction.fields), patches,
                tuple(map(int, instruction.wait)), tuple(map(int, instruction.release)))


def walk(program: Sequence[Step], registers: Sequence[int]) -> Iterator[Step | Turns]:
    """All instructions up to SYS.END, in the order in which they are carried out.

    Parameters
    ----------
    program : sequence of Step
    registers : sequence of int
        Those that are given, from register 1 on.
    """
    held = [0, *registers, *[0] * (REGISTERS - 1 - len(registers))]
    yield from _block(program, held, 0, len(program))


def _block(program: Sequence[Step], held: list[int], at: int, end: int) -> Iterator[Step | Turns]:
    """Instructions ``at`` to ``end``."""
    while at < end:
        step = program[at]
        f = step.fields
        if step.patches:
            f = f.copy()
            for register, name in step.patches:
                f[name] = f[name] + held[register] & _WORD
            step = Step(step.name, step.unit, step.cycles, f, (), step.wait, step.release)
        at += 1
        yield step
        if step.name == "SYS.LOOP":
            yield from _loop(program, held, at, f["length"], f["count"])
            at += f["length"]
        elif step.name in _OPERATIONS and f["d"]:
            held[f["d"]] = _OPERATIONS[step.name](f["x"], f["y"]) & _WORD


def _loop(program: Sequence[Step], held: list[int], at: int, length: int, count: int
          ) -> Iterator[Step | Turns]:
    turn, before = 0, list(held)
    while turn < count:
        skipped = count - SEEN - 1 if turn == SEEN else 0
        if skipped > 0:
            held[:] = (now + skipped * (now - then) & _WORD
                       for now, then in zip(held, before, strict=True))
            turn += skipped
        yield Turns(max(0, skipped), length)
        before = list(held)
        yield from _block(program, held, at, at + length)
        turn += 1
