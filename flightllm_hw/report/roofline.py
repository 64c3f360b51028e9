# SPDX-License-Identifier: Apache-2.0
"""The roofline: how many multiply-accumulates a cycle, against how many for each byte read.

::

    MACs     chains' peak ________________   min(peak, x times the bytes that memories
    a cycle              /                       can deliver in a cycle)
                       / ridge
                     /
                  MACs for each byte, x
"""

from collections.abc import Sequence
from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.report.axis import powers
from flightllm_hw.report.chart import Point, Series, chart
from flightllm_hw.report.markup import Markup

__all__ = ["intensity", "rate", "ridge", "roofline"]

Found = dict[str, Any]


def rate(config: AcceleratorConfig, found: Found) -> float:
    """Multiply-accumulates a cycle that the model asks for."""
    return float(found["mac_per_dsp_per_cycle"] * config.dsp)


def intensity(config: AcceleratorConfig, found: Found) -> float:
    """The same for each byte that lanes read."""
    return float(rate(config, found) * found["cycles"] / found["bytes"])


def _delivered(found: Found) -> float:
    """Bytes a cycle that memories can deliver."""
    return float(1e3 * found["deliverable_gb_s"] / found["clock_mhz"])


def ridge(config: AcceleratorConfig, found: Found) -> float:
    """Multiply-accumulates for each byte at which chains and memories are equally fast."""
    return config.macs / _delivered(found)


def roofline(config: AcceleratorConfig, decode: Sequence[Found], prefill: Sequence[Found],
             runs: Sequence[Found]) -> Markup:
    """Estimates of decode and prefill over bits, hollow; runs of the RTL, filled.

    Parameters
    ----------
    config : AcceleratorConfig
    decode, prefill : sequence of dict
        Estimates.
    runs : sequence of dict
        Measurements.
    """
    everything = [*decode, *prefill, *runs]
    corner = ridge(config, everything[0])
    x = [intensity(config, found) for found in everything]
    along = powers("multiply-accumulates for each byte read", min([*x, corner / 2]),
                   max([*x, corner * 2]))
    rates = [rate(config, found) for found in everything]
    peak = float(config.macs)
    up = powers("multiply-accumulates a cycle", min([*rates, along.low * peak / corner]), peak)

    def series(mode: str, some: Sequence[Found], *, solid: bool) -> list[Series]:
        own = [found for found in some if found["mode"] == mode]
        kind = "simulated" if solid else "estimated"
        colour, shape = ("blue", "circle") if mode == "decode" else ("amber", "square")
        return [Series(label=f"{mode}, {kind}", colour=colour, shape=shape, solid=solid,
                       below=solid or mode == "prefill",
                       points=[_point(config, found, kind) for found in own])] if own else []

    roof = [(along.low, along.low * peak / corner), (corner, peak), (along.high, peak)]
    return chart(
        f"Roofline of {config.name}",
        f"Chains do {config.macs:,} multiply-accumulates a cycle at most, memories deliver"
        f" {_delivered(everything[0]):,.0f} bytes a cycle; both are reached at {corner:.2f} for"
        " each byte.",
        along, up, [
            Series(label="", colour="grey", line=True, shape="",
                   points=[Point(a, max(b, up.low)) for a, b in roof]),
            Series(label="", colour="grey", line=True, shape="", dashed=True,
                   points=[Point(corner, up.low), Point(corner, peak)]),
            *series("decode", decode, solid=False), *series("prefill", prefill, solid=False),
            *series("decode", runs, solid=True), *series("prefill", runs, solid=True)])


def _point(config: AcceleratorConfig, found: Found, kind: str) -> Point:
    sparse = "" if found["sparsity"] == "dense" else f" {found['sparsity']}"
    name = f"W{found['bits']}{sparse}"
    x, y = intensity(config, found), rate(config, found)
    return Point(x, y, f"{found['mode']} {name}, {kind}: {y:,.0f} a cycle, {x:.2f} for each byte",
                 name if kind == "estimated" or sparse else "")
