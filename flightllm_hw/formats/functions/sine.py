# SPDX-License-Identifier: Apache-2.0
"""Sine and cosine of a phase, a fraction of a turn in 32 bits.

::

    phase    2 bits: quarter | 9 bits: segment | 18 bits: d | 3 bits that are left out

    quarter         0       1       2       3         t = what is below the quarter
    sin             s(t)    s(~t)  -s(t)   -s(~t)     s(t) = sin(t pi / 2)
    cos             s(~t)  -s(t)   -s(~t)   s(t)      ~t = all its bits inverted: 1 - t, but 2^-30

s is a fixed-point number, which becomes a float32 with the rounding of IEEE.
"""

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array
from flightllm_hw.formats.functions.exact import HALF_PI, exact
from flightllm_hw.formats.functions.exact import sine as exact_sine
from flightllm_hw.formats.functions.quadratic import Quadratic, Table

__all__ = ["PHASE_BITS", "SINE_DROP", "SINE_D_BITS", "SINE_POINT", "SINE_SEGMENT_BITS",
           "sine_cosine", "sine_table"]

PHASE_BITS = 32
"""Bits of a phase."""

SINE_SEGMENT_BITS = 9
"""Segments of a quarter, as a power of two."""

SINE_D_BITS = 18
"""The bits of a phase below the segment that count."""

SINE_DROP = PHASE_BITS - 2 - SINE_SEGMENT_BITS - SINE_D_BITS
"""The last bits, which do not."""

SINE_POINT = 26
"""Bits of a sine behind its point."""


@cache
def sine_table() -> Table:
    """sin(t pi / 2) for 0 <= t < 1.

    What the cut loses, 2^-28 of a quarter on average, is not given back: the sine of 0 is 0.
    """
    quadratic = Quadratic(d_bits=SINE_D_BITS, point_0=28, point_1=28, point_2=28, slope_point=28,
                          round_to=SINE_POINT)
    count = 1 << SINE_SEGMENT_BITS
    width = exact.divide(Decimal(1), Decimal(count))

    def quarter(t: Decimal) -> Decimal:
        return exact_sine(exact.multiply(t, HALF_PI))

    return Table(quadratic, tuple(
        quadratic.fit(quarter, exact.multiply(Decimal(n), width), width)
        for n in range(count)))


def sine_cosine(
        phase: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """sin(2 pi phase / 2^32) and cos; at most 2^-24 from them.

    Parameters
    ----------
    phase : ndarray of uint32, any shape

    Returns
    -------
    sine, cosine : ndarray of float32, the same shape
        Exact at the quarters. A zero is positive.

    Raises
    ------
    ValueError
        If ``phase`` is not a nonempty uint32 array.
    """
    phase = require_array("Phases", phase, ("uint32",), None)
    quarter = phase >> PHASE_BITS - 2
    t = (phase & np.uint32((1 << PHASE_BITS - 2) - 1)).astype(np.int64)
    rest = t ^ (1 << PHASE_BITS - 2) - 1
    odd = (quarter & 1).astype(bool)
    return (_signed(np.where(odd, rest, t), quarter >= 2),
            _signed(np.where(odd, t, rest), (quarter == 1) | (quarter == 2)))


def _signed(t: npt.NDArray[np.int64],
            negative: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    table = sine_table()
    kept = t >> SINE_DROP
    d = (kept & (1 << SINE_D_BITS) - 1) - (1 << SINE_D_BITS - 1)
    s = table.evaluate(kept >> SINE_D_BITS, d) >> table.quadratic.point - SINE_POINT
    fixed = np.where(negative, -s, s)
    return fixed.astype(np.float32) * np.float32(2.0 ** -SINE_POINT)
