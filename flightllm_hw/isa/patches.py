# SPDX-License-Identifier: Apache-2.0
"""What registers make of an instruction.

::

    Instruction.of("MV", o=64, patches=[(3, "o")])  ──►  o = 64 + r3, no patches left
"""

from collections.abc import Sequence

from flightllm_hw.isa.encoding import decode
from flightllm_hw.isa.fields import from_bits
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import REGISTERS

__all__ = ["apply_patches"]


def apply_patches(instruction: Instruction | int, registers: Sequence[int]) -> Instruction:
    """The instruction that is left when registers are added to its fields.

    Every patch adds its register to its field's stored bits, modulo the field's width; so
    a count that is stored less one grows by the register. Several patches of a field add up.
    An FP32 constant's bits are a number as any other. Register 0 is zero.

    Parameters
    ----------
    instruction : Instruction or int
        If its bits, they are decoded first.
    registers : sequence of int
        All 32 of them, each of 32 bits.
    """
    if not isinstance(instruction, Instruction):
        instruction = decode(instruction)
    if len(registers) != REGISTERS:
        raise ValueError(f"Registers must be {REGISTERS}, not {len(registers)}")
    names = [f.name for f in instruction.kind.fields]
    stored = dict(zip(names, instruction.stored, strict=True))
    for register, name in instruction.patches:
        stored[name] += int(registers[register]) if register else 0
    return Instruction(
        instruction.kind,
        {f.name: from_bits(f, stored[f.name] % (1 << f.bits)) for f in instruction.kind.fields},
        instruction.wait, instruction.release)
