# SPDX-License-Identifier: Apache-2.0
"""Axes of charts, and how numbers are written beside them."""

from dataclasses import dataclass
from math import ceil, floor, log, log10

__all__ = ["Axis", "linear", "powers", "short"]


@dataclass(frozen=True)
class Axis:
    """From where to where, and what stands beside it.

    Parameters
    ----------
    label : str
    low, high : float
    ticks : tuple of float
    log : bool
        Whether equal factors are equally long; all is greater than 0 then.
    """

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        if self.log:
            return log(value / self.low) / log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(label: str, most: float) -> Axis:
    """From 0 to a round number that is not below ``most``, in four to seven steps."""
    most = most if most > 0 else 1.0
    unit = 10.0 ** floor(log10(most))
    step = next(s for s in (0.2 * unit, 0.25 * unit, 0.5 * unit, unit, 2 * unit)
                if ceil(most / s) <= 7)
    count = ceil(most / step)
    return Axis(label, 0.0, count * step, tuple(n * step for n in range(count + 1)))


def powers(label: str, low: float, high: float) -> Axis:
    """Powers of two, from one not above ``low`` to one not below ``high``; nine ticks at most."""
    first, last = floor(log(low, 2)), ceil(log(high, 2))
    last = max(last, first + 1)
    each = ceil((last - first) / 8)
    return Axis(label, 2.0 ** first, 2.0 ** last,
                tuple(2.0 ** n for n in range(first, last + 1, each)), log=True)


def short(value: float) -> str:
    """A number for a tick: five digits at most, or three and k, M or G."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= max(unit, 1e5):
            return f"{value / unit:.3g}{name}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
