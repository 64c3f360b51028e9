# SPDX-License-Identifier: Apache-2.0
"""Angles of rotary position embeddings as exact integers: phase = position * step.

A step is what one position turns, in 2^-48 of a turn::

    step_i = round(2^48 base^(-2 i / dim) / (2 pi))       i = 0 .. dim / 2 - 1
    phase  = round(position step_i / 2^16) mod 2^32       in 2^-32 of a turn

No position is large: a step is off by 2^-49 of a turn at most, so that below position 2^20 an
angle is off by less than 2^-29 + 2^-33 of a turn, which is 2^-26 rad.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_all, require_array, require_integer, require_within
from flightllm_hw.formats.functions.exact import HALF_PI, exact

__all__ = ["POSITION_BITS", "STEP_BITS", "rotary_phase", "rotary_steps"]

POSITION_BITS = 20
"""Bits of a position."""

STEP_BITS = 48
"""Bits of a step."""

_DROP = STEP_BITS - 32


def rotary_steps(base: float, dim: int) -> npt.NDArray[np.uint64]:
    """The steps of a head.

    Parameters
    ----------
    base : float
        At least 1 and finite; 10000 in most models.
    dim : int
        Even, at least 2: the numbers that are turned, in pairs.

    Returns
    -------
    ndarray of uint64, (dim / 2,)

    Raises
    ------
    ValueError
        If ``base`` or ``dim`` is another.
    """
    require_integer("Rotary dimension", dim, 2)
    if dim % 2:
        raise ValueError(f"Rotary dimension must be even, not {dim!r}")
    if not 1 <= base < float("inf"):
        raise ValueError(f"Rotary base must be at least 1 and finite, not {base!r}")
    logarithm = exact.ln(Decimal(base))
    turn = exact.multiply(Decimal(4), HALF_PI)
    steps = []
    for i in range(dim // 2):
        power = exact.exp(exact.divide(exact.multiply(Decimal(-2 * i), logarithm), Decimal(dim)))
        angle = exact.divide(exact.multiply(Decimal(1 << STEP_BITS), power), turn)
        steps.append(int(exact.to_integral_value(angle)))
    return np.array(steps, np.uint64)


def rotary_phase(position: npt.NDArray[Any], step: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """The phase of each position and step.

    Parameters
    ----------
    position : ndarray of uint32
        Below 2^20.
    step : ndarray of uint64
        Below 2^48; the shapes are broadcast.

    Returns
    -------
    ndarray of uint32
        A fraction of a turn, rounded to the nearest, a half upwards.

    Raises
    ------
    ValueError
        If an array is empty or of another dtype, or a value too great.
    """
    position = require_array("Positions", position, ("uint32",), None)
    step = require_array("Steps", step, ("uint64",), None)
    require_within("Positions", position, 0, (1 << POSITION_BITS) - 1)
    require_all("Steps", step, step < np.uint64(1 << STEP_BITS), f"below 2^{STEP_BITS}")
    # Whole turns leave at the top of 64 bits: of the product's 68 bits 48 count.
    product = position.astype(np.uint64) * step + np.uint64(1 << _DROP - 1)
    phase: npt.NDArray[np.uint32] = (product >> np.uint64(_DROP)).astype(np.uint32)
    return phase
