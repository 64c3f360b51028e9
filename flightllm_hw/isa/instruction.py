# SPDX-License-Identifier: Apache-2.0
"""One instruction: its fields as a program means them, and its 512 bits.

A frozen value that is right by construction; what 512 bits may be is told at :func:`decode`::

    Instruction.of("MV", wait={Unit.VECTOR}, bits=4, tokens=1, o=64, patches=[(3, "o")])
         │  ▲
    encode  decode          apply_patches(.., registers): o = 64 + r3, no patches left
         ▼  │
      512 bits
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

from flightllm_hw.isa.fields import choice, from_bits, to_bits
from flightllm_hw.isa.table import (
    BITS,
    HEADER_BITS,
    KINDS,
    PATCHES,
    REGISTERS,
    Kind,
    Unit,
    kind,
    layout,
)
from flightllm_hw.isa.vector import VectorPass

__all__ = [
    "Instruction",
    "InstructionError",
    "Reason",
    "apply_patches",
    "as_pass",
    "decode",
    "encode",
    "from_bytes",
    "from_pass",
    "to_bytes",
]


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


@dataclass(frozen=True, eq=True, repr=False)
class Instruction:
    """An instruction.

    Two are equal if their bits are. ``instruction["o"]`` is its field ``o``.

    Parameters
    ----------
    kind : Kind
    fields : mapping of str to value
        By name; all others are zero (one, if they are stored less one). Fields with names for
        their values hold the enum's members, FP32 constants ``numpy.float32``, all others integers.
    wait, release : set of Unit
        Units to take a token from, and to give one to.
    patches : sequence of (int, str)
        Registers, and names of the fields that they are added to; at most four. Their order means
        nothing: they are kept in the order of fields.

    Attributes
    ----------
    stored : tuple of int
        The fields' bits, in the table's order.

    Raises
    ------
    ValueError
        If a value does not fit its field.
    """

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)
    wait: frozenset[Unit] = frozenset()
    release: frozenset[Unit] = frozenset()
    patches: tuple[tuple[int, str], ...] = ()
    stored: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        known = [f.name for f in self.kind.fields]
        for name in self.fields:
            if name not in known:
                raise ValueError(f"{self.kind.name} fields must be among {', '.join(known) or '()'}"
                                 f", not {name!r}")
        stored = tuple(to_bits(self.kind, f, self.fields[f.name]) if f.name in self.fields else 0
                       for f in self.kind.fields)
        fields = {f.name: from_bits(f, bits)
                  for f, bits in zip(self.kind.fields, stored, strict=True)}
        setting = object.__setattr__
        setting(self, "stored", stored)
        setting(self, "fields", MappingProxyType(fields))
        setting(self, "wait", _units(self.kind, "wait", self.wait))
        setting(self, "release", _units(self.kind, "release", self.release))
        setting(self, "patches", _patches(self.kind, self.patches))

    @classmethod
    def of(cls, name: str, *, wait: Iterable[Unit] = (), release: Iterable[Unit] = (),
           patches: Iterable[tuple[int, str]] = (), **fields: Any) -> "Instruction":
        """The instruction of the kind that a program calls ``name``."""
        return cls(kind(name), fields, frozenset(wait), frozenset(release), tuple(patches))

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __repr__(self) -> str:
        parts = [repr(self.kind.name)]
        parts += [f"{name}={{{', '.join(map(_name, sorted(units)))}}}"
                  for name, units in (("wait", self.wait), ("release", self.release)) if units]
        parts += [f"{f.name}={_name(self.fields[f.name])}"
                  for f, bits in zip(self.kind.fields, self.stored, strict=True) if bits]
        parts += [f"patches={self.patches!r}"] if self.patches else []
        return f"Instruction.of({', '.join(parts)})"


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


def as_pass(instruction: Instruction) -> VectorPass:
    """The pass that a ``MISC.PASS`` is; its ``order`` is the pass's ``wait``.

    Raises
    ------
    ValueError
        If it is none, or has patches, or an odd number of rows in halves.
    """
    if instruction.kind is not _PASS:
        raise ValueError(f"Instruction must be MISC.PASS, not {instruction.kind.name}")
    if instruction.patches:
        raise ValueError("A pass must have its patches applied")
    values = {name: instruction[name] for name in _PASS_FIELDS}
    values |= {"b_still": bool(values["b_still"]), "wait": instruction["order"]}
    values |= {name: float(values[name]) for name in ("k1", "k2")}
    return VectorPass(**values)


def from_pass(p: VectorPass, *, wait: Iterable[Unit] = (), release: Iterable[Unit] = (),
              patches: Iterable[tuple[int, str]] = (), **destination: Any) -> Instruction:
    """The ``MISC.PASS`` that is a pass.

    Parameters
    ----------
    p : VectorPass
    wait, release, patches
        As an instruction's.
    **destination
        The fields that a pass has not: where its codes go.
    """
    fields = {name: getattr(p, name) for name in _PASS_FIELDS} | {"order": p.wait}
    for name in destination:
        if name in fields:
            raise ValueError(f"Pass {name} must be given by the pass alone")
    return Instruction(_PASS, fields | destination, frozenset(wait), frozenset(release),
                       tuple(patches))


_PASS = kind("MISC.PASS")
_PASS_FIELDS = [f.name for f in _PASS.fields if f.name in VectorPass.__dataclass_fields__]


def _name(value: object) -> str:
    """How a program in Python writes a value."""
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else str(value)


def _units(k: Kind, name: str, units: Iterable[Unit]) -> frozenset[Unit]:
    """The units, if they are some."""
    chosen = frozenset(units)
    if not all(isinstance(unit, Unit) for unit in chosen):
        raise ValueError(f"{k.name} {name} must be a set of units, not {units!r}")
    if chosen and not k.tokens:
        raise ValueError(f"{k.name} can neither wait nor release")
    return chosen


def _patches(k: Kind, patches: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """The patches, if they are some, in the order of fields."""
    numbers = {f.name: n for n, f in enumerate(k.fields) if not f.enum}
    chosen = tuple(patches)
    if len(chosen) > PATCHES:
        raise ValueError(f"{k.name} patches must be at most {PATCHES}, not {len(chosen)}")
    for register, name in chosen:
        if name not in numbers:
            raise ValueError(f"{k.name} patches must be of {', '.join(numbers) or '()'},"
                             f" not {name!r}")
        if not (type(register) is int and 0 <= register < REGISTERS):
            raise ValueError(f"{k.name} registers must be in 0..{REGISTERS - 1},"
                             f" not {register!r}")
    return tuple(sorted(chosen, key=lambda patch: (numbers[patch[1]], patch[0])))
