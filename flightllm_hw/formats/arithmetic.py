# SPDX-License-Identifier: Apache-2.0
"""FP32 operations as the accelerator has them: IEEE, then the flush, and one NaN.

Every function takes float32 arrays that broadcast against one another, flushes its inputs, rounds
once to nearest even, flushes the result, and gives 0x7FC00000 for every NaN.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.fp32 import QUIET_NAN, flush_bits

__all__ = ["add", "bits", "divide", "from_bits", "greater", "maximum", "multiply",
           "one_nan"]

Floats = npt.NDArray[np.float32]
Operand = npt.NDArray[Any] | np.floating[Any]

def bits(x: Operand) -> npt.NDArray[np.uint32]:
    """The bits of float32 values."""
    return np.asarray(x, np.float32).view(np.uint32)


def from_bits(x: Operand) -> Floats:
    """The float32 values that bits stand for."""
    return np.asarray(x, np.uint32).view(np.float32)


def one_nan(x: Operand) -> Floats:
    """``x`` with 0x7FC00000 for every NaN."""
    return from_bits(np.where(np.isnan(x), np.uint32(QUIET_NAN), bits(x)))


def _flushed(x: Operand) -> Floats:
    return from_bits(flush_bits(bits(x)))


def _operate(operation: Callable[..., Any], a: Operand, b: Operand) -> Floats:
    with np.errstate(all="ignore"):
        return one_nan(_flushed(operation(_flushed(a), _flushed(b))))


def add(a: Operand, b: Operand) -> Floats:
    """The sum a + b."""
    return _operate(np.add, a, b)


def multiply(a: Operand, b: Operand) -> Floats:
    """The product a * b."""
    return _operate(np.multiply, a, b)


def divide(a: Operand, b: Operand) -> Floats:
    """The quotient a / b; x / 0 is infinite, 0 / 0 is NaN."""
    return _operate(np.divide, a, b)


def greater(a: Operand, b: Operand) -> npt.NDArray[np.bool_]:
    """Whether a > b, where NaN is greater than everything but NaN; zeros are equal."""
    a, b = _flushed(a), _flushed(b)
    found: npt.NDArray[np.bool_] = np.where(np.isnan(b), False, np.isnan(a) | (a > b))
    return found


def maximum(a: Operand, b: Operand) -> Floats:
    """The greater of a and b: a where they are equal, NaN where one is NaN."""
    return one_nan(np.where(greater(b, a), _flushed(b), _flushed(a)))
