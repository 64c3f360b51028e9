# SPDX-License-Identifier: Apache-2.0
"""Prints the table of docs/estimate.md: every point of ``points.json``, estimated."""

import argparse
import json
from pathlib import Path

from flightllm_hw.cli import estimate as command
from flightllm_hw.estimate.estimate import estimate


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    print("| `flightllm-hw bench` | RTL | estimated | error |\n| --- | ---: | ---: | ---: |")
    points = json.loads((Path(__file__).parent / "points.json").read_text())
    for point in points:
        arguments, rtl = point["arguments"], point["cycles"]
        found = estimate(command.work(parser.parse_args(["estimate", *arguments.split()])))
        said = f"{arguments} {point['bench']}".strip()
        print(f"| `{said}` | {rtl:,} | {found['cycles']:,} |"
              f" {found['cycles'] / rtl - 1:+.2%} |")


if __name__ == "__main__":
    main()
