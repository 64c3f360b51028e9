# SPDX-License-Identifier: Apache-2.0
"""The golden machine: executes a program on memory images, to the bit.

It takes one instruction after the other, in the program's order. A program whose tokens order what
depends on one another leaves the same memory behind here and in the hardware, which overlaps them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats import flush
from flightllm_hw.formats.arithmetic import add, bits
from flightllm_hw.formats.functions import rotary_phase, sine_cosine
from flightllm_hw.golden.lanes import LaneMachine
from flightllm_hw.golden.memory import Image
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.isa.instruction import (
    Instruction,
    InstructionError,
    apply_patches,
    as_pass,
    from_bytes,
)
from flightllm_hw.isa.table import BITS, LOOPS, REGISTERS, Bank, Target

__all__ = ["Machine", "Stop", "Stopped"]

SIZE = BITS // 8
MASK = (1 << 32) - 1

KEPT = 256
"""Values of registers that a patched instruction is kept for."""


class Stop(IntEnum):
    """Why the machine has stopped."""

    END = 0
    ILLEGAL = 1
    ADDRESS = 2
    TAPE = 3
    LOOPS = 4
    LIMIT = 5


@dataclass(frozen=True)
class Stopped:
    """Where and why a program ended.

    Parameters
    ----------
    reason : Stop
        ``LIMIT``: as many instructions were executed as were asked for.
    pc : int
        Number of the instruction: the next one for ``LIMIT``, else that which stopped it.
    text : str
        A sentence.
    """

    reason: Stop
    pc: int
    text: str = ""


@dataclass(frozen=True)
class _Decoded:
    """An instruction that was decoded before, and what registers have made of it."""

    raw: bytes
    instruction: Instruction
    patched: dict[tuple[int, ...], Instruction]


@dataclass
class _Loop:
    """A loop under way."""

    start: int
    end: int
    left: int


class Machine:
    """Memories, lanes, vector unit and registers, and what instructions do with them.

    Parameters
    ----------
    config : AcceleratorConfig
    host_bytes, lane_bytes : int
        Sizes of the host's memory and of each lane's.

    Attributes
    ----------
    host : Image
        Program, vectors, scalars; its beats are as wide as a lane's.
    lanes : list of LaneMachine
    vector : VectorMachine
    registers : ndarray of uint32, (32,)
    pc : int
        The next instruction's number.
    """

    def __init__(self, config: AcceleratorConfig, *, host_bytes: int, lane_bytes: int) -> None:
        self.config = config
        self.host = Image(host_bytes)
        self.lanes = [LaneMachine(config, lane_bytes) for _ in range(config.lanes)]
        self.vector = VectorMachine(config.sfu)
        self.registers = np.zeros(REGISTERS, np.uint32)
        self.steps = np.zeros(config.sfu.rotary_pairs, np.uint64)
        self.pc = 0
        self._program = 0
        self._loops: list[_Loop] = []
        self._decoded: dict[int, _Decoded] = {}
        self._beat = config.lane.beat_bits // 8

    # Programs.

    def start(self, program: int, registers: Sequence[int] = ()) -> None:
        """Begin with the program at byte ``program`` of the host's memory.

        Registers from 1 on are set to ``registers``, all others to zero.
        """
        self.registers[:] = 0
        self.registers[1:1 + len(registers)] = registers
        self.pc = 0
        self._program = program
        self._loops.clear()

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
        """Execute one instruction; why it was the last, if it was."""
        try:
            return self._execute(self._fetch())
        except InstructionError as error:
            return Stopped(Stop.ILLEGAL, self.pc, str(error))
        except IndexError as error:
            return Stopped(Stop.ADDRESS, self.pc, str(error))
        except ValueError as error:
            return Stopped(Stop.TAPE, self.pc, str(error))

    def _fetch(self) -> Instruction:
        """The instruction at ``pc``, registers added."""
        raw = self.host.read(self._program + self.pc * SIZE, SIZE).tobytes()
        known = self._decoded.get(self.pc)
        if known is None or known.raw != raw:
            known = self._decoded[self.pc] = _Decoded(raw, from_bytes(raw), {})
        if not known.instruction.patches:
            return known.instruction
        values = tuple(int(self.registers[r]) for r, _ in known.instruction.patches)
        if values not in known.patched:
            if len(known.patched) == KEPT:
                known.patched.clear()
            known.patched[values] = apply_patches(known.instruction, self.registers.tolist())
        return known.patched[values]

    def _execute(self, i: Instruction) -> Stopped | None:
        name = i.kind.name
        if name == "SYS.END":
            return Stopped(Stop.END, self.pc)
        if name == "SYS.LOOP":
            if i["count"] and i["length"] and len(self._loops) == LOOPS:
                return Stopped(Stop.LOOPS, self.pc, f"Loops can be {LOOPS} deep")
            if i["count"] and i["length"]:
                self._loops.append(_Loop(self.pc + 1, self.pc + 1 + i["length"], i["count"]))
            elif not i["count"]:
                self.pc += i["length"]
        elif name.startswith("SYS."):
            if name in _ARITHMETIC:
                self._calculate(name, i)
        else:
            self._UNITS[name](self, dict(i.fields), i)
        self.pc += 1
        while self._loops and self.pc == self._loops[-1].end:
            loop = self._loops[-1]
            loop.left -= 1
            if loop.left:
                self.pc = loop.start
                break
            self._loops.pop()
        return None

    def _calculate(self, name: str, i: Instruction) -> None:
        if i["d"]:
            self.registers[i["d"]] = _ARITHMETIC[name](i["x"], i["y"]) & MASK

    # Memory.

    def _rows(self, first: int, count: int) -> npt.NDArray[np.int64]:
        return (first + np.arange(count)) % self.config.sfu.rows

    def _load_tape(self, f: dict[str, Any], i: Instruction) -> None:
        for n, lane in enumerate(self.lanes):
            if f["lanes"] >> n & 1:
                lane.memory.read(f["address"] * self._beat, max(1, f["beats"]) * self._beat)
                lane.read(f["address"], f["beats"])

    def _load_vector(self, f: dict[str, Any], i: Instruction) -> None:
        width = self.config.sfu.width
        raw = self.host.read(f["address"] * self._beat, 4 * width * f["rows"])
        self.vector.buffer[self._rows(f["o"], f["rows"])] = (
            raw.view("<f4").reshape(-1, width))

    def _load_steps(self, f: dict[str, Any], i: Instruction) -> None:
        raw = self.host.read(f["address"] * self._beat, 8 * f["pairs"])
        self.steps[:f["pairs"]] = raw.view("<u8") & np.uint64((1 << 48) - 1)

    def _store_vector(self, f: dict[str, Any], i: Instruction) -> None:
        rows = flush(self.vector.buffer[self._rows(f["a"], f["rows"])])
        self.host.write(f["address"] * self._beat, np.frombuffer(rows.tobytes(), np.uint8))

    def _store_scalars(self, f: dict[str, Any], i: Instruction) -> None:
        for n in range(f["count"]):
            word = self.vector.scalars[(f["d"] + n) % self.config.sfu.scalars]
            at = (f["address"] + n * f["step"]) % (1 << 34)
            self.host.write(4 * at, np.frombuffer(word.tobytes(), np.uint8))

    # Matrices.

    def _multiply(self, f: dict[str, Any], i: Instruction) -> None:
        sfu, tokens = self.config.sfu, f["tokens"]
        for n, lane in enumerate(self.lanes):
            results = lane.multiply(f)[:, :f["lane_rows"]]
            element = n * f["lane_rows"] + np.arange(results.shape[1])
            for t in range(tokens):
                row = f["o"] + t * f["o_step"] + element // sfu.width
                self.vector.buffer[row % sfu.rows, element % sfu.width] = results[t]
                if f["maxima"]:
                    seen = results[t, :f["limit"] + t * f["limit_step"]]
                    at = (f["d"] + n * tokens + t) % sfu.scalars
                    self.vector.scalars[at] = bits(_greatest(seen)).item()

    # Vectors.

    def _pass(self, f: dict[str, Any], i: Instruction) -> None:
        p = as_pass(i)
        self.vector.codes.clear()
        self.vector.code_scales.clear()
        self.vector.run(p)
        for segment, codes in enumerate(self.vector.codes):
            z, made = (scale.view(np.float32) for scale in self.vector.code_scales[segment])
            self._deliver(f, segment, codes.ravel(), z, made)

    def _deliver(self, f: dict[str, Any], segment: int, codes: npt.NDArray[np.int8],
                 scale: np.float32, reduction: np.float32) -> None:
        lane = segment >> f["group"]
        if f["target"] != Target.ACTIVATIONS:
            if lane < len(self.lanes):
                counts = f["limit"] + segment * f["limit_step"]
                self.lanes[lane].append(f, f["target"] == Target.KEYS, codes[:counts], scale)
            return
        chosen = [self.lanes[lane]] if f["spread"] and lane < len(self.lanes) else []
        token = f["token"] + (segment & (1 << f["group"]) - 1 if f["spread"] else segment)
        for target in chosen if f["spread"] else self.lanes:
            token %= self.config.lane.tokens
            target.write_activations(f, token, 0, codes)
            if f["scales"] is not Bank.NONE:
                target.scales[f["bank"], token] = scale if f["scales"] is Bank.Z else reduction

    def _table(self, f: dict[str, Any], i: Instruction) -> None:
        width, pairs = self.config.sfu.width, f["pairs"]
        phase = rotary_phase(np.array([f["position"]], np.uint32), self.steps[:pairs])
        sine, cosine = sine_cosine(phase)
        table = (np.concatenate([cosine, sine]) if f["halves"]
                 else np.stack([cosine, sine], 1).ravel())
        element = np.arange(2 * pairs)
        self.vector.buffer[(f["o"] + element // width) % self.config.sfu.rows,
                           element % width] = table

    _UNITS = {
        "LD.TAPE": _load_tape, "LD.VECTOR": _load_vector, "LD.STEPS": _load_steps,
        "ST.VECTOR": _store_vector, "ST.SCALARS": _store_scalars, "MM": _multiply,
        "MV": _multiply, "MISC.PASS": _pass, "MISC.TABLE": _table,
    }


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "SYS.ADD": lambda x, y: x + y, "SYS.SUB": lambda x, y: x - y,
    "SYS.MUL": lambda x, y: x * y, "SYS.AND": lambda x, y: x & y,
    "SYS.SHL": lambda x, y: x << (y & 31), "SYS.SHR": lambda x, y: x >> (y & 31),
    "SYS.MIN": min, "SYS.MAX": max,
}


def _greatest(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The greatest, +0 for any zero, NaN before all; minus infinity of nothing."""
    if not len(x):
        return np.full(1, -np.inf, np.float32)
    greatest = np.nan if np.isnan(x).any() else x.max()
    return add(np.full(1, greatest, np.float32), np.float32(0))
