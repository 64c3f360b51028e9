# SPDX-License-Identifier: Apache-2.0
"""Pictures as SVG, and what block diagrams are drawn with: boxes, arrows and words.

::

    Drawing(width, height) ── box, arrow, text, add ──► picture(title, description)
                                                           │
                                  in a page as it is ◄─────┴─────► alone: a file of its own

Colours are classes (:mod:`~flightllm_hw.report.style`), so a picture is dark where the screen is.
"""

import re

from flightllm_hw.report.markup import Markup, joined, tag
from flightllm_hw.report.style import COLOURS, DRAWINGS, PICTURES

__all__ = ["Drawing", "alone", "picture"]

MARGIN = 20
"""Pixels around a picture that is a file."""

_OWN = re.compile('class="(?:way|label|fine)')
"""What drawings have and charts have not."""

Spot = tuple[float, float]


def picture(title: str, description: str, width: float, height: float, *inside: str) -> Markup:
    """An SVG of this size, with what those hear of it who do not see it."""
    return tag("svg", tag("title", title), tag("desc", description),
               tag("rect", width=width, height=height, class_="paper"), Markup("\n"),
               joined(*inside), Markup("\n"), xmlns="http://www.w3.org/2000/svg",
               width=width, height=height, viewBox=f"0 0 {width:g} {height:g}", role="img",
               aria_label=title)


def alone(drawn: Markup) -> str:
    """A picture's file: with colours, type and a margin of its own."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    assert found is not None, "no picture"
    width, height = (float(size) + 2 * MARGIN for size in found.groups())
    inside = tag("g", drawn, transform=f"translate({MARGIN} {MARGIN})")
    # Only what a drawing has in it is styled in its file.
    styles = COLOURS + PICTURES + (DRAWINGS if _OWN.search(drawn) else "")
    return tag("svg", Markup("\n"), tag("style", Markup(styles)), Markup("\n"),
               tag("rect", width=width, height=height, rx=8, class_="paper"), Markup("\n"),
               inside, Markup("\n"), xmlns="http://www.w3.org/2000/svg", width=width,
               height=height, viewBox=f"0 0 {width:g} {height:g}") + "\n"


class Drawing:
    """A block diagram of this size, in the making.

    Parameters
    ----------
    width, height : float

    Attributes
    ----------
    parts : list of Markup
        What was drawn so far, what is in front last.
    """

    def __init__(self, width: float, height: float) -> None:
        self._size = width, height
        self.parts: list[Markup] = []

    def add(self, *parts: Markup) -> None:
        """Anything else."""
        self.parts += parts

    def box(self, x: float, y: float, w: float, h: float, title: str = "", *lines: str,
            colour: str = "", top: bool = False) -> None:
        """A box; its title in the middle, or at the ``top`` left of what it holds.

        ``colour`` is blue, amber, green or grey; ``frame`` is none but a border.
        """
        class_ = f"wash {colour}" if colour not in ("", "frame") else colour or "raised edge"
        self.add(tag("rect", x=x, y=y, width=w, height=h, rx=5, class_=class_))
        if top:
            self.text(x + 10, y + 18, title, bold=True)
            for n, line in enumerate(lines):
                self.text(x + 10, y + 34 + 14 * n, line, small=True)
            return
        first = y + h / 2 + 5 - 7 * len(lines) - (0 if title else 8)
        if title:
            self.text(x + w / 2, first, title, bold=True, anchor="middle")
        for n, line in enumerate(lines):
            self.text(x + w / 2, first + 15 + 14 * n, line, small=True, anchor="middle")

    def text(self, x: float, y: float, text: str, *, bold: bool = False, small: bool = False,
             anchor: str = "", also: str = "") -> None:
        """A line of text; ``anchor`` is middle or end, ``also`` more classes."""
        classes = ("fine" if small else "label", "strong" if bold else "", anchor, also)
        self.add(tag("text", text, x=x, y=y, class_=" ".join(filter(None, classes))))

    def arrow(self, *points: Spot, label: str = "", at: Spot = (0.0, 0.0), anchor: str = "middle",
              wide: bool = False, both: bool = False) -> None:
        """A path with a head at its end, or at ``both``; ``at`` is where its label stands."""
        self.line(*points, wide=wide)
        self.add(_head(points[-2], points[-1], wide))
        if both:
            self.add(_head(points[1], points[0], wide))
        if label:
            self.text(*at, label, small=True, anchor=anchor)

    def line(self, *points: Spot, wide: bool = False) -> None:
        """A path without a head."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self.add(tag("path", d=path, class_="way wide" if wide else "way"))

    def mark(self, x: float, y: float, w: float, h: float) -> None:
        """What a text with the class ``warn`` speaks of."""
        self.add(tag("rect", x=x, y=y, width=w, height=h, class_="mark"))

    def picture(self, title: str, description: str = "") -> Markup:
        """All of it."""
        return picture(title, description or title, *self._size, *self.parts)


def _head(start: Spot, end: Spot, wide: bool) -> Markup:
    """The head of an arrow that comes from ``start``; arrows are level or upright."""
    (a, b), (x, y) = start, end
    u, v = ((x > a) - (x < a), 0) if y == b else (0, (y > b) - (y < b))
    long, half = (11, 6) if wide else (9, 4)
    # Along (u, v); across is (v, u), its sign does not matter.
    points = (f"{x - long * u + side * half * v:g} {y - long * v + side * half * u:g}"
              for side in (1, -1))
    return tag("path", d=f"M{x:g} {y:g}L{'L'.join(points)}z", class_="head")
