# SPDX-License-Identifier: Apache-2.0
"""What the kernel of ``u280`` takes: writes the tables of README.md and ``docs/core.md``::

    flightllm-hw verilog --preset u280 -o build/u280
    python docs/examples/resource_tables.py build/u280/report.json

Without a report, from the one that was kept: ``docs/measurements/u280_resources.json``.
"""

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "measurements" / "u280_resources.json"

MODULES = (
    "flightllm_u280", "core", "lane_node", "lane", "append", "special_function_unit", "gather",
    "memory_unit", "control", "distribution", "broadcast", "vector_unit", "lanes_unit", "host_port",
    "control_port", "launcher")
"""What the second table has, of all modules."""

KINDS = ("dsp", "lut", "ff", "bram", "uram")
FLIGHTLLM = {"dsp": "6,345", "lut": "574 k", "ff": "943 k", "bram": "1,252", "uram": "792"}


def number(value):
    """With commas; a whole number without a point."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def whole(report):
    """The kernel beside the card, and beside FlightLLM."""
    yield "| | DSP | LUT | FF | BRAM | URAM | LUT levels |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    yield row("kernel of `u280`", *(number(report[kind]) for kind in KINDS),
              report["logic_levels"])
    yield row("of the card", *(f"{report['card'][kind]['percent']} %" for kind in KINDS), "")
    yield row("FlightLLM", *FLIGHTLLM.values(), "")
    yield ""
    yield "Small LUTs with inputs in common share one, as the vendor's tools place them; were none"
    yield f"shared, it would be {number(report['lut'] + report['lut_pairs'])}."


def modules(report):
    """Modules with all below them."""
    yield ("| module of `u280`, with all below it | instances | DSP | LUT | FF | BRAM | URAM |"
           " levels |")
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in MODULES:
        one = report["modules"][name]
        yield row(name, one["count"], *(number(one[kind]) for kind in KINDS), one["logic_levels"])


TABLES = {ROOT / "README.md": whole, ROOT / "docs" / "core.md": modules}
FIRST, LAST = "<!-- resources -->\n", "<!-- end of resources -->"


def filled(path, report):
    """A page with its table between the marks."""
    before, rest = path.read_text(encoding="utf-8").split(FIRST)
    return before + FIRST + "\n".join(TABLES[path](report)) + "\n" + LAST + rest.split(LAST)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", nargs="?", type=Path, help="a report.json of u280")
    args = parser.parse_args()
    if args.report is not None:
        KEPT.write_text(json.dumps(json.loads(args.report.read_text())) + "\n")
    report = json.loads(KEPT.read_text())
    for path in TABLES:
        path.write_text(filled(path, report), encoding="utf-8")


if __name__ == "__main__":
    main()
