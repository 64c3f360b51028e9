# SPDX-License-Identifier: Apache-2.0
"""One instruction: its fields as a program means them.

A frozen value that is right by construction::

    Instruction.of("MV", wait={Unit.VECTOR}, bits=4, tokens=1, o=64, patches=[(3, "o")])

Its 512 bits are :mod:`flightllm_hw.isa.encoding`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from flightllm_hw.isa.fields import from_bits, to_bits
from flightllm_hw.isa.table import PATCHES, REGISTERS, Kind, Unit, kind

__all__ = ["Instruction"]


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
