# SPDX-License-Identifier: Apache-2.0
"""Instructions and their 512 bits, and why bits are none.

::

    Instruction ── encode ──► 512 bits ── decode ──► Instruction, or a Reason
"""

from enum import IntEnum

from flightllm_hw.isa.fields import choice, from_bits
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS, HEADER_BITS, KINDS, PATCHES, Unit, layout

__all__ = ["InstructionError", "Reason", "decode", "encode", "from_bytes", "to_bytes"]


class Reason(IntEnum):
    """Why 512 bits are no instruction. If there are several reasons, the first counts.

    ``KIND``: no kind has this opcode and mode. ``ZERO``: a bit that must be zero is not: a reserved
    one, or one above the kind's last field. ``TOKENS``: it waits or releases, and its kind cannot.
    ``VALUE``: a field with names for its values has one without a name. ``PATCH``: a patch is of a
    field that the kind has not, or of one with names for its values.
    """

    KIND = 1
    ZERO = 2
    TOKENS = 3
    VALUE = 4
    PATCH = 5


class InstructionError(ValueError):
    """512 bits that are no instruction.

    Parameters
    ----------
    reason : Reason
    text : str
        The same as a sentence.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def encode(instruction: Instruction) -> int:
    """The instruction's 512 bits."""
    places = layout(instruction.kind)
    values = {
        "opcode": instruction.kind.opcode,
        "mode": instruction.kind.mode,
        "wait": sum(1 << unit for unit in instruction.wait),
        "release": sum(1 << unit for unit in instruction.release),
    }
    numbers = {f.name: n for n, f in enumerate(instruction.kind.fields, 1)}
    for n, (register, name) in enumerate(instruction.patches):
        values |= {f"register_{n}": register, f"field_{n}": numbers[name]}
    values |= zip(numbers, instruction.stored, strict=True)
    return sum(value << places[name][0] for name, value in values.items())


def decode(word: int) -> Instruction:
    """The instruction that 512 bits are.

    A word is legal if

    1. its opcode and mode are those of a kind;
    2. its reserved bits are zero, and all above its kind's last field;
    3. it waits for nothing and releases nothing, if its kind's ``tokens`` is false;
    4. every field with names for its values has such a value;
    5. each of its patches has the number of a field of its kind, of one without names for its
       values. A patch whose field number is zero is none, whatever its register.

    Patches change nothing of that: whether a word is legal does not depend on registers. Words
    that differ in the places of their patches alone are one and the same instruction.

    Raises
    ------
    InstructionError
        If it is none.
    ValueError
        If it has more than 512 bits.
    """
    if not 0 <= word < 1 << BITS:
        raise ValueError(f"Instruction must fit {BITS} bits, not {word!r}")
    codes = (word & 15, word >> 4 & 15)
    found = next((k for k in KINDS if (k.opcode, k.mode) == codes), None)
    if found is None:
        raise InstructionError(Reason.KIND, f"Opcode and mode must be those of an instruction,"
                                              f" not {codes[0]} and {codes[1]}")

    values = {name: word >> start & (1 << f.bits) - 1
              for name, (start, f) in layout(found).items()}
    used = HEADER_BITS + sum(f.bits for f in found.fields)
    if values["reserved"] or word >> used:
        raise InstructionError(Reason.ZERO, f"{found.name} must have zeros in its reserved bits"
                                              f" and from bit {used} on")
    if not found.tokens and (values["wait"] or values["release"]):
        raise InstructionError(Reason.TOKENS, f"{found.name} can neither wait nor release")
    for f in found.fields:
        if f.enum and values[f.name] not in [member.value for member in f.enum]:
            raise InstructionError(Reason.VALUE, choice(found, f, values[f.name]))

    patches = []
    for n in range(PATCHES):
        number = values[f"field_{n}"]
        if number > len(found.fields) or (number and found.fields[number - 1].enum):
            raise InstructionError(Reason.PATCH, f"{found.name} has no field of number {number}"
                                                   f" that a register can be added to")
        if number:
            patches.append((values[f"register_{n}"], found.fields[number - 1].name))
    wait, release = (frozenset(unit for unit in Unit if values[name] >> unit & 1)
                     for name in ("wait", "release"))
    return Instruction(found, {f.name: from_bits(f, values[f.name]) for f in found.fields},
                       wait, release, tuple(patches))


def to_bytes(instruction: Instruction) -> bytes:
    """The instruction's 64 bytes, as they lie in memory: the lowest bits first."""
    return encode(instruction).to_bytes(BITS // 8, "little")


def from_bytes(data: bytes) -> Instruction:
    """The instruction that 64 bytes are; as :func:`decode`."""
    if len(data) != BITS // 8:
        raise ValueError(f"Instruction must have {BITS // 8} bytes, not {len(data)}")
    return decode(int.from_bytes(data, "little"))
