# SPDX-License-Identifier: Apache-2.0
"""The special function unit: passes by their first and last rows.

As :mod:`flightllm_hw.isa.timing` has them, row by row, without walking over rows: S segments of R
rows take S max(R, pace) cycles, behind one another; and a pass follows rows, or scalars, of those
before::

    DRAIN     first row >= last row before + ROW
    CHAIN     the same of the first rows, and of the last ones
    scalars   first segment >= first scalar's, last segment >= last scalar's
"""

from typing import Any

from flightllm_hw.isa.timing import PACE, REDUCING_PACE, ROW, SCALAR, START
from flightllm_hw.isa.vector import Addend, Factor, LastFactor, Output, Reduce, Step, Wait

__all__ = ["Passes"]


class Passes:
    """Passes one behind the other."""

    def __init__(self) -> None:
        self._first = self._last = self._free = self._reduced = -1e9
        # When a run of scalars is there: of its first, of its last.
        self._scalars: dict[int, tuple[float, float]] = {}

    @property
    def first(self) -> float:
        """When the last pass's first row goes."""
        return self._first

    def scalars(self, d: int, now: float) -> None:
        """Scalars that come from elsewhere."""
        self._scalars[d] = now, now

    def take(self, p: dict[str, Any], now: float, units: int = 0) -> tuple[float, float]:
        """A pass that is taken then; whoever gets its codes takes so long for a segment.

        Returns
        -------
        float, float
            When its last row goes, and when everything of it is there.
        """
        segments, rows, reduced = p["segments"], p["rows"], p["reduce"] is not Reduce.NONE
        pace = max(rows, REDUCING_PACE if reduced else PACE, units)
        begin, awaited = max(now + START, self._free), 0.0
        if reduced:
            begin = max(begin, self._reduced + REDUCING_PACE - rows + 1)
        if p["order"] is not Wait.NONE:
            begin = max(begin, (self._last if p["order"] is Wait.DRAIN else self._first) + ROW)
            awaited = self._last + ROW
        end = begin + (segments - 1) * pace + rows - 1
        for scalar in _scalars(p):
            # Programs may skip some of a run.
            first, last = self._scalars.get(scalar, (0.0, 0.0))
            begin, end = max(begin, first), max(end, first + (segments - 1) * pace + rows - 1,
                                                last + rows - 1)
        self._first, self._last = begin, max(end, awaited if awaited > begin else end)
        self._free = self._last + max(1, PACE - rows + 1)
        if reduced:
            self._reduced = self._last
            there = self._last + SCALAR
            self._scalars[p["d"]] = begin + rows - 1 + SCALAR, there
            return self._last, there
        return self._last, self._last + ROW


def _scalars(p: dict[str, Any]) -> list[int]:
    """First scalars that it reads."""
    found = []
    if (p["first"] is Factor.SCALAR or p["addend"] in (Addend.SCALAR, Addend.MINUS_SCALAR)
            or p["last"] is LastFactor.SCALAR):
        found.append(p["s"])
    if p["output"] is Output.CODES or p["step"] is Step.UNDER:
        found.append(p["z"])
    if p["reduce"] is not Reduce.NONE:
        # It is made again.
        found.append(p["d"])
    return found
