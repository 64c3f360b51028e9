# SPDX-License-Identifier: Apache-2.0
"""Real functions to 40 digits, from which the tables are made: the same on every machine.

Python's ``decimal`` rounds exp, ln, sqrt and the four operations correctly, so that no table
depends on a processor or a mathematics library.
"""

from decimal import Context, Decimal

__all__ = ["HALF_PI", "LOG2_E", "exact", "log2_normal_tail", "log2_one_plus_exp", "sine"]

exact = Context(prec=50)
"""In which everything here is computed; the digits lost on the way leave 40."""

LN_2 = exact.ln(Decimal(2))

LOG2_E = exact.divide(Decimal(1), LN_2)
"""log2(e)."""

HALF_PI = Decimal("1.5707963267948966192313216916397514420985846996875529")
"""pi / 2."""

# Below it the series of the normal distribution, from it on the continued fraction.
_FRACTION_FROM = 3
_FRACTION_TERMS = 400


def log2_one_plus_exp(u: Decimal) -> Decimal:
    """log2(1 + e^u)."""
    return exact.divide(exact.ln(exact.add(Decimal(1), exact.exp(u))), LN_2)


def log2_normal_tail(u: Decimal) -> Decimal:
    """log2(Phi(-u)), u >= 0, of the normal distribution Phi.

    With the density phi(u) = e^(-u^2 / 2) / sqrt(2 pi)::

        Phi(-u) = 1/2 - phi(u) (u + u^3 / 3 + u^5 / (3 5) + ...)
                = phi(u) / (u + 1 / (u + 2 / (u + 3 / ...)))
    """
    square = exact.multiply(u, u)
    root = exact.sqrt(exact.multiply(Decimal(4), HALF_PI))
    density = exact.divide(exact.exp(exact.divide(square, Decimal(-2))), root)
    if u < _FRACTION_FROM:
        term = total = u
        odd = 1
        while term > Decimal("1e-50"):
            odd += 2
            term = exact.divide(exact.multiply(term, square), Decimal(odd))
            total = exact.add(total, term)
        tail = exact.subtract(Decimal("0.5"), exact.multiply(density, total))
    else:
        below = u
        for n in range(_FRACTION_TERMS, 0, -1):
            below = exact.add(u, exact.divide(Decimal(n), below))
        tail = exact.divide(density, below)
    return exact.divide(exact.ln(tail), LN_2)


def sine(angle: Decimal) -> Decimal:
    """sin(angle), 0 <= angle <= 2, by its series."""
    square = exact.multiply(angle, angle)
    term = total = angle
    n = 1
    while abs(term) > Decimal("1e-50"):
        term = exact.divide(exact.multiply(term, square), Decimal(-(n + 1) * (n + 2)))
        total = exact.add(total, term)
        n += 2
    return total
