# SPDX-License-Identifier: Apache-2.0
"""Programs in the making: dependencies become tokens, pieces of tape go as far ahead as they can.

A program is a list of :class:`Op`. An operation names those that it comes ``after``; where that is
not so anyway, a token passes from unit to unit::

    after            VECTOR   a ──► b ──► c            c gives LANES a token,
    MV after c       LANES          MV                 MV takes it

Units work in order, so one token stands for all that its giver did before, and a taker needs none
that is older than the last it took.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flightllm_hw.compiler.registers import Register, Seen
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import Unit, kind

__all__ = ["WINDOW", "Code", "Op", "Piece", "Sum", "instructions", "reg"]

WINDOW = 12
"""Pieces of tape that may wait for operations which are not under way yet."""


@dataclass(frozen=True)
class Sum:
    """A constant and registers."""

    constant: int = 0
    registers: tuple[int, ...] = ()

    def __add__(self, other: "Sum | int") -> "Sum":
        if isinstance(other, int):
            return Sum(self.constant + other, self.registers)
        return Sum(self.constant + other.constant, self.registers + other.registers)

    __radd__ = __add__


def reg(*numbers: int) -> Sum:
    """The sum of registers."""
    return Sum(0, tuple(map(int, numbers)))


@dataclass(eq=False)
class Op:
    """An instruction whose tokens are not all known yet.

    Parameters
    ----------
    name : str
    fields : dict
        By name; a value may be a :class:`Sum`.
    """

    name: str
    fields: dict[str, Any]
    wait: set[Unit] = field(default_factory=set)
    release: set[Unit] = field(default_factory=set)
    place: int = 0

    @property
    def unit(self) -> Unit:
        """Whose it is."""
        return kind(self.name).unit

    def instruction(self) -> Instruction:
        """What it is by now."""
        patches = [(register, name) for name, value in self.fields.items()
                   if isinstance(value, Sum) for register in value.registers]
        fields = {name: value.constant if isinstance(value, Sum) else value
                  for name, value in self.fields.items()}
        fields = {name: int(value) if isinstance(value, Register | Seen) else value
                  for name, value in fields.items()}
        return Instruction.of(self.name, wait=self.wait, release=self.release, patches=patches,
                              **fields)


@dataclass(frozen=True)
class Piece:
    """Beats of tape that lanes are to read.

    Parameters
    ----------
    address, beats : Sum or int
    lanes : int
        A bit for every lane.
    fenced : int
        A bit for every lane that appends before, and must wait for that.
    """

    address: Sum | int
    beats: Sum | int
    lanes: int
    fenced: int = 0

    def ops(self) -> list[Op]:
        """LD.TAPE for lanes that wait, and for those that do not."""
        both = ((self.fenced, 1), (self.lanes & ~self.fenced, 0))
        return [Op("LD.TAPE", {"address": self.address, "beats": self.beats, "fence": fence,
                               "lanes": lanes}) for lanes, fence in both if lanes]


class Code:
    """Operations one behind the other: a program, or a loop's body."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._taken: dict[tuple[Unit, Unit], int] = {}
        # Pieces, and the operation that is the first to read them: None, one behind this code.
        self._pieces: list[tuple[Piece, Op | None]] = []

    def emit(self, name: str, after: Iterable[Op | None] = (), tape: Sequence[Piece] = (),
             **fields: Any) -> Op:
        """An operation behind the others.

        Parameters
        ----------
        name : str
        after : iterable of Op
            Of this code; what must be done before it starts. None counts for nothing.
        tape : sequence of Piece
            What it reads that nobody has asked for yet.
        fields
        """
        op = Op(name, fields, place=len(self.ops))
        for other in after:
            if other is not None and other.unit is not op.unit:
                self._token(other, op)
        self.ops.append(op)
        self._pieces += [(piece, op) for piece in tape]
        return op

    def last(self, unit: Unit) -> Op:
        """A unit's last operation so far."""
        return next(op for op in reversed(self.ops) if op.unit is unit)

    def carry(self, op: Op) -> None:
        """Lets code that comes later wait for an operation: it has to, once (``carried``)."""
        op.release.add(Unit.CONTROL)

    def carried(self, giver: Unit) -> None:
        """Waits for what a unit was to carry, one after the other."""
        self.ops.append(Op("SYS.SYNC", {}, wait={giver}, place=len(self.ops)))

    def ahead(self, *pieces: Piece) -> None:
        """Pieces that are read behind this code."""
        self._pieces += [(piece, None) for piece in pieces]

    def append(self, code: Sequence[Op]) -> None:
        """Operations that have all their tokens."""
        self.ops += code

    def _token(self, giver: Op, taker: Op) -> None:
        assert self.ops[giver.place] is giver, "the giver is of another code"
        pair = giver.unit, taker.unit
        if giver.place <= self._taken.get(pair, -1):
            return
        giver.release.add(taker.unit)
        taker.wait.add(giver.unit)
        self._taken[pair] = giver.place

    def scheduled(self, waiting: int = 0) -> list[Op]:
        """All operations, pieces of tape among them.

        Parameters
        ----------
        waiting : int
            Pieces that were asked for before and are read by the first MV or MM.
        """
        result: list[Op] = []
        left = list(self._pieces)
        owners: list[Op | None] = []
        for op in self.ops:
            while left and waiting + len(owners) < WINDOW and op.name != "SYS.LOOP":
                piece, owner = left.pop(0)
                result += piece.ops()
                owners.append(owner)
            result.append(op)
            if op.name in ("MV", "MM"):
                waiting = 0
                owners = [owner for owner in owners if owner is not op]
                # More than can wait: they are read as they come.
                while left and left[0][1] is op:
                    result += left.pop(0)[0].ops()
        for piece, owner in left:
            assert owner is None, "every piece has a reader"
            result += piece.ops()
        return result


def instructions(ops: Sequence[Op]) -> list[Instruction]:
    """The program."""
    return [op.instruction() for op in ops]
