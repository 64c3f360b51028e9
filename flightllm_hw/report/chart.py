# SPDX-License-Identifier: Apache-2.0
"""Charts: lines and points between two axes, as SVG.

::

    ── line   ○ estimated   ● simulated      legend, as many rows as it takes
    y label
     │    ○
     │  ●
     └───────
         x label

Names of points stand beside them where nothing else does; a browser shows what each point is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flightllm_hw.report.axis import Axis, short
from flightllm_hw.report.drawing import picture
from flightllm_hw.report.labels import Labels, width_of
from flightllm_hw.report.markup import Markup, tag

__all__ = ["Point", "Series", "chart"]

WIDTH, PLOT = 480, 250
LEFT, RIGHT, ROW = 54, 18, 23


@dataclass(frozen=True)
class Point:
    """Where it is, what a browser says of it, and its name, if it has one."""

    x: float
    y: float
    title: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one kind.

    Parameters
    ----------
    label : str
        In the legend; there is none without.
    colour : str
        Its class: blue, amber, green, violet or grey.
    points : sequence of Point
    line : bool
        Whether a line goes through them.
    shape : str
        circle, square or diamond; none, if empty.
    solid : bool
        Whether shapes are filled: what was simulated is.
    dashed : bool
    below : bool
        Whether names stand below the points rather than above.
    """

    label: str
    colour: str
    points: Sequence[Point]
    line: bool = False
    shape: str = "circle"
    solid: bool = False
    dashed: bool = False
    below: bool = False


def chart(title: str, description: str, x: Axis, y: Axis, all_series: Sequence[Series]) -> Markup:
    """The chart of all series, those in front last."""
    legend, rows = _legend(all_series)
    top = ROW * rows + 30
    bottom = top + PLOT

    def place(point: Point) -> tuple[float, float]:
        return (LEFT + (WIDTH - LEFT - RIGHT) * x.at(point.x), bottom - PLOT * y.at(point.y))

    shapes, labels = list[Markup](), Labels(WIDTH, bottom)
    for series in all_series:
        if series.shape:
            labels.avoid(map(place, series.points))
        if series.line:
            labels.avoid_line(list(map(place, series.points)))
    for series in all_series:
        spots = [place(point) for point in series.points]
        if series.line:
            shapes.append(tag("path", d="M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in spots),
                              class_=f"line {series.colour}{' dashed' * series.dashed}"))
        for point, spot in zip(series.points, spots, strict=True):
            if series.shape:
                shapes.append(_marker(series, spot, point.title))
            if point.name:
                labels.name(point.name, *spot, below=series.below)
    return picture(title, description, WIDTH, bottom + 46, *legend,
                   *_frame(x, y, top, bottom), *shapes, *labels.markup)


def _frame(x: Axis, y: Axis, top: float, bottom: float) -> Iterable[Markup]:
    """Grid, axes and what stands beside them."""
    right = WIDTH - RIGHT
    for tick in y.ticks:
        at = bottom - PLOT * y.at(tick)
        yield tag("path", d=f"M{LEFT} {at:.1f}H{right}", class_="grid")
        yield tag("text", short(tick), x=LEFT - 8, y=at + 4, class_="small muted end number")
    for tick in x.ticks:
        at = LEFT + (right - LEFT) * x.at(tick)
        yield tag("path", d=f"M{at:.1f} {bottom}v5", class_="axis")
        yield tag("text", short(tick), x=at, y=bottom + 20, class_="small muted middle number")
    yield tag("path", d=f"M{LEFT} {bottom}H{right}", class_="axis")
    yield tag("text", y.label, x=0, y=top - 14, class_="small muted")
    yield tag("text", x.label, x=right, y=bottom + 40, class_="small muted end")


def _marker(series: Series, spot: tuple[float, float], title: str) -> Markup:
    """A point's shape."""
    a, b = spot
    said = (tag("title", title),) if title else ()
    class_ = f"{'solid' if series.solid else 'hollow'} {series.colour}"
    if series.shape == "circle":
        return tag("circle", *said, cx=a, cy=b, r=4.5, class_=class_)
    if series.shape == "square":
        return tag("rect", *said, x=a - 4.2, y=b - 4.2, width=8.4, height=8.4, class_=class_)
    return tag("path", *said, d=f"M{a:.1f} {b - 6:.1f}l6 6l-6 6l-6 -6z", class_=class_)


def _legend(all_series: Sequence[Series]) -> tuple[list[Markup], int]:
    """What each series is, and the rows that this takes."""
    found, at, row = list[Markup](), 0.0, 0
    for series in all_series:
        if not series.label:
            continue
        wide = 34 + width_of(series.label)
        if at and at + wide > WIDTH:
            at, row = 0.0, row + 1
        y = ROW * row + 14
        if series.line:
            found.append(tag("path", d=f"M{at:.1f} {y - 4}h24",
                             class_=f"line {series.colour}{' dashed' * series.dashed}"))
        if series.shape:
            found.append(_marker(series, (at + 12, y - 4), ""))
        found.append(tag("text", series.label, x=at + 31, y=y, class_="small"))
        at += wide + 16
    return found, row + 1
