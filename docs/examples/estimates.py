# SPDX-License-Identifier: Apache-2.0
"""Estimates every point that the RTL was measured at, and writes the table of docs/estimate.md::

    python docs/examples/estimates.py

Points are those of ``tests/estimate/points.json`` and the measurements at full size,
``docs/measurements``.
"""

import argparse
import json
import re
from pathlib import Path

import measurements
from marks import between

from flightllm_hw.cli.work import add_work, work
from flightllm_hw.estimate.estimate import estimate

ROOT = Path(__file__).parents[2]
POINTS, PAGE = ROOT / "tests" / "estimate" / "points.json", ROOT / "docs" / "estimate.md"


def points():
    """``{"arguments": of estimate, "bench": what bench was given beside them, "cycles": ...}``."""
    found = json.loads(POINTS.read_text())
    for name, measured in measurements.measured().items():
        arguments, bench = re.fullmatch(r"(.*?) ?(--layers \d+)?",
                                        measurements.MEASUREMENTS[name]).groups("")
        found.append({"arguments": arguments, "bench": bench, "cycles": measured["cycles"]})
    return found


def wanted(arguments):
    """The work that arguments of ``flightllm-hw estimate`` tell of."""
    parser = argparse.ArgumentParser()
    add_work(parser)
    return work(parser.parse_args(arguments.split()))


def table():
    yield "| `flightllm-hw bench` | RTL | estimated | error |"
    yield "| --- | ---: | ---: | ---: |"
    for point in points():
        rtl, estimated = point["cycles"], estimate(wanted(point["arguments"]))["cycles"]
        said = f"{point['arguments']} {point['bench']}".strip()
        yield f"| `{said}` | {rtl:,} | {estimated:,} | {estimated / rtl - 1:+.2%} |"


def filled(page):
    """The page with the table between its marks."""
    return between(page, "points", table())


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
