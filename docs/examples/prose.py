# SPDX-License-Identifier: Apache-2.0
"""Sentences of README.md and ``docs/bench.md`` whose numbers are measurements: writes them::

    python docs/examples/prose.py

from what ``docs/measurements`` and ``tests/estimate/points.json`` hold; nothing is simulated.
"""

import json

import estimates
import measurements
from marks import between, paragraph

README = measurements.HERE.parent / "README.md"

FLIGHTLLM = 3.94e6
"""Cycles a token of LLaMA2-7B at W4, as FlightLLM says."""

SMALL = "decode --shape stories260k --preset tiny --bits 8 --group 32 --context 64"
"""The model that is simulated with fewer layers, too."""


def whole_model(found):
    """All layers of LLaMA2-7B."""
    one = found["decode_128"]
    assert one["layers_simulated"] == one["layers"]
    yield from paragraph(
        f"LLaMA2-7B at W{one['bits']} and a context of {one['context']}, all {one['layers']} layers"
        f" simulated on `{one['preset']}`, takes {one['cycles_per_token']:,.0f} cycles a token,"
        f" {one['tokens_per_second']:.1f} tokens a second at {one['clock_mhz']} MHz; FlightLLM"
        f" takes {FLIGHTLLM / 1e6:.2f} M.")


def published(found):
    """FlightLLM beside the same."""
    one = found["decode_128"]
    yield from paragraph(
        f"FlightLLM takes {FLIGHTLLM / 1e6:.2f} M cycles a token at the first of these,"
        f" {FLIGHTLLM / one['clock_mhz'] / 1e3:.1f} ms at {one['clock_mhz']} MHz,"
        f" {FLIGHTLLM / one['cycles_per_token']:.1f} times as many.")


def longer(found):
    """What a longer context costs."""
    short, long = found["decode_128"], found["decode_2048"]
    cycles = long["cycles_per_token"] - short["cycles_per_token"]
    read = long["bytes"] - short["bytes"]
    delivered = read * long["clock_mhz"] / (1e3 * long["deliverable_gb_s"])
    lost = (cycles - delivered) / long["layers"]
    yield from paragraph(
        f"At {long['context']:,} positions a token takes {cycles:,.0f} cycles more than at"
        f" {short['context']}, for {read / 1e6:.0f} MB of keys and values, which memories deliver"
        f" in {delivered:,.0f}; {lost:,.0f} cycles a layer are lost.")


def fewer_layers(_found):
    """The same model, measured whole and extrapolated."""
    points = {point["bench"]: point["cycles"] for point in json.loads(estimates.POINTS.read_text())
              if point["arguments"] == SMALL}
    yield f"| `{SMALL}` | cycles |"
    yield "| --- | ---: |"
    yield f"| all 5 layers | {points['']:,} |"
    for said, cycles in points.items():
        if said:
            yield f"| 3 of 5: `{said}` | {cycles:,} |"


PARAGRAPHS = {README: {"whole model": whole_model},
              measurements.PAGE: {"fewer layers": fewer_layers, "published": published,
                                  "longer": longer}}


def filled(path, found):
    """A page with its sentences between their marks."""
    page = path.read_text(encoding="utf-8")
    for name, made in PARAGRAPHS[path].items():
        page = between(page, name, made(found))
    return page


if __name__ == "__main__":
    for path in PARAGRAPHS:
        path.write_text(filled(path, measurements.measured()), encoding="utf-8")
