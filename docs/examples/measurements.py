# SPDX-License-Identifier: Apache-2.0
"""Measures the accelerator at full size, and writes the tables of ``docs/bench.md``::

    python docs/examples/measurements.py [NAME ...]     run these, or all; then the tables
    python docs/examples/measurements.py --tables       from what docs/measurements holds

A measurement is a call of ``flightllm-hw bench``; all of them take about five hours on two cores.
Each leaves its JSON, as it is printed, in ``docs/measurements/NAME.json``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from marks import between

HERE = Path(__file__).parent.parent
FOLDER, PAGE = HERE / "measurements", HERE / "bench.md"

U280 = "--preset u280"
MEASUREMENTS = {
    "decode_128": f"decode --shape llama2-7b {U280} --bits 4 --group 128 --context 128",
    "decode_128_3_layers":
        f"decode --shape llama2-7b {U280} --bits 4 --group 128 --context 128 --layers 3",
    "decode_2048":
        f"decode --shape llama2-7b {U280} --bits 4 --group 128 --context 2048 --layers 3",
    "decode_3.5_bits": f"decode --shape llama2-7b {U280} --recipe docs/measurements/bits_3.5.json"
                       " --context 128 --layers 3",
    "decode_2_4": f"decode --shape llama2-7b {U280} --bits 4 --group 128 --sparsity 2:4"
                  " --context 128 --layers 3",
    "decode_2_4_2048": f"decode --shape llama2-7b {U280} --bits 4 --group 128 --sparsity 2:4"
                       " --context 2048 --layers 2",
    "decode_w2_2_4": f"decode --shape llama2-7b {U280} --bits 2 --group 128 --sparsity 2:4"
                     " --context 128 --layers 3",
    "decode_stories110m":
        f"decode --shape stories110m {U280} --bits 8 --group 32 --context 128 --layers 3",
    "decode_llama3_8b":
        f"decode --shape llama3-8b {U280} --bits 4 --group 128 --context 128 --layers 2",
    "decode_opt_6.7b":
        f"decode --shape opt-6.7b {U280} --bits 4 --group 128 --context 128 --layers 2",
    "prefill_16": f"prefill --shape llama2-7b {U280} --bits 4 --group 128 --context 128"
                  " --tokens 16 --layers 2",
    "prefill_128": f"prefill --shape llama2-7b {U280} --bits 4 --group 128 --context 128"
                   " --tokens 128 --layers 4",
    "prefill_128_2_4": f"prefill --shape llama2-7b {U280} --bits 4 --group 128 --sparsity 2:4"
                       " --context 128 --tokens 128 --layers 4",
    "prefill_16_2_4": f"prefill --shape llama2-7b {U280} --bits 4 --group 128 --sparsity 2:4"
                      " --context 128 --tokens 16 --layers 2",
}
"""Names, and what they call."""


def measure(name):
    """Run one."""
    command = [Path(sys.executable).with_name("flightllm-hw"), "bench",
               *MEASUREMENTS[name].split(), "--json"]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True)
    (FOLDER / f"{name}.json").write_text(done.stdout)


def measured():
    """All that there are, by name."""
    return {name: json.loads(path.read_text()) for name in MEASUREMENTS
            if (path := FOLDER / f"{name}.json").exists()}


def decode_table(found):
    """Cycles a token."""
    yield ("| measurement | of the layers | cycles a token | tokens a second | of what memories"
           " deliver | bit-exact |")
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for name, one in found.items():
        if one["mode"] == "decode":
            yield (f"| `{name}` | {one['layers_simulated']} of {one['layers']} |"
                   f" {one['cycles_per_token']:,.0f} | {one['tokens_per_second']:.1f} |"
                   f" {one['bandwidth_share']:.1%} | {'yes' if one['bit_exact'] else 'no'} |")


def prefill_table(found):
    """Multiply-accumulates."""
    yield ("| measurement | of the layers | cycles a token | multiply-accumulates a DSP and cycle |"
           " as if dense | bit-exact |")
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for name, one in found.items():
        if one["mode"] == "prefill":
            yield (f"| `{name}` | {one['layers_simulated']} of {one['layers']} |"
                   f" {one['cycles_per_token']:,.0f} | {one['mac_per_dsp_per_cycle']:.2f} |"
                   f" {one['mac_dense_equivalent_per_dsp_per_cycle']:.2f} |"
                   f" {'yes' if one['bit_exact'] else 'no'} |")


def commands_table(found):
    """What was called."""
    yield "| measurement | `flightllm-hw bench` |"
    yield "| --- | --- |"
    yield from (f"| `{name}` | `{MEASUREMENTS[name]}` |" for name in found)


def speed_table(found):
    """How fast the simulation was."""
    yield "| measurement | cycles simulated | a second | compiling | building the simulator |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, one in found.items():
        yield (f"| `{name}` | {one['cycles_simulated']:,} |"
               f" {one['simulated_cycles_per_second']:,.0f} | {one['compile_seconds']:.0f} s |"
               f" {one['build_seconds']:.0f} s |")


TABLES = {"decode": decode_table, "prefill": prefill_table, "commands": commands_table,
          "speed": speed_table}


def filled(page, found):
    """The page with all tables between their marks."""
    for name, table in TABLES.items():
        page = between(page, name, table(found))
    return page


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"one of {', '.join(MEASUREMENTS)}")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}: {', '.join(MEASUREMENTS)}")
    for name in [] if args.tables else args.names or MEASUREMENTS:
        measure(name)
    PAGE.write_text(filled(PAGE.read_text(), measured()))


if __name__ == "__main__":
    main()
