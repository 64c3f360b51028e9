# SPDX-License-Identifier: Apache-2.0
"""Which programs a model gets: of those that fit the chip, the best for which memory has room."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.memory import PROGRAM_BYTES
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.program import decode_program, prefill_program
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS

__all__ = ["Placed", "place_programs"]


@dataclass(frozen=True)
class Placed:
    """A program and where it lies.

    Parameters
    ----------
    first : int
        Byte of the host's memory.
    tokens : int
        That it takes.
    program : list of Instruction
    """

    first: int
    tokens: int
    program: list[Instruction]

    @property
    def size(self) -> int:
        """Bytes."""
        return BITS // 8 * len(self.program)

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """What lies there."""
        return np.frombuffer(b"".join(map(to_bytes, self.program)), np.uint8)


def place_programs(plan: Plan) -> list[Placed]:
    """The decode program and, if there is room for one, the best prefill program.

    Raises
    ------
    CompileError
        If there is not even room for the first, or none for one that leaves out what it must.
    """
    decode = Placed(0, 1, decode_program(plan))
    if decode.size > PROGRAM_BYTES:
        raise CompileError(f"The program has a loop for each run of layers that are compressed"
                           f" alike, {len(plan.split.runs)} in all, and would have {decode.size}"
                           f" bytes, but there is room for {PROGRAM_BYTES}")
    room = PROGRAM_BYTES - decode.size
    for buffer in plan.prefills:
        several = Placed(decode.size, buffer.tokens, prefill_program(plan, buffer))
        if several.size <= room:
            return [decode, several]
    if plan.recipe.attention is not None:
        raise CompileError(f"The program that leaves out blocks of attention would have"
                           f" {several.size} bytes, but there is room for {room}")
    return [decode]
