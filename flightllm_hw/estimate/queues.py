# SPDX-License-Identifier: Apache-2.0
"""Units' queues: which instruction a unit takes next, and when.

::

    control ──► 16 of MEMORY ──┐
            ──► 16 of LANES ───┼──► the first of each, once its tokens are there
            ──► 16 of VECTOR ──┘
"""

from collections import deque
from collections.abc import Sequence

from flightllm_hw.estimate.steps import Step
from flightllm_hw.isa.table import Unit

__all__ = ["LANES", "MEMORY", "QUEUE", "TURN", "UNITS", "VECTOR", "Queues"]

QUEUE = 16
"""Instructions that wait for a unit."""

TURN = 4
"""Cycles from what lets a unit go on to its next instruction; between two passes."""

UNITS = MEMORY, LANES, VECTOR = int(Unit.MEMORY), int(Unit.LANES), int(Unit.VECTOR)
"""Units that have one: plain numbers."""

_CONTROL = int(Unit.CONTROL)


class Queues:
    """Of all units.

    Attributes
    ----------
    free : list of float
        The cycle that each unit may take its next instruction from.
    """

    def __init__(self) -> None:
        self.free = [0.0 for _ in UNITS]
        self._waiting: list[deque[tuple[float, Step]]] = [deque() for _ in UNITS]
        # Of each giver: tokens of each taker.
        self._tokens: list[list[deque[float]]] = [[deque() for _ in Unit] for _ in UNITS]
        # When each unit took its last instructions.
        self._taken = [deque([0.0] * QUEUE, QUEUE) for _ in UNITS]

    def some(self) -> bool:
        """Whether any instruction waits."""
        return any(self._waiting)

    def full(self, unit: int) -> bool:
        """Whether control waits for a unit."""
        return len(self._waiting[unit]) >= QUEUE

    def put(self, step: Step, now: float) -> float:
        """An instruction comes: when there was room for it."""
        queue = self._waiting[step.unit]
        now = max(now, self._taken[step.unit][len(queue) - QUEUE])
        queue.append((now, step))
        return now

    def first(self, unit: int) -> Step | None:
        """A unit's next instruction, if all of its tokens have a time."""
        if not self._waiting[unit]:
            return None
        step = self._waiting[unit][0][1]
        for giver in step.wait:
            if not self._tokens[giver][unit]:
                return None
        return step

    def given(self, step: Step) -> float | None:
        """When control, whose instruction this is, has its tokens; they are taken."""
        tokens = [self._tokens[giver][_CONTROL] for giver in step.wait]
        return max((t.popleft() for t in tokens), default=0.0) if all(tokens) else None

    def when(self, unit: int) -> float:
        """When the unit takes it."""
        now, step = self._waiting[unit][0]
        for giver in step.wait:
            now = max(now, self._tokens[giver][unit][0])
        return max(now + TURN, self.free[unit])

    def take(self, unit: int) -> tuple[float, Step]:
        """The unit takes it."""
        now = self.when(unit)
        _, step = self._waiting[unit].popleft()
        for giver in step.wait:
            self._tokens[giver][unit].popleft()
        self._taken[unit].append(now)
        return now, step

    def release(self, giver: int, takers: Sequence[int], now: float) -> None:
        """A unit gives tokens."""
        for taker in takers:
            self._tokens[giver][taker].append(now)
