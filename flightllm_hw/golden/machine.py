# SPDX-License-Identifier: Apache-2.0
"""The golden machine: executes a program on memory images, to the bit.

Control takes one instruction after the other and puts it into its unit's queue; a unit works off
its own queue in order, an instruction starts when its tokens are there, and is done at once. A
program whose tokens order what depends on one another leaves the same memory behind here and in the
hardware, which overlaps instructions, and whatever ``order`` it is executed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.golden.memory import UnitError
from flightllm_hw.golden.queues import ProgramError, Queues
from flightllm_hw.golden.stopped import Stop, Stopped
from flightllm_hw.golden.tasks import Task
from flightllm_hw.golden.units import Units
from flightllm_hw.isa.encoding import InstructionError, from_bytes
from flightllm_hw.isa.errors import FETCH, Error
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS, LOOPS, REGISTERS, Unit

__all__ = ["Machine", "Stop", "Stopped"]

SIZE = BITS // 8
MASK = (1 << 32) - 1

KEPT = 256
"""Values of registers that a patched instruction is kept for."""


@dataclass(frozen=True)
class _Decoded:
    """An instruction that was decoded before, and what registers have made of it."""

    raw: bytes
    instruction: Instruction
    patched: dict[tuple[int, ...], Task]


@dataclass
class _Loop:
    """A loop under way."""

    start: int
    end: int
    left: int


class Machine:
    """Memories, lanes, vector unit and registers, and what instructions do with them.

    Queues of tapes have no end here: LD.TAPE never waits.

    Parameters
    ----------
    config : AcceleratorConfig
    host_bytes, lane_bytes : int
        Sizes of the host's memory and of each lane's, which are their windows.
    depth, in_flight : int
        Instructions that a unit's queue holds, and those that the unit takes before it has done
        the first.
    order : numpy.random.Generator, optional
        Units work in any order that tokens leave open, and lanes read their tapes ahead or not.
        Without it everything is executed as soon as it can be.
    keep : bool
        Whether lanes keep matrices that they have read, for when they read them again: faster, but
        eight bytes a weight.

    Attributes
    ----------
    units : Units
    host, lanes, vector, steps
        Of the units.
    registers : ndarray of uint32, (32,)
    pc : int
        The next instruction's number.
    """

    def __init__(self, config: AcceleratorConfig, *, host_bytes: int, lane_bytes: int,
                 depth: int = 16, in_flight: int = 8,
                 order: np.random.Generator | None = None, keep: bool = True) -> None:
        self.config = config
        self.units = Units(config, host_bytes, lane_bytes, keep)
        self.host, self.lanes, self.vector = (
            self.units.host, self.units.lanes, self.units.vector)
        self.steps = self.units.steps
        self.queues = Queues(self.units.execute, depth, in_flight, order)
        self.registers = np.zeros(REGISTERS, np.uint32)
        self.pc = 0
        self._order = order
        self._eagerness = 0.0
        self._program = 0
        self._loops: list[_Loop] = []
        self._decoded: dict[int, _Decoded] = {}

    # Programs.

    def start(self, program: int, registers: Sequence[int] = ()) -> None:
        """Begin with the program at byte ``program`` of the host's memory.

        Registers from 1 on are set to ``registers``, all others to zero. There are neither tokens
        nor tapes.
        """
        self.registers[:] = 0
        self.registers[1:1 + len(registers)] = registers
        self.pc = 0
        self._program = program
        self._loops.clear()
        self.queues.clear()
        for lane in self.lanes:
            lane.tape.clear()
        if self._order is not None:
            self._eagerness = float(self._order.choice([0.0, 0.2, 0.8]))

    def run(self, limit: int | None = None) -> Stopped:
        """Execute until the end, an error, or ``limit`` instructions."""
        count = 0
        while limit is None or count < limit:
            stopped = self.step()
            if stopped is not None:
                return stopped
            count += 1
        return Stopped(Stop.LIMIT, self.pc)

    def step(self) -> Stopped | None:
        """Take one instruction, and what can be executed then; why it was the last, if it was."""
        try:
            if self._order is not None:
                self._disorder(self._order)
            return self._take(self._fetch())
        except ProgramError as failure:
            return Stopped(Stop.ERROR, failure.pc, failure.error, failure.detail, failure.address,
                           failure.lane, str(failure))

    def _fetch(self) -> Task:
        """The instruction at ``pc``, registers added."""
        try:
            raw = self.host.load(self._program + self.pc * SIZE, SIZE).tobytes()
        except UnitError as fault:
            raise ProgramError(Error(FETCH + fault.detail), self.pc, fault) from None
        known = self._decoded.get(self.pc)
        if known is None or known.raw != raw:
            try:
                instruction = from_bytes(raw)
            except InstructionError as error:
                raise ProgramError(Error(error.reason), self.pc, text=str(error)) from None
            known = self._decoded[self.pc] = _Decoded(raw, instruction, {})
        values = tuple(int(self.registers[r]) for r, _ in known.instruction.patches)
        if values not in known.patched:
            if len(known.patched) == KEPT:
                known.patched.clear()
            known.patched[values] = Task.of(known.instruction, self.registers.tolist(),
                                            self.config)
        return known.patched[values]

    def _take(self, task: Task) -> Stopped | None:
        """Do an instruction of control's, or hand it on."""
        if task.unit is Unit.CONTROL:
            self._await(lambda: self.queues.take(Unit.CONTROL, task.wait))
            if task.name == "SYS.END":
                self._await(lambda: not self.queues.count)
                return Stopped(Stop.END, self.pc)
            self._control(task)
            return None
        if task.name == "LD.TAPE":
            self.units.load_tape(task.fields)
            if self._order is None:
                self.queues.settle()
        else:
            self._await(lambda: not self.queues.full(task.unit))
            self.queues.put(self.pc, task)
        self._go_on()
        return None

    def _await(self, there: Callable[[], bool]) -> None:
        """Let the units work until something is there."""
        while not there():
            if not self.queues.advance():
                raise self.queues.stuck(self.pc)

    def _disorder(self, order: np.random.Generator) -> None:
        """Now and then a unit or a lane's reader goes ahead."""
        while order.random() < self._eagerness and self.queues.advance():
            pass
        if order.random() < self._eagerness:
            self.units.read_ahead(int(order.integers(len(self.lanes))))

    # Control.

    def _control(self, task: Task) -> None:
        f = task.fields
        pc = self.pc
        if task.name == "SYS.LOOP":
            enters = f["count"] and f["length"]
            if enters and len(self._loops) == LOOPS:
                raise ProgramError(Error.LOOPS, pc, text=f"Loops can be {LOOPS} deep")
            if enters:
                self._loops.append(_Loop(pc + 1, pc + 1 + f["length"], f["count"]))
            else:
                self.pc += f["length"]
        elif task.name in _ARITHMETIC and f["d"]:
            self.registers[f["d"]] = _ARITHMETIC[task.name](f["x"], f["y"]) & MASK
        if task.release:
            self.queues.give(Unit.CONTROL, task.release, pc)
            if self._order is None:
                self.queues.settle()
        self._go_on()

    def _go_on(self) -> None:
        """To the next instruction, by way of the loops that end before it."""
        self.pc += 1
        while self._loops and self.pc == self._loops[-1].end:
            loop = self._loops[-1]
            loop.left -= 1
            if loop.left:
                self.pc = loop.start
                break
            self._loops.pop()


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "SYS.ADD": lambda x, y: x + y, "SYS.SUB": lambda x, y: x - y,
    "SYS.MUL": lambda x, y: x * y, "SYS.AND": lambda x, y: x & y,
    "SYS.SHL": lambda x, y: x << (y & 31), "SYS.SHR": lambda x, y: x >> (y & 31),
    "SYS.MIN": min, "SYS.MAX": max,
}
