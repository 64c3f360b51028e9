# SPDX-License-Identifier: Apache-2.0
"""Rounding to integers, saturation, and the ranges of codes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    INTS,
    require_all,
    require_array,
    require_finite,
    require_integer,
)

__all__ = ["code_range", "round_half_even", "saturate"]


def code_range(bits: int, signed: bool = True) -> tuple[int, int]:
    """The least and the greatest code of ``bits`` bits.

    Parameters
    ----------
    bits : int
        1 to 63.
    signed : bool
        Two's complement, -2^(b-1)..2^(b-1)-1; else 0..2^b-1.

    Returns
    -------
    (int, int)
        Both included.

    Raises
    ------
    ValueError
        If ``bits`` is not an integer in 1..63.
    """
    require_integer("Code bits", bits, 1, 63)
    bits = int(bits)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def round_half_even(x: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Round to the nearest integer, halves to the even one.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape
        Finite, |x| < 2^63.

    Returns
    -------
    ndarray of int64, the same shape
        Exact: the integer nearest to each float.

    Raises
    ------
    ValueError
        If ``x`` is empty, of another dtype, not finite, or beyond int64.
    """
    x = require_array("Values to round", x, ("float32", "float64"), None)
    require_finite("Values to round", x)
    require_all("Values to round", x, np.abs(x) < 2.0 ** 63, "below 2^63 in magnitude")
    rounded: npt.NDArray[np.int64] = np.rint(x).astype(np.int64)
    return rounded


def saturate(x: npt.NDArray[Any], bits: int, signed: bool = True) -> npt.NDArray[np.int64]:
    """Clip integers to the nearest code of ``bits`` bits.

    Parameters
    ----------
    x : ndarray of integers up to int64, any shape
    bits : int
        1 to 63.
    signed : bool
        As in :func:`code_range`.

    Returns
    -------
    ndarray of int64, the same shape
        ``min(max(x, least), greatest)``.

    Raises
    ------
    ValueError
        If ``x`` is empty or of another dtype, or ``bits`` is not in 1..63.
    """
    x = require_array("Values to saturate", x, INTS, None)
    low, high = code_range(bits, signed)
    return np.clip(x.astype(np.int64), low, high)
