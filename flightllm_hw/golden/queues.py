# SPDX-License-Identifier: Apache-2.0
"""The units' queues, and the tokens that order what is in them.

::

    put ─► waiting[unit] ─► all tokens there? ─► execute ─► a token for each unit released
             at most depth        take            its tape there?
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from flightllm_hw.golden.memory import UnitError
from flightllm_hw.golden.pieces import NotYetError
from flightllm_hw.golden.tasks import Task
from flightllm_hw.isa.errors import UNIT, Detail, Error
from flightllm_hw.isa.table import Unit

__all__ = ["TOKENS", "ProgramError", "Queues"]

TOKENS = 255
"""Tokens from one unit to another that there can be."""

UNITS = (Unit.MEMORY, Unit.LANES, Unit.VECTOR)


class ProgramError(Exception):
    """What stops a program.

    Parameters
    ----------
    error : Error
    pc : int
    fault : UnitError, optional
        A unit's, or a fetch's.
    text : str
        A sentence, if there is no fault.
    """

    def __init__(self, error: Error, pc: int, fault: UnitError | None = None,
                 text: str = "") -> None:
        super().__init__(str(fault) if fault else text)
        self.error = error
        self.pc = pc
        self.detail = fault.detail if fault and error >= UNIT else Detail.NONE
        self.address = fault.address if fault else 0
        self.lane = fault.lane if fault else None


@dataclass
class _Entry:
    """An instruction in a queue.

    ``granted``: it has its tokens. ``fault``: what becomes of it if its tape does not go on.
    """

    pc: int
    task: Task
    granted: bool = False
    fault: UnitError | None = None


class Queues:
    """Queues of all units, and tokens.

    Parameters
    ----------
    execute : function of a Task
        Does what it says, or raises UnitError or NotYetError.
    depth : int
        Instructions that wait in a queue.
    in_flight : int
        Instructions that are in a unit, while the first of them waits for its tape.
    order : numpy.random.Generator, optional
        Nothing is executed before it must be, and of several instructions that could be, any.
    """

    def __init__(self, execute: Callable[[Task], None], depth: int, in_flight: int,
                 order: np.random.Generator | None = None) -> None:
        self.execute = execute
        self.depth = depth
        self.in_flight = in_flight
        self.order = order
        self.clear()

    def clear(self) -> None:
        """Neither instructions nor tokens."""
        self.waiting: dict[Unit, deque[_Entry]] = {unit: deque() for unit in UNITS}
        self.tokens = [[0] * len(Unit) for _ in Unit]
        self.count = 0

    def take(self, unit: Unit, givers: tuple[Unit, ...]) -> bool:
        """Take a token from each giver, if all are there."""
        for giver in givers:
            if not self.tokens[giver][unit]:
                return False
        for giver in givers:
            self.tokens[giver][unit] -= 1
        return True

    def give(self, unit: Unit, takers: tuple[Unit, ...], pc: int) -> None:
        """Give a token to each taker.

        Raises
        ------
        ProgramError
            If that is one too many.
        """
        for taker in takers:
            if self.tokens[unit][taker] == TOKENS:
                raise ProgramError(Error.OVERFLOW, pc, text=f"{unit.name} has given {taker.name}"
                              f" {TOKENS} tokens that were not taken, and one more")
            self.tokens[unit][taker] += 1

    def full(self, unit: Unit) -> bool:
        """Whether a unit's queue takes no more."""
        return sum(not entry.granted for entry in self.waiting[unit]) >= self.depth

    def put(self, pc: int, task: Task) -> None:
        """Queue an instruction, if its queue is not full; execute all that can be, without order.

        Raises
        ------
        ProgramError
            Of this instruction or of one that was queued.
        """
        entry = _Entry(pc, task)
        waiting = self.waiting[task.unit]
        waiting.append(entry)
        self.count += 1
        if self.order is None and len(waiting) == 1:
            self._head(task.unit)
            if self.count:
                self.settle()

    def settle(self) -> None:
        """Execute all that can be."""
        while self.advance():
            pass

    def advance(self) -> bool:
        """Execute an instruction that can be; whether there was one."""
        if not self.count:
            return False
        units = UNITS if self.order is None else self.order.permutation(UNITS)
        return any(self._head(Unit(unit)) for unit in units)

    def stuck(self, pc: int) -> ProgramError:
        """What stops a program in which nothing moves: a tape that ended, or the watchdog."""
        for unit in UNITS:
            entry = self.waiting[unit][0] if self.waiting[unit] else None
            if entry is not None and entry.fault is not None:
                return ProgramError(Error(UNIT + unit), entry.pc, entry.fault)
        return ProgramError(Error.WATCHDOG, pc, text="Nothing moves any more")

    def _head(self, unit: Unit) -> bool:
        """Execute a unit's next instruction, if it can be."""
        waiting = self.waiting[unit]
        if not waiting:
            return False
        entry = waiting[0]
        if not entry.granted and not self.take(unit, entry.task.wait):
            return False
        entry.granted = True
        try:
            self.execute(entry.task)
        except NotYetError as blocked:
            entry.fault = blocked.fault
            for later in islice(waiting, 1, self.in_flight):
                later.granted = later.granted or self.take(unit, later.task.wait)
                if not later.granted:
                    break
            return False
        except UnitError as fault:
            raise ProgramError(Error(UNIT + unit), entry.pc, fault) from None
        waiting.popleft()
        self.count -= 1
        if entry.task.release:
            self.give(unit, entry.task.release, entry.pc)
        return True
