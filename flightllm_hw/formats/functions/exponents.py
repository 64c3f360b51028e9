# SPDX-License-Identifier: Apache-2.0
"""Exponents: V(u) >= 0 of three functions that are powers of two, 2^V or 2^-V, for u = |x|.

::

    EXP        e^u       = 2^V     V(u) = u log2(e)
    SIGMOID    s(-u)     = 2^-V    V(u) = log2(1 + e^u)
    GELU       Phi(-u)   = 2^-V    V(u) = -log2(Phi(-u))

A float32 is an address as it is: its exponent names the binade, the fraction's upper bits a segment
of it, the rest is d, exact. No number is ever shifted to a fixed point::

    exponent ──► pages ──┬── base ───(or)──► row of the table
                         └── shift ──.  │
    fraction ─────────────────────(<<)──┴──► d                       1, 16, 64 or 128 rows a binade

Below the first binade V is what it is at 0. Above the last one it is 255 and more: beyond float32
as 2^V, zero as 2^-V, and 1 as 1 - 2^-V.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.functions.exact import (
    LOG2_E,
    exact,
    log2_normal_tail,
    log2_one_plus_exp,
)
from flightllm_hw.formats.functions.quadratic import Quadratic, Table

__all__ = ["EXP", "FRACTION_BITS", "GELU", "PAGE_EXPONENTS", "SEGMENT_BITS", "SIGMOID", "Page",
           "exponent", "exponent_pages", "exponent_table"]

EXP, SIGMOID, GELU = 0, 1, 2
"""The functions, in the order of their pages."""

FRACTION_BITS = 23
"""Of a float32, and so of d."""

SEGMENT_BITS = (0, 4, 6, 7)
"""Upper bits of a fraction that name a segment, by a page's ``shift``."""

PAGE_EXPONENTS = 64
"""Pages of a function: one for each exponent from 96 to 159, under the exponent's last 6 bits.
Exponents below and above are taken for 96 and 159."""

FIRST, LAST = 101, 133
"""Biased exponents of the binades that have segments: 2^-26 up to 2^7."""


@dataclass(frozen=True)
class Page:
    """Where a binade's segments are.

    Parameters
    ----------
    base : int
        Its first row, a multiple of their number.
    shift : int
        Index into :data:`SEGMENT_BITS`.
    """

    base: int
    shift: int


def _exp(u: Decimal) -> Decimal:
    return exact.multiply(u, LOG2_E)


def _gelu(u: Decimal) -> Decimal:
    return exact.minus(log2_normal_tail(u))


_FUNCTIONS: dict[int, Callable[[Decimal], Decimal]] = {
    EXP: _exp, SIGMOID: log2_one_plus_exp, GELU: _gelu}

# The shift of each binade, from 2^6 downwards; 0 from the last one named on. The straight line
# needs segments for the width of its slope alone. For u >= 32 SIGMOID is EXP to the last bit.
_SHIFTS = {
    EXP: (2, 2, 1, 1, 1, 1),
    SIGMOID: (2, 2, 1, 2, 2, 2, 2, 1, 1, 1),
    GELU: (0, 0, 0, 3, 2, 2, 2, 1, 1, 1, 1, 1),
}

# Above all exponents; and where Phi(-u), u >= 16, is long zero.
_HUGE = Decimal(255)

_QUADRATIC = Quadratic(d_bits=FRACTION_BITS, point_0=25, point_1=25, point_2=24, slope_point=26)


@cache
def _built() -> tuple[Table, tuple[Page, ...]]:
    """All rows, those of equal number together so that every base is a multiple of it."""
    rows: list[tuple[int, int, int]] = []
    pages: dict[tuple[int, int], Page] = {}
    for shift in reversed(range(len(SEGMENT_BITS))):
        for function, f in _FUNCTIONS.items():
            for biased in range(FIRST - 1, LAST + 2):
                shifts = _SHIFTS[function]
                place = LAST - biased
                if shift != (shifts[place] if 0 <= place < len(shifts) else 0):
                    continue
                if function == SIGMOID and biased in (LAST - 1, LAST):
                    pages[function, biased] = pages[EXP, biased]
                    continue
                pages[function, biased] = Page(len(rows), shift)
                if biased < FIRST:
                    rows.append((_QUADRATIC.fit(f, Decimal(0), Decimal(0))[0], 0, 0))
                elif biased > LAST or function == GELU and biased > 130:
                    rows.append((int(_HUGE) << _QUADRATIC.point_0, 0, 0))
                else:
                    rows += _binade(f, biased, 1 << SEGMENT_BITS[shift])

    def page(function: int, last_bits: int) -> Page:
        biased = last_bits + (64 if last_bits & 32 else 128)
        return pages[function, min(max(biased, FIRST - 1), LAST + 1)]

    return Table(_QUADRATIC, tuple(rows)), tuple(
        page(function, last_bits) for function in _FUNCTIONS for last_bits in range(PAGE_EXPONENTS))


def _binade(f: Callable[[Decimal], Decimal], biased: int, count: int) -> list[tuple[int, int, int]]:
    start = exact.power(Decimal(2), Decimal(biased - 127))
    width = exact.divide(start, Decimal(count))
    return [_QUADRATIC.fit(f, exact.fma(Decimal(n), width, start), width) for n in range(count)]


def exponent_table() -> Table:
    """The segments of all functions."""
    return _built()[0]


def exponent_pages() -> tuple[Page, ...]:
    """A page for each function and the last 6 bits of an exponent."""
    return _built()[1]


@cache
def _page_arrays() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    pages = [exponent_pages()[function << 6 | min(max(biased, 96), 159) & 63]
             for function in _FUNCTIONS for biased in range(256)]
    return (np.array([page.base for page in pages]),
            np.array([SEGMENT_BITS[page.shift] for page in pages]))


def exponent(function: int, magnitude: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """V(u), 31 bits of it behind the point.

    Parameters
    ----------
    function : int
        EXP, SIGMOID or GELU.
    magnitude : ndarray of uint32
        The bits of u, a float32 without sign; subnormals are small, NaN and infinity huge.

    Returns
    -------
    ndarray of int64
        40 bits, not negative; at least 1 for SIGMOID and GELU, whose 2^-V is at most 1/2.
    """
    base, bits = _page_arrays()
    page = (function << 8) + (magnitude >> FRACTION_BITS).astype(np.int64)
    shifted = (magnitude & np.uint32((1 << FRACTION_BITS) - 1)).astype(np.int64) << bits[page]
    d = (shifted & (1 << FRACTION_BITS) - 1) - (1 << FRACTION_BITS - 1)
    return exponent_table().evaluate(base[page] + (shifted >> FRACTION_BITS), d)
