# SPDX-License-Identifier: Apache-2.0
"""Reciprocal and reciprocal square root of float32, by one table of 512 segments.

With x = 2^e m, 1 <= m < 2, both have a significand in (1/2, 1]::

    1 / x          2^-e  (1 / m)                rows   0..255   m's upper 8 bits
    1 / sqrt(x)    2^-k  (1 / sqrt(m))          rows 256..383   m's upper 7 bits, e = 2 k
                   2^-k  (1 / sqrt(2 m))        rows 384..511   the same,         e = 2 k + 1

The significand is rounded once, a tie to the greater magnitude.
"""

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array
from flightllm_hw.formats.fp32 import QUIET_NAN
from flightllm_hw.formats.functions.exact import exact
from flightllm_hw.formats.functions.quadratic import Quadratic, Table

__all__ = ["INVERSE_D_BITS", "inverse_table", "reciprocal", "rsqrt"]

INVERSE_D_BITS = 16
"""Bits of d: a fraction's last 16, or its last 15 and a zero."""

_SIGN, _INFINITY, _NAN = np.uint32(0x8000_0000), np.uint32(0x7F80_0000), np.uint32(QUIET_NAN)
_HALF_D = 1 << INVERSE_D_BITS - 1


@cache
def inverse_table() -> Table:
    """1 / m for 1 <= m < 2, then 1 / sqrt(m) for 1 <= m < 4."""
    quadratic = Quadratic(d_bits=INVERSE_D_BITS, point_0=28, point_1=28, point_2=29,
                          slope_point=30, round_to=24)

    def invert(m: Decimal) -> Decimal:
        return exact.divide(Decimal(1), m)

    def invert_root(m: Decimal) -> Decimal:
        return exact.divide(Decimal(1), exact.sqrt(m))

    def rows(f: Any, first: int, count: int) -> list[tuple[int, int, int]]:
        width = exact.divide(Decimal(first), Decimal(count))
        return [quadratic.fit(f, exact.fma(Decimal(n), width, Decimal(first)), width)
                for n in range(count)]

    return Table(quadratic, (*rows(invert, 1, 256), *rows(invert_root, 1, 128),
                             *rows(invert_root, 2, 128)))


def reciprocal(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """1 / x; at most 0.7 ulp from it, and exact for powers of two.

    Parameters
    ----------
    x : ndarray of float32, any shape
        Subnormals count as zero.

    Returns
    -------
    ndarray of float32, the same shape
        A result below 2^-126 is zero. 1 / ±0 is ±infinity, 1 / ±infinity is ±0, and any NaN gives
        0x7FC00000.

    Raises
    ------
    ValueError
        If ``x`` is not a nonempty float32 array.
    """
    x = require_array("Values for reciprocal", x, ("float32",), None)
    bits = np.ascontiguousarray(x).view(np.uint32)
    biased = (bits >> 23 & 255).astype(np.int64)
    rest = (bits & np.uint32(0x7F_FFFF)).astype(np.int64)
    significand = _significand(rest >> 15, rest << 1 & 2 * _HALF_D - 1)
    # The exponent counts the leading one as well: one less.
    word = (252 - biased << 23) + significand
    word = np.where(word < 1 << 23, 0, word).astype(np.uint32)
    word = np.where(biased == 0, _INFINITY, np.where(biased == 255, 0, word))
    word |= bits & _SIGN
    return np.where((biased == 255) & (rest != 0), _NAN, word).view(np.float32)


def rsqrt(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """1 / sqrt(x); at most 0.7 ulp from it, and exact for powers of four.

    Parameters
    ----------
    x : ndarray of float32, any shape
        Subnormals count as zero.

    Returns
    -------
    ndarray of float32, the same shape
        1 / sqrt(±0) is ±infinity, as IEEE has it, 1 / sqrt(infinity) is zero. Any NaN and any
        x < 0 give 0x7FC00000.

    Raises
    ------
    ValueError
        If ``x`` is not a nonempty float32 array.
    """
    x = require_array("Values for reciprocal square root", x, ("float32",), None)
    bits = np.ascontiguousarray(x).view(np.uint32)
    biased = (bits >> 23 & 255).astype(np.int64)
    rest = (bits & np.uint32(0x7F_FFFF)).astype(np.int64)
    odd = ~biased & 1
    significand = _significand(256 | odd << 7 | rest >> 16, rest & 2 * _HALF_D - 1)
    word = ((189 - (biased + 1 >> 1) << 23) + significand).astype(np.uint32)
    word = np.where(biased == 255, 0, word).astype(np.uint32)
    word = np.where(biased == 0, _INFINITY | bits & _SIGN, word)
    bad = (biased == 255) & (rest != 0) | (biased != 0) & (bits >= _SIGN)
    return np.where(bad, _NAN, word).view(np.float32)


def _significand(row: npt.NDArray[np.int64], d: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """From 2^23 to 2^24, where 2^24 stands for 1."""
    table = inverse_table()
    return table.evaluate(row, d - _HALF_D) >> table.quadratic.point - 24
