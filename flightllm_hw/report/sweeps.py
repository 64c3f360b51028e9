# SPDX-License-Identifier: Apache-2.0
"""Cycles of a token against the context, and against bits: estimates as lines, runs as points."""

from collections.abc import Sequence
from typing import Any

from flightllm_hw.report.axis import Axis, linear, powers
from flightllm_hw.report.chart import Point, Series, chart
from flightllm_hw.report.estimates import Sweep
from flightllm_hw.report.markup import Markup

__all__ = ["against_bits", "against_context"]

Found = dict[str, Any]
COLOURS = ("blue", "green", "violet")


def against_context(sweeps: Sequence[Sweep], runs: Sequence[Found]) -> Markup:
    """Over contexts, which double."""
    contexts = [found["context"] for found in _all(sweeps, runs)]
    return _drawn("Cycles a token against the context", "context, positions", sweeps, runs,
                  powers("context, positions", min(contexts), max(contexts)), "context")


def against_bits(sweeps: Sequence[Sweep], runs: Sequence[Found]) -> Markup:
    """Over bits of a weight."""
    bits = sorted({found["bits"] for found in _all(sweeps, runs)})
    axis = Axis("bits of a weight", bits[0] - 0.5, bits[-1] + 0.5, tuple(map(float, bits)))
    return _drawn("Cycles a token against bits", "bits of a weight", sweeps, runs, axis, "bits")


def _all(sweeps: Sequence[Sweep], runs: Sequence[Found]) -> list[Found]:
    return [found for sweep in sweeps for found in sweep.found] + list(runs)


def _drawn(title: str, over: str, sweeps: Sequence[Sweep], runs: Sequence[Found], x: Axis,
           key: str) -> Markup:
    most = max(found["cycles_per_token"] for found in _all(sweeps, runs))
    series = list[Series]()
    for sweep, colour in zip(sweeps, COLOURS, strict=False):
        series.append(Series(label=f"{sweep.label}, estimated", colour=colour, line=True,
                             points=_points(sweep.found, key, "estimated")))
    for sweep, colour in zip(sweeps, COLOURS, strict=False):
        own = [run for run in runs if run["sparsity"] == str(sweep.pattern)]
        if own:
            series.append(Series(label=f"{sweep.label}, simulated", colour=colour, solid=True,
                                 points=_points(own, key, "simulated")))
    words = " ".join(f"{sweep.label}: " + ", ".join(
        f"{found[key]}: {found['cycles_per_token']:,.0f}" for found in sweep.found) + "."
        for sweep in sweeps)
    return chart(title, f"Estimated cycles over {over}. {words}", x,
                 linear("cycles a token", most), series)


def _points(some: Sequence[Found], key: str, kind: str) -> list[Point]:
    return [Point(found[key], found["cycles_per_token"],
                  f"{key} {found[key]}, {kind}: {found['cycles_per_token']:,.0f} cycles a token")
            for found in some]
