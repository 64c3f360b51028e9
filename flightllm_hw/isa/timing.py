# SPDX-License-Identifier: Apache-2.0
"""When the special function unit does what: exact cycles of passes, without simulating them.

A pass of S segments of R rows takes S max(R, 3) cycles, S max(R, 8) if it is reduced, and two
segments that are reduced end at least 8 cycles apart. What it waits for comes on top: a row that is
read ``ROW`` cycles after the one that wrote it, a scalar ``SCALAR`` cycles after its segment's last
row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    LastFactor,
    Output,
    Reduce,
    Step,
    VectorPass,
    Wait,
)

__all__ = ["PACE", "REDUCING_PACE", "ROW", "SCALAR", "START", "Schedule", "schedule"]

START = 4
"""Cycles from a pass that is accepted by an idle unit to its first row."""

PACE = 3
"""Cycles that a segment takes at least."""

REDUCING_PACE = 8
"""Cycles between the ends of two segments that are reduced."""

ROW = 60
"""Cycles from a row to one that reads what it wrote."""

SCALAR = 154
"""Cycles from a segment's last row to the first of one that reads its scalar."""


@dataclass(frozen=True)
class Schedule:
    """Cycles, counted from the first pass's first row.

    Parameters
    ----------
    rows : tuple of tuple of int
        When each row goes, pass by pass.
    end : int
        When everything is written and every scalar is there.
    """

    rows: tuple[tuple[int, ...], ...]
    end: int


def schedule(passes: Sequence[VectorPass], scalars: int) -> Schedule:
    """The schedule of passes that wait for nothing but one another.

    Parameters
    ----------
    passes : sequence of VectorPass
        Each is accepted as soon as it can be.
    scalars : int
        How many the unit has.
    """
    gone: list[int] = []  # Cycles of all rows.
    there = [0] * scalars  # From when on a segment may start that reads a scalar.
    start = 0  # When the next segment may start for the pace's sake.
    before = 0  # Rows of the pass before.
    reduced = -REDUCING_PACE  # When the last segment ended that was reduced.
    result = []
    for p in passes:
        first = len(gone)
        for segment in range(p.segments):
            needed = [there[(at + step * segment) % scalars] for at, step in _scalars(p)]
            cycle = max([start, *needed, *(last + 1 for last in gone[-1:])])
            start = cycle + PACE
            paired = p.arrange is Arrange.HALVES
            for row in range(p.rows):
                if not (paired and row % 2):
                    cycle = max(cycle, _awaited(p, gone, first, before))
                if p.reduce is not Reduce.NONE and row == p.rows - 1 - paired:
                    cycle = max(cycle, reduced + REDUCING_PACE - paired)
                gone.append(cycle)
                cycle += 1
            if p.reduce is not Reduce.NONE:
                reduced = gone[-1]
                there[(p.d + p.d_step * segment) % scalars] = gone[-1] + SCALAR
        before = len(gone) - first
        result.append(tuple(gone[first:]))
    return Schedule(tuple(result), max([gone[-1] + ROW, *there]))


def _scalars(p: VectorPass) -> list[tuple[int, int]]:
    """Scalars of a pass that must be there before a segment starts."""
    found = []
    if (p.first is Factor.SCALAR or p.addend in (Addend.SCALAR, Addend.MINUS_SCALAR)
            or p.last is LastFactor.SCALAR):
        found.append((p.s, p.s_step))
    if p.output is Output.CODES or p.step is Step.UNDER:
        found.append((p.z, p.z_step))
    if p.reduce is not Reduce.NONE:
        found.append((p.d, p.d_step))
    return found


def _awaited(p: VectorPass, gone: list[int], first: int, before: int) -> int:
    """From when on the next row may go for the vector buffer's sake."""
    if p.wait is Wait.NONE or not first:
        return 0
    all_before = gone[first - 1] + ROW
    if p.wait is Wait.DRAIN:
        return all_before
    # Fewer rows in flight than the pass before had, or none but its own.
    room = before - (p.arrange is Arrange.HALVES)
    return min(all_before, gone[-room] + ROW) if room > 0 else all_before
