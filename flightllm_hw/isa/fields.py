# SPDX-License-Identifier: Apache-2.0
"""A field's value and its bits."""

import operator
from enum import Enum
from typing import Any

import numpy as np

from flightllm_hw.isa.table import Field, Kind

__all__ = ["choice", "from_bits", "to_bits"]


def choice(k: Kind, f: Field, value: object) -> str:
    """The sentence about a value that has no name."""
    assert f.enum is not None
    return (f"{k.name} {f.name} must be one of {', '.join(m.name for m in f.enum)},"
            f" not {value!r}")


def from_bits(f: Field, bits: int) -> Any:
    """The value that a field's bits stand for: a member, a ``numpy.float32`` or an integer."""
    if f.enum is not None:
        return f.enum(bits)
    if f.fp32:
        return np.uint32(bits).view(np.float32)
    return bits + f.less_one


def to_bits(k: Kind, f: Field, value: Any) -> int:
    """The bits that stand for a field's value: the reverse of :func:`from_bits`.

    An enum's member may be given as its number, an FP32 number as any that is rounded to it.

    Raises
    ------
    ValueError
        If the value does not fit.
    """
    if f.enum is not None:
        for member in f.enum:
            # A member of another enum is none of this, though its number may be.
            if value is member or (value == member.value and not isinstance(value, Enum)):
                return int(member.value)
        raise ValueError(choice(k, f, value))
    if f.fp32:
        number = _fp32(value)
        if number is None:
            raise ValueError(f"{k.name} {f.name} must be an FP32 number, not {value!r}")
        return int(number.view(np.uint32))
    first, last = int(f.less_one), (1 << f.bits) - 1 + f.less_one
    try:
        bits = operator.index(value)
    except TypeError:
        bits = -1
    if isinstance(value, Enum) or not first <= bits <= last:
        raise ValueError(f"{k.name} {f.name} must be an integer in {first}..{last},"
                         f" not {value!r}")
    return bits - first


def _fp32(value: object) -> np.float32 | None:
    """The nearest FP32 number; ``None`` if there is none."""
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    try:
        with np.errstate(over="ignore"):
            number = np.float32(value)
    except OverflowError:
        return None
    return None if np.isinf(number) and not np.isinf(value) else number
