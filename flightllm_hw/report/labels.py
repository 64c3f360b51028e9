# SPDX-License-Identifier: Apache-2.0
"""Names beside points: where there is room, or nowhere."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, hypot

from flightllm_hw.report.markup import Markup, tag

__all__ = ["Labels", "width_of"]

LETTER, WIDE, HEIGHT, MARKER = 7.1, {"W": 12.5, "M": 12.0}, 14, 6
"""Pixels: a letter's width, and wide ones'; a line's height; half of a marker."""

STEP, CLEAR = 4.0, 3.0
"""The same: between points of a line at which nothing is written; between names."""

Box = tuple[float, float, float, float]

# From the point: how far, and where the text is then.
_ABOVE = ((-8, -6, "end"), (0, -11, "middle"))
_BELOW = ((0, 21, "middle"), (8, 17, ""))
_BESIDE = ((10, 5, ""), (-10, 5, "end"))


def width_of(text: str) -> float:
    """Pixels that a text takes, about."""
    return sum(WIDE.get(letter, LETTER) for letter in text)


class Labels:
    """Of one chart.

    Parameters
    ----------
    width, bottom : float
        Names stay left of and above these.

    Attributes
    ----------
    markup : list of Markup
        Names so far.
    """

    def __init__(self, width: float, bottom: float) -> None:
        self._width, self._bottom = width, bottom
        self._taken: list[Box] = []
        self.markup: list[Markup] = []

    def avoid(self, points: Iterable[tuple[float, float]]) -> None:
        """Nothing is written over these."""
        self._taken += [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in points]

    def avoid_line(self, points: Sequence[tuple[float, float]]) -> None:
        """Nor across the line through these."""
        for (x, y), (a, b) in pairwise(points):
            steps = max(1, ceil(hypot(a - x, b - y) / STEP))
            for n in range(steps + 1):
                u, v = x + (a - x) * n / steps, y + (b - y) * n / steps
                self._taken.append((u - 1, v - 1, u + 1, v + 1))

    def name(self, text: str, x: float, y: float, *, below: bool = False) -> None:
        """Write beside a point, if there is room: above it or ``below`` before elsewhere."""
        wide = width_of(text)
        for dx, dy, anchor in (_BELOW + _BESIDE + _ABOVE if below else _ABOVE + _BESIDE + _BELOW):
            left = x + dx - {"end": wide, "middle": wide / 2, "": 0.0}[anchor]
            box = left, y + dy - HEIGHT + 3, left + wide, y + dy + 3
            if (box[0] < 0 or box[2] > self._width or box[3] > self._bottom
                    or any(_meet(box, other) for other in self._taken)):
                continue
            self._taken.append((box[0] - CLEAR, box[1], box[2] + CLEAR, box[3]))
            self.markup.append(tag("text", text, x=x + dx, y=y + dy,
                                   class_=f"small {anchor}".strip()))
            return


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
