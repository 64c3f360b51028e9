# SPDX-License-Identifier: Apache-2.0
"""Time lines: who worked at what, from when to when, as SVG.

::

    MEMORY   [LD.VECTOR]           [ST.VECTOR]
    LANES         [MV            ]              bars of one row that overlap stand below
    VECTOR        [PASS ] [PASS ]               one another; a red line: one waited for the other
             0       500      1,000
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flightllm_hw.report.axis import linear
from flightllm_hw.report.drawing import picture
from flightllm_hw.report.markup import Markup, tag

__all__ = ["Bar", "timeline"]

LEFT, RIGHT, TOP, WIDTH, BAR, GAP = 70, 20, 34, 1000, 18, 14
LETTER = 6.2
"""Pixels, as all of these: a letter of a bar's text is about so wide."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What somebody worked at.

    Parameters
    ----------
    row : str
        Who.
    start, end : float
        From when to when.
    text : str
        What, if there is room in the bar or behind it.
    short : str
        The same, if there is only room for this.
    title : str
        What a browser says of it.
    """

    row: str
    start: float
    end: float
    text: str
    short: str = ""
    title: str = ""


def timeline(title: str, rows: Mapping[str, str], bars: Sequence[Bar], *, first: float,
             last: float, ties: Sequence[tuple[Bar, Bar]] = (), unit: str = "cycles") -> Markup:
    """The picture of what was done between two moments.

    Parameters
    ----------
    title : str
    rows : mapping of str to str
        Their colours (amber, blue, green, grey), the topmost row first.
    bars : sequence of Bar
        In the order of their beginnings; what is outside is left out, what is partly so is cut.
    first, last : float
        What the picture begins and ends with.
    ties : sequence of pairs of Bar
        Lines from one's end to another's beginning.
    unit : str
        Of time.
    """
    seen = [bar for bar in bars if bar.row in rows and bar.end > first and bar.start < last]
    stacked, most = _stacked(seen, rows)
    tops, below = dict[str, float](), float(TOP)
    for row in rows:
        tops[row] = below
        below += most[row] * BAR + GAP
    place = _Place(first, last, tops, stacked)
    free = {(row, n): last + RIGHT / place.scale for row in rows for n in range(most[row])}
    behind = list[float]()
    for bar, at in zip(reversed(seen), reversed(stacked), strict=True):
        behind.append(free[bar.row, at])
        free[bar.row, at] = bar.start
    body = [*_frame(rows, most, place, below, unit),
            *(_bar(bar, n, end, rows[bar.row], place)
              for n, (bar, end) in enumerate(zip(seen, reversed(behind), strict=True)))]
    where = {bar: n for n, bar in enumerate(seen)}
    for giver, taker in ties:
        if giver in where and taker in where:
            y, v = (place.y(bar, where[bar]) + BAR / 2 - 1 for bar in (giver, taker))
            body.append(tag("path", d=f"M{place.x(giver.end):.1f} {y:g}"
                                      f"L{place.x(taker.start):.1f} {v:g}", class_="way warn"))
    words = f"{len(seen)} bars in the rows {', '.join(rows)}."
    return picture(title, words, WIDTH, below + 34,
                   tag("text", title, x=LEFT, y=16, class_="label strong"), *body)


@dataclass(frozen=True)
class _Place:
    """Where things are."""

    first: float
    last: float
    tops: Mapping[str, float]
    stacked: Sequence[int]

    @property
    def scale(self) -> float:
        return (WIDTH - LEFT - RIGHT) / (self.last - self.first)

    def x(self, moment: float) -> float:
        return LEFT + self.scale * (min(max(moment, self.first), self.last) - self.first)

    def y(self, bar: Bar, n: int) -> float:
        return self.tops[bar.row] + BAR * self.stacked[n]


def _stacked(bars: Sequence[Bar], rows: Mapping[str, str]) -> tuple[list[int], dict[str, int]]:
    """How far each bar is below its row's first one, and how many each row has."""
    ends: dict[str, list[float]] = {row: [] for row in rows}
    found = []
    for bar in bars:
        own = ends[bar.row]
        at = next((n for n, end in enumerate(own) if end <= bar.start), len(own))
        own[at:at + 1] = [bar.end]
        found.append(at)
    return found, {row: max(1, len(own)) for row, own in ends.items()}


def _frame(rows: Mapping[str, str], most: Mapping[str, int], place: _Place, below: float,
           unit: str) -> Iterator[Markup]:
    """Rows, their names, and moments."""
    for row in rows:
        yield tag("rect", x=LEFT, y=place.tops[row] - GAP / 4, width=WIDTH - LEFT - RIGHT,
                  height=most[row] * BAR + GAP / 2, class_="raised")
        yield tag("text", row, x=LEFT - 8, y=place.tops[row] + 13, class_="fine end")
    for tick in linear("", place.last - place.first).ticks:
        if tick <= place.last - place.first:
            x = place.x(place.first + tick)
            yield tag("path", d=f"M{x:.1f} {TOP - 4}V{below:g}", class_="grid")
            yield tag("text", f"{place.first + tick:,.0f}", x=x, y=below + 14,
                      class_="fine muted middle number")
    yield tag("text", unit, x=WIDTH - RIGHT, y=below + 30, class_="fine muted end")


def _bar(bar: Bar, n: int, behind: float, colour: str, place: _Place) -> Markup:
    """A bar and what stands in it, or behind it before the next one's beginning."""
    x, y = place.x(bar.start), place.y(bar, n)
    wide = max(1.0, place.x(bar.end) - x)
    text, at = _label(bar, wide, place.scale * (behind - bar.end) - 4)
    said = (tag("text", text, x=x + at, y=y + 12, class_="fine"),) if text else ()
    return tag("g", tag("title", bar.title or bar.text),
               tag("rect", x=x, y=y, width=wide, height=BAR - 2, rx=2, class_=f"wash {colour}"),
               *said)


def _label(bar: Bar, wide: float, gap: float) -> tuple[str, float]:
    """A text and how far it is from the bar's left."""
    def fits(text: str, pixels: float) -> bool:
        return LETTER * len(text) + 4 <= pixels

    if fits(bar.text, wide):
        return bar.text, 3
    if fits(bar.text, gap):
        return bar.text, wide + 4
    return (bar.short, 2) if fits(bar.short, wide + 2) else ("", 0)
