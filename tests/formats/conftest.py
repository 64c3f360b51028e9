# SPDX-License-Identifier: Apache-2.0
"""What the tests of number formats share: exact rational arithmetic to judge them by."""

from fractions import Fraction

import pytest


def _round_to_float32(x):
    if x == 0:
        return Fraction(0)
    exponent = abs(x.numerator).bit_length() - x.denominator.bit_length()
    if abs(x) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round(x / unit) * unit
    return rounded if abs(rounded) >= Fraction(2) ** -126 else Fraction(0)


@pytest.fixture(scope="session")
def fp32():
    """A Fraction's nearest float32, halves to even, subnormals flushed, as a Fraction."""
    return _round_to_float32
