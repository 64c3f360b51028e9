# SPDX-License-Identifier: Apache-2.0
"""The picture of a floorplan: dies on top of one another, lanes in them, memory below."""

from collections.abc import Iterator

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.report.drawing import picture
from flightllm_hw.report.floorplan import Die, Floorplan
from flightllm_hw.report.labels import width_of
from flightllm_hw.report.markup import Markup, tag

__all__ = ["dies"]

WIDTH, LEFT, RIGHT, COLUMNS = 480, 12, 44, 12
CELL, HIGH, GAP, BORDER, TITLE, PART = 34.0, 24, 4, 14, 26, 26


def dies(config: AcceleratorConfig, plan: Floorplan) -> Markup:
    """The picture."""
    body, at = list[Markup](), 4.0
    tops, bottoms = dict[int, float](), dict[int, float]()
    for n in reversed(range(len(plan.dies))):
        die = plan.dies[n]
        rows = -(-len(die.lanes) // COLUMNS)
        high = TITLE + rows * (HIGH + GAP) + (PART + GAP if die.parts else 0) + 8
        tops[n], bottoms[n] = at, at + high
        body += _die(die, plan, at, high, rows)
        at += high + BORDER
    home = next(n for n, die in enumerate(plan.dies) if not die.borders)
    body += _ways(plan, tops, bottoms, home)
    body += _memory(config, at)
    words = ". ".join(f"{die.name or 'The device'}: {_lanes(die)}"
                      + "".join(f", {part}" for part in die.parts) for die in reversed(plan.dies))
    return picture(f"A floorplan for {config.name}", f"{words}.", WIDTH, at + 34, *body)


def _lanes(die: Die) -> str:
    if not die.lanes:
        return "no lanes"
    first, last = die.lanes[0], die.lanes[-1]
    return f"lane {first}" if first == last else f"lanes {first} to {last}"


def _die(die: Die, plan: Floorplan, top: float, high: float, rows: int) -> Iterator[Markup]:
    yield tag("rect", x=0.5, y=top, width=WIDTH - RIGHT, height=high, rx=6, class_="raised")
    title = f"{die.name}  ·  {_lanes(die)}" if die.name else _lanes(die)
    yield tag("text", title, x=LEFT, y=top + 18, class_="small strong")
    for place, lane in enumerate(die.lanes):
        x = LEFT + place % COLUMNS * CELL
        y = top + TITLE + place // COLUMNS * (HIGH + GAP)
        yield tag("rect", tag("title", f"lane {lane}"), x=x, y=y, width=CELL - GAP, height=HIGH,
                  rx=3, class_="wash blue")
        yield tag("text", str(lane), x=x + (CELL - GAP) / 2, y=y + 16.5,
                  class_="small middle number")
    x, y = float(LEFT), top + TITLE + rows * (HIGH + GAP)
    for part in die.parts:
        wide = width_of(part) + 18
        yield tag("rect", x=x, y=y, width=wide, height=PART, rx=3,
                  class_=f"wash {'green' if part.startswith('vector') else 'amber'}")
        yield tag("text", part, x=x + wide / 2, y=y + 17.5, class_="small middle")
        x += wide + GAP


def _ways(plan: Floorplan, tops: dict[int, float], bottoms: dict[int, float], home: int
          ) -> Iterator[Markup]:
    """What lanes and the rest tell each other, with a register on either side of a border."""
    x = WIDTH - RIGHT + 16
    if len(plan.dies) == 1:
        return
    middle = {n: (tops[n] + bottoms[n]) / 2 for n in tops}
    yield tag("path", d=f"M{x} {middle[len(middle) - 1]:.1f}V{middle[0]:.1f}", class_="line amber")
    for n, y in middle.items():
        yield tag("path", d=f"M{WIDTH - RIGHT + 0.5} {y:.1f}H{x}", class_="line amber")
        if n == home:
            yield tag("circle", cx=x, cy=y, r=3.5, class_="solid amber")
    for n in range(len(plan.dies) - 1):
        for y in (tops[n] + 10, bottoms[n + 1] - 10):
            yield tag("rect", tag("title", "registers, each way"), x=x - 5, y=y - 4, width=10,
                      height=8, class_="hollow amber")


def _memory(config: AcceleratorConfig, at: float) -> Iterator[Markup]:
    card = config.target
    if card is None:
        text = f"{config.lanes} memories, one a lane"
    else:
        free = card.memory.count - config.lanes
        text = (f"{card.memory.kind}: {card.memory.count} channels, "
                + (f"{config.lanes} of them with a lane" if free else "a lane at each"))
    yield tag("rect", x=0.5, y=at, width=WIDTH - RIGHT, height=28, rx=6, class_="wash grey")
    yield tag("text", text, x=(WIDTH - RIGHT) / 2, y=at + 18.5, class_="small middle")
