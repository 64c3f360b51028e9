# SPDX-License-Identifier: Apache-2.0
"""What a pass does with the elements of its segments, (segments, elements), bit-exact.

Scalars are columns, (segments, 1); what segments come to is (segments,).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats import functions
from flightllm_hw.formats.arithmetic import (
    add,
    bits,
    divide,
    from_bits,
    greater,
    multiply,
    one_nan,
)
from flightllm_hw.formats.fp32 import flush_bits
from flightllm_hw.formats.reduction import tree_sum
from flightllm_hw.isa.vector import Addend, Factor, Function, Reduce, Step, VectorPass

__all__ = ["added", "apply", "factored", "quantize", "reduce", "rotate"]

Floats = npt.NDArray[np.float32]

_FUNCTIONS = {
    Function.EXP: functions.exp, Function.SIGMOID: functions.sigmoid,
    Function.SILU: functions.silu, Function.GELU: functions.gelu,
}


def factored(p: VectorPass, a: Floats, b: Floats, s: Floats) -> Floats:
    """The first product."""
    match p.first:
        case Factor.ONE:
            return one_nan(from_bits(flush_bits(bits(a))))
        case Factor.B:
            return multiply(a, b)
        case Factor.SCALAR:
            return multiply(a, s)
    return multiply(a, np.float32(p.k1))


def added(p: VectorPass, x: Floats, b: Floats, s: Floats) -> Floats:
    """The sum behind it."""
    match p.addend:
        case Addend.NONE:
            return x
        case Addend.B:
            return add(x, b)
        case Addend.SCALAR:
            return add(x, s)
    return add(x, -s)


def quantize(x: Floats, z: Floats) -> npt.NDArray[np.int8]:
    """Codes round-half-even(x / z), saturated; 0 where z is 0 or anything is NaN."""
    quotient = divide(x, z)
    quotient = np.where(np.isnan(quotient) | (bits(z) << 1 >> 24 == 0),
                        np.float32(0), quotient)
    return np.clip(np.rint(quotient), -127, 127).astype(np.int8)


def rotate(distance: int, a: Floats, b: Floats) -> Floats:
    """Elements ``distance`` apart are pairs; cosines and sines lie in their places."""
    x, y = np.moveaxis(a.reshape(len(a), -1, 2, distance), 2, 0)
    cos, sin = np.moveaxis(b.reshape(len(b), -1, 2, distance), 2, 0)
    rotated = np.stack([add(multiply(x, cos), -multiply(y, sin)),
                        add(multiply(y, cos), multiply(x, sin))], 2)
    return rotated.reshape(a.shape)


def apply(function: Function, x: Floats) -> Floats:
    """The function of every element."""
    if function is Function.ABSOLUTE:
        return from_bits(bits(x) & np.uint32(0x7FFF_FFFF))
    if function is Function.RELU:
        # NaN stays; zeros are positive.
        return np.where(greater(x, np.float32(0)), x, np.float32(0)).astype(np.float32)
    return _FUNCTIONS[function](x) if function in _FUNCTIONS else x


def reduce(p: VectorPass, x: Floats, counts: npt.NDArray[np.bool_],
            z: Floats) -> npt.NDArray[Any]:
    """Bits of what each segment comes to."""
    if p.reduce is Reduce.SUM:
        value = tree_sum(x)
    else:
        if p.reduce is Reduce.ABSMAX:
            x = np.where(counts, np.abs(x), np.float32(0))
        else:
            x = np.where(counts, x, np.float32(-np.inf))
        # The first of the greatest; NaN is greater than all.
        nan = np.isnan(x)
        at = np.where(nan.any(axis=1), nan.argmax(axis=1),
                      np.where(nan, np.float32(np.inf), x).argmax(axis=1))
        if p.reduce is Reduce.ARGMAX:
            places: npt.NDArray[np.uint32] = at.astype(np.uint32)
            return places
        value = add(np.take_along_axis(x, at[:, None], 1)[:, 0], np.float32(0))
    k1, k2 = np.float32(p.k1), np.float32(p.k2)
    match p.step:
        case Step.OVER:
            value = divide(value, k1)
        case Step.UNDER:
            value = divide(z, value)
        case Step.KEEP:
            pass
        case _:
            value = add(multiply(value, k1), k2)
            if p.step is Step.RECIPROCAL:
                value = functions.reciprocal(value)
            elif p.step is Step.ROOT:
                value = functions.rsqrt(value)
    return bits(value)
