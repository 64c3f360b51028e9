# SPDX-License-Identifier: Apache-2.0
"""Functions as quadratic polynomials with integer coefficients, one for each segment.

In a segment, d goes from -1 to 1, and f ~ c0 + d (c1 + d c2). All are integers, a power of two
times what they mean; the power's exponent is called their point::

                  width     point
    d             d_bits    d_bits - 1        signed
    c0, c1, c2    theirs    point_0, 1, 2
    slope         27        slope_point       c1 + d c2, rounded; of d the upper 18 bits
    f             48        point             c0 + d slope; of the product, if d is longer than a
                                              multiplier is wide, all but the last 17 bits

which is what DSP48E2 slices do: a multiplication of 27 by 18 bits each, and two where d is longer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.functions.exact import exact

__all__ = ["SHORT_BITS", "SPLIT_BITS", "Quadratic", "Table"]

SHORT_BITS = 18
"""What the narrow side of a multiplier takes."""

SPLIT_BITS = 17
"""The lower part of a longer d."""


@dataclass(frozen=True, kw_only=True)
class Quadratic:
    """How polynomials are computed.

    Parameters
    ----------
    d_bits : int
        Width of d, at most 34.
    point_0, point_1, point_2 : int
        Points of c0, c1 and c2.
    slope_point : int
        Point of c1 + d c2.
    round_to : int or None
        To how many bits behind the point the caller cuts f off, fewer than c0 has: the table's c0
        have half of the last one added, so that the cut rounds.
    """

    d_bits: int
    point_0: int
    point_1: int
    point_2: int
    slope_point: int
    round_to: int | None = None

    @property
    def is_split(self) -> bool:
        """Whether d takes two multipliers."""
        return self.d_bits > SHORT_BITS

    @property
    def d_drop(self) -> int:
        """Bits of d that its product with c2 leaves out."""
        return max(0, self.d_bits - SHORT_BITS)

    @property
    def _c2_product_point(self) -> int:
        return self.point_2 + min(self.d_bits, SHORT_BITS) - 1

    @property
    def c1_shift(self) -> int:
        """By how much c1 is shifted to be added to d c2."""
        return self._c2_product_point - self.point_1

    @property
    def slope_drop(self) -> int:
        """Bits of that sum behind the slope; half of the last one is added first."""
        return self._c2_product_point - self.slope_point

    @property
    def point(self) -> int:
        """The point of f."""
        return self.slope_point + self.d_bits - 1 - (SPLIT_BITS if self.is_split else 0)

    @property
    def c0_shift(self) -> int:
        """By how much c0 is shifted to be added to d times the slope."""
        return self.point - self.point_0

    def fit(self, f: Callable[[Decimal], Decimal], start: Decimal, width: Decimal,
            late: Decimal = Decimal(0)) -> tuple[int, int, int]:
        """The coefficients for ``f`` from ``start`` to ``start + width``.

        They interpolate f where Chebyshev's third polynomial is zero, at d = 0 and ± sqrt(3)/2,
        which comes within a few percent of the best. What rounding takes from c2 goes, by half,
        into c0. Where d was cut off, ``late`` says how much of a unit of d is lost on average.
        """
        root = exact.divide(exact.sqrt(Decimal(3)), Decimal(2))
        late = exact.divide(late, Decimal(1 << self.d_bits - 1))

        def at(d: Decimal) -> Decimal:
            part = exact.divide(exact.add(exact.add(d, late), Decimal(1)), Decimal(2))
            return f(exact.fma(part, width, start))

        low, middle, high = at(-root), at(Decimal(0)), at(root)
        a1 = exact.divide(exact.subtract(high, low), exact.multiply(Decimal(2), root))
        bend = exact.subtract(exact.add(high, low), exact.multiply(Decimal(2), middle))
        a2 = exact.divide(exact.multiply(bend, Decimal(2)), Decimal(3))
        c2 = _integer(a2, self.point_2)
        lost = exact.subtract(a2, exact.divide(Decimal(c2), Decimal(1 << self.point_2)))
        a0 = exact.add(middle, exact.divide(lost, Decimal(2)))
        half = 0 if self.round_to is None else 1 << self.point_0 - self.round_to - 1
        return _integer(a0, self.point_0) + half, _integer(a1, self.point_1), c2


def _integer(value: Decimal, point: int) -> int:
    scaled = exact.multiply(value, Decimal(1 << point))
    return int(exact.to_integral_value(scaled))


@dataclass(frozen=True)
class Table:
    """A polynomial for each segment.

    Parameters
    ----------
    quadratic : Quadratic
        How they are computed.
    rows : tuple of (int, int, int)
        c0, c1 and c2 of each segment.
    """

    quadratic: Quadratic
    rows: tuple[tuple[int, int, int], ...]

    @cached_property
    def coefficients(self) -> npt.NDArray[np.int64]:
        """The rows as an array, (3, segments)."""
        return np.ascontiguousarray(np.array(self.rows, np.int64).T)

    @cached_property
    def shapes(self) -> tuple[tuple[int, bool], ...]:
        """Bits that c0, c1 and c2 take, and whether one of them is the sign."""
        return tuple(_shape(column) for column in zip(*self.rows, strict=True))

    @property
    def words(self) -> tuple[int, ...]:
        """A memory's rows: c0 from bit 0 on, then c1, then c2."""
        (bits_0, _), (bits_1, _), (bits_2, _) = self.shapes
        return tuple(c0 & (1 << bits_0) - 1 | (c1 & (1 << bits_1) - 1) << bits_0
                     | (c2 & (1 << bits_2) - 1) << bits_0 + bits_1 for c0, c1, c2 in self.rows)

    def evaluate(self, row: npt.NDArray[Any], d: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """f, the integer, for each segment ``row`` and ``d``."""
        q = self.quadratic
        c0, c1, c2 = (column[row] for column in self.coefficients)
        slope = (c2 * (d >> q.d_drop) + (c1 << q.c1_shift) + ((1 << q.slope_drop) >> 1)
                 >> q.slope_drop)
        f: npt.NDArray[np.int64] = slope * d
        if q.is_split:
            f >>= SPLIT_BITS
        f += c0 << q.c0_shift
        return f


def _shape(values: Sequence[int]) -> tuple[int, bool]:
    signed = min(values) < 0
    bits = max((value if value >= 0 else ~value).bit_length() for value in values)
    return max(bits, 1) + signed, signed
