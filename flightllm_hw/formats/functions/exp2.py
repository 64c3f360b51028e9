# SPDX-License-Identifier: Apache-2.0
"""2^T of a fixed-point T: a shift by the whole part, and a table of what is behind the point.

::

    T    whole part | 7 bits: segment | 18 bits: d | 6 bits that are left out
         exponent                                                                    T's point: 31
"""

from decimal import Decimal
from functools import cache

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.functions.exact import LN_2, exact
from flightllm_hw.formats.functions.quadratic import Quadratic, Table

__all__ = ["EXP2_D_BITS", "EXP2_SEGMENT_BITS", "EXPONENT_POINT", "SIGNIFICAND_POINT", "exp2",
           "exp2_table"]

EXPONENT_POINT = 31
"""Bits of T behind its point."""

EXP2_SEGMENT_BITS = 7
"""Segments, as a power of two."""

EXP2_D_BITS = 18
"""The bits of T below the segment that count."""

SIGNIFICAND_POINT = 25
"""Bits of 2^T's significand behind its point."""


@cache
def exp2_table() -> Table:
    """2^f for 0 <= f < 1.

    The cut leaves out half a unit of d on average, which the coefficients give back.
    """
    quadratic = Quadratic(d_bits=EXP2_D_BITS, point_0=26, point_1=26, point_2=27, slope_point=29,
                          round_to=SIGNIFICAND_POINT)
    count = 1 << EXP2_SEGMENT_BITS
    width = exact.divide(Decimal(1), Decimal(count))

    def power(f: Decimal) -> Decimal:
        return exact.exp(exact.multiply(f, LN_2))

    return Table(quadratic, tuple(
        quadratic.fit(power, exact.multiply(Decimal(n), width), width, Decimal("0.5"))
        for n in range(count)))


def exp2(t: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """2^T = significand * 2^exponent.

    Parameters
    ----------
    t : ndarray of int64
        T, 31 bits of it behind the point.

    Returns
    -------
    significand : ndarray of int64
        26 bits, 25 of them behind the point, the first one 1; off by less than 0.42 units of a
        float32's last place, of which each counts 4 of its own.
    exponent : ndarray of int64
        floor(T).
    """
    table = exp2_table()
    d = (t >> EXPONENT_POINT - EXP2_SEGMENT_BITS - EXP2_D_BITS) & (1 << EXP2_D_BITS) - 1
    row = (t >> EXPONENT_POINT - EXP2_SEGMENT_BITS) & (1 << EXP2_SEGMENT_BITS) - 1
    f = table.evaluate(row, d - (1 << EXP2_D_BITS - 1))
    return f >> table.quadratic.point - SIGNIFICAND_POINT, t >> EXPONENT_POINT
