# SPDX-License-Identifier: Apache-2.0
"""Two products in one DSP48E2: rows ``hi`` and ``lo`` packed 2^18 apart, times one activation.

The pre-adder makes ``hi * 2^18 + lo`` (27 bits), the multiplier multiplies it by an activation x,
and a cascade adds the products up::

    P = (sum of hi * x) * 2^18 + (sum of lo * x)          48 bits, two's complement

Decoding is exact for up to eight products of full-range int8. Such a sum lies in
[8 * -128 * 127, 8 * -128 * -128] = [-130048, 131072]: 261121 values, so the 18 bits below the
upper sum tell them all apart, though not as a plain two's complement number, whose greatest value
is 131071. Modulo 2^18 the sums are

=================  ==========================  ==============================
sum                field, bits 17..0           what marks it
=================  ==========================  ==============================
0 .. 131071        0x00000 .. 0x1FFFF          bit 17 clear
131072 .. 132095   0x20000 .. 0x203FF          bit 17 set, bits 16..10 zero
-130048 .. -1      0x20400 .. 0x3FFFF          bit 17 set, bits 16..10 not zero
=================  ==========================  ==============================

so a sum is negative if and only if bit 17 is set and bits 16..10 are not all zero. The second line
leaves room for a remainder of 10 bits, 0..1023, that an overflow adjust unit carried into the
chain. A negative lower sum has borrowed one from the upper field: hi = P >> 18, plus 1 if lo < 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array, require_shape, require_within

__all__ = ["PAIR_SPACING", "pack_pair", "unpack_sums"]

PAIR_SPACING = 18
"""Bits between the two products."""


def pack_pair(lo: npt.NDArray[Any], hi: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Pack two codes into one multiplier input: hi * 2^18 + lo.

    Parameters
    ----------
    lo, hi : ndarray of int8, any shape, both the same

    Returns
    -------
    ndarray of int64, the same shape
        Within 27 bits, two's complement.

    Raises
    ------
    ValueError
        If an input is empty or not int8, or the shapes differ.
    """
    lo = require_array("Lower codes", lo, ("int8",), None)
    hi = require_array("Upper codes", hi, ("int8",), None)
    require_shape("Upper codes", hi, lo.shape, "as the lower codes")
    packed: npt.NDArray[np.int64] = (hi.astype(np.int64) << PAIR_SPACING) + lo
    return packed


def unpack_sums(p: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The two sums that an accumulator of packed products holds.

    Parameters
    ----------
    p : ndarray of int64, any shape
        P as a signed integer, in -2^47..2^47-1.

    Returns
    -------
    lo, hi : ndarray of int64, the same shape
        Exact where the lower sum lies in [-130048, 132095]: up to eight int8 x int8 products and a
        remainder of up to 1023.

    Raises
    ------
    ValueError
        If ``p`` is empty, of another dtype, or beyond 48 bits.
    """
    p = require_array("Accumulators", p, ("int64",), None)
    require_within("Accumulators", p, -(1 << 47), (1 << 47) - 1)
    low = p & ((1 << PAIR_SPACING) - 1)
    negative = (low >> 17 == 1) & (low >> 10 & 0x7F != 0)
    lo = low - (negative.astype(np.int64) << PAIR_SPACING)
    hi = (p >> PAIR_SPACING) + negative
    return lo, hi
