# SPDX-License-Identifier: Apache-2.0
"""Cycles by cause: in how many of all cycles each part has work, or waits.

::

    memories deliver      ████████████████████  99.8 %     simulated
                          ░░░░░░░░░░░░░░░░░░░░  99.9 %     estimated
    chains multiply       █████████             43.7 %
                          ░░░░░░░░░░            48.7 %

They overlap: the time is that of whichever has most, and of what nothing else could be done beside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.report.drawing import picture
from flightllm_hw.report.labels import width_of
from flightllm_hw.report.markup import Markup, tag

__all__ = ["Cause", "causes", "shares"]

Found = dict[str, Any]

WIDTH, LEFT, RIGHT, BAR, GAP = 480, 156, 62, 15, 13


@dataclass(frozen=True)
class Cause:
    """Parts of all cycles; None where nothing tells."""

    label: str
    simulated: float | None
    estimated: float | None


def causes(config: AcceleratorConfig, run: Found | None, estimated: Found) -> list[Cause]:
    """What takes the cycles.

    Parameters
    ----------
    config : AcceleratorConfig
    run : dict, optional
        A measurement; of the layers that were simulated.
    estimated : dict
        An estimate.
    """
    said = {name: cycles / estimated["cycles"]
            for name, cycles in estimated["working_cycles"].items()}
    counted = {} if run is None else _counted(config, run)
    labels = (("memory", "memories deliver"), ("engine", "chains multiply"),
              ("special", "special functions"), ("control", "control"),
              ("starved", "chains wait for data"), ("full", "FIFOs are full"))
    return [Cause(label, counted.get(name), said.get(name)) for name, label in labels
            if name in counted or name in said]


def _counted(config: AcceleratorConfig, run: Found) -> dict[str, float]:
    """Shares of counters, lanes' on average."""
    cycles, lanes = run["cycles_simulated"], run["counters"]["lanes"]
    beat = config.lane.beat_bits / 8
    delivered = 1e3 * run["deliverable_gb_s"] / run["clock_mhz"] / config.lanes / beat

    def mean(name: str) -> float:
        return float(sum(lane[name] for lane in lanes) / len(lanes) / cycles)

    own = run["counters"]["global"]
    return {"memory": mean("beats") / delivered, "engine": mean("multiplying"),
            "special": (own["memory_busy"] + own["vector_busy"]) / cycles,
            "starved": mean("starved"), "full": mean("full")}


def shares(title: str, some: Sequence[Cause]) -> Markup:
    """A pair of bars for each cause."""
    simulated = any(cause.simulated is not None for cause in some)
    body, height = list[Markup](), 38.0
    for cause in some:
        bars = [(cause.simulated, "solid", "simulated")] if simulated else []
        bars.append((cause.estimated, "wash", "estimated"))
        bars = [bar for bar in bars if bar[0] is not None]
        body.append(tag("text", cause.label, x=LEFT - 12, y=height + len(bars) * BAR / 2 + 5,
                        class_="end"))
        for share, class_, kind in bars:
            assert share is not None
            body += _bar(share, height, class_, f"{cause.label}, {kind}: {share:.1%} of all cycles")
            height += BAR + 1
        height += GAP
    words = ". ".join(_words(cause) for cause in some)
    return picture(title, f"{words}.", WIDTH, height + 18, *_legend(simulated),
                   *_scale(height), *body)


def _bar(share: float, y: float, class_: str, title: str) -> list[Markup]:
    scale = WIDTH - LEFT - RIGHT
    wide = scale * min(share, 1.0)
    return [tag("rect", tag("title", title), x=LEFT, y=y, width=wide, height=BAR,
                class_=f"{class_} blue"),
            tag("text", f"{100 * share:.1f} %", x=WIDTH, y=y + 12, class_="small end number")]


def _scale(bottom: float) -> Iterator[Markup]:
    for n in range(5):
        x = LEFT + (WIDTH - LEFT - RIGHT) * n / 4
        yield tag("path", d=f"M{x:.1f} 32V{bottom - 4:.1f}", class_="axis" if n == 0 else "grid")
        yield tag("text", f"{25 * n} %", x=x, y=bottom + 12, class_="small muted middle number")


def _legend(simulated: bool) -> Iterator[Markup]:
    at = float(LEFT)
    for class_, kind in (("solid", "simulated"), ("wash", "estimated")):
        if class_ == "solid" and not simulated:
            continue
        yield tag("rect", x=at, y=4, width=20, height=BAR, class_=f"{class_} blue")
        yield tag("text", kind, x=at + 27, y=14, class_="small")
        at += 27 + width_of(kind) + 20


def _words(cause: Cause) -> str:
    told = [f"{share:.1%} {kind}" for share, kind in
            ((cause.simulated, "simulated"), (cause.estimated, "estimated")) if share is not None]
    return f"{cause.label}: {', '.join(told)}"
