# SPDX-License-Identifier: Apache-2.0
"""Estimates every point that the RTL was measured at, and writes the table of docs/estimate.md::

    python docs/examples/estimates.py
    python docs/examples/estimates.py --measure     the points of tests/estimate on the RTL, first

Points are those of ``tests/estimate/points.json`` and the measurements at full size,
``docs/measurements``.
"""

import argparse
import json
import re
import subprocess
import sys
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


def measure():
    """Run what ``points.json`` names on the RTL, and write its cycles there."""
    command = [Path(sys.executable).with_name("flightllm-hw"), "bench"]
    lines = []
    for point in json.loads(POINTS.read_text()):
        done = subprocess.run([*command, *f"{point['arguments']} {point['bench']}".split(),
                               "--no-check", "--json"],
                              cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        lines.append(json.dumps(point | {"cycles": json.loads(done.stdout)["cycles"]}))
    POINTS.write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")


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


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="on the RTL, about ten minutes")
    if parser.parse_args(argv).measure:
        measure()
    PAGE.write_text(filled(PAGE.read_text()))


if __name__ == "__main__":
    main()
