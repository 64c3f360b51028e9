# SPDX-License-Identifier: Apache-2.0
"""What the kernel of ``u280`` takes: writes tables and sentences of README.md and of pages::

    flightllm-hw verilog --preset u280 -o build/u280
    python docs/examples/resource_tables.py build/u280/report.json

Without a report, from the one that was kept: ``docs/measurements/u280_resources.json``.
"""

import argparse
import json
from pathlib import Path

from marks import between, paragraph

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "measurements" / "u280_resources.json"

MODULES = (
    "flightllm_u280", "core", "lane_node", "lane", "append", "special_function_unit", "gather",
    "memory_unit", "control", "distribution", "broadcast", "vector_unit", "lanes_unit", "host_port",
    "control_port", "launcher")
"""What the second table has, of all modules."""

PARTS = (
    "sparse_mux", "activation_offer", "skew", "chain_sums", "row_scales", "result_scaler",
    "dequantizer", "planes", "headers", "prefetch_fifo", "activation_buffer", "step_sequencer",
    "sfu_lane", "reductions", "gather", "memory_unit", "control")
"""What the third table has: of those that take most, none that holds another."""

SPECIAL = (
    "special_function_unit", "vector_buffer", "sfu_lane", "exponential", "exp2", "exponent",
    "fp32_quantize", "operand_pair", "reductions", "segment_max", "scalar_steps", "fp32_divide",
    "fp32_multiply", "segment_sum", "pair_sum", "fp32_add", "scalar_file", "rotation_table")
"""The same of the special function unit's page."""

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


def shares(report):
    """Who has how many of the core's LUTs."""
    all_modules = report["modules"]
    core, lanes, vector = (all_modules[name]["lut"] * all_modules[name]["count"]
                           for name in ("core", "lane", "special_function_unit"))
    yield from paragraph(
        f"The lanes alone are {lanes / core:.0%} of the core's LUTs, the special function unit"
        f" {vector / core:.1%}, all that is between and around them"
        f" {1 - (lanes + vector) / core:.0%}.".replace("%", " %"))


def parts(report):
    """Where LUTs go: all instances together, the most first."""
    found = sorted(((report["modules"][name], name) for name in PARTS),
                   key=lambda one: -one[0]["lut"] * one[0]["count"])
    yield "| module of `u280`, with all below it | instances | LUT each | LUT |"
    yield "| --- | ---: | ---: | ---: |"
    for one, name in found:
        yield row(name, *map(number, (one["count"], one["lut"], one["lut"] * one["count"])))
    core = report["modules"]["core"]["lut"]
    share = sum(one["lut"] * one["count"] for one, _ in found) / core
    yield ""
    yield f"Together they are {100 * share:.0f} % of the core's."


def special(report):
    """The special function unit's modules; multipliers are in the lanes' scalers, too."""
    all_modules = report["modules"]
    elsewhere = {"fp32_multiply": 2 * all_modules["result_scaler"]["count"]}
    kinds = [kind for kind in KINDS if kind != "uram"]
    yield "| module, with all below it | instances | DSP | LUT | FF | BRAM | levels |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in SPECIAL:
        one = all_modules[name]
        yield row(name, one["count"] - elsewhere.get(name, 0),
                  *(number(one[kind]) for kind in kinds), one["logic_levels"])


def scalers(report):
    """The lanes' result scalers."""
    one = report["modules"]["result_scaler"]
    yield from paragraph(
        f"A scaler is {one['dsp']} DSPs and {number(one['lut'])} LUTs; all of `u280`'s are"
        f" {number(one['dsp'] * one['count'])} DSPs and {one['lut'] * one['count'] / 1e3:.0f} k"
        f" LUTs, twice what {one['count'] // 2} of them would be.")


TABLES = {ROOT / "README.md": {"resources": whole},
          ROOT / "docs" / "core.md": {"resources": modules, "shares": shares, "parts": parts},
          ROOT / "docs" / "sfu.md": {"resources": special},
          ROOT / "docs" / "lane.md": {"scalers": scalers}}


def filled(path, report):
    """A page with what stands between its marks."""
    page = path.read_text(encoding="utf-8")
    for name, made in TABLES[path].items():
        page = between(page, name, made(report))
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", nargs="?", type=Path, help="a report.json of u280")
    args = parser.parse_args()
    if args.report is not None:
        KEPT.write_text(json.dumps(json.loads(args.report.read_text()), indent=2) + "\n")
    report = json.loads(KEPT.read_text())
    for path in TABLES:
        path.write_text(filled(path, report), encoding="utf-8")


if __name__ == "__main__":
    main()
