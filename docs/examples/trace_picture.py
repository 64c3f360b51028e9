# SPDX-License-Identifier: Apache-2.0
"""Draws a layer out of a time line that ``flightllm-hw run --trace`` wrote, without a browser::

    flightllm-hw run --prompt "Once" --tokens 2 --trace time.json
    python docs/examples/trace_picture.py time.json -o layer.svg

The layer is a turn of the program's loop: from one beginning of the first product to its next one.
``--turn`` says which, ``--cycles FIRST LAST`` draws something else.
"""

import argparse
import json
from pathlib import Path

from flightllm_hw.report.drawing import alone
from flightllm_hw.report.timeline import Bar, timeline

ROWS = {"MEMORY": "blue", "LANES": "amber", "VECTOR": "green"}
"""Units, as the file names them, and their colours."""


def bars(trace):
    """Complete events as bars, in the order of their beginnings."""
    events = sorted((event for event in trace["traceEvents"] if event["ph"] == "X"),
                    key=lambda event: event["ts"])
    return [Bar(row=event["cat"], start=event["ts"], end=event["ts"] + event["dur"],
                text=event["name"].removeprefix("MISC."), short=event["name"].split(".")[0],
                title=f"{event['args']['pc']}: {event['name']}, cycles {event['ts']:,} to"
                      f" {event['ts'] + event['dur']:,}") for event in events]


def turn(trace, number):
    """From when to when a turn of the loop over layers goes: the first product's beginnings."""
    lanes = sorted((event["ts"], event["args"]["pc"]) for event in trace["traceEvents"]
                   if event["ph"] == "X" and event["cat"] == "LANES")
    begins = [start for start, pc in lanes if pc == lanes[0][1]]
    if not 0 <= number < len(begins) - 1:
        raise ValueError(f"Turn must be in 0..{len(begins) - 2}, not {number!r}")
    return begins[number], begins[number + 1]


def drawn(trace, first, last):
    """The picture's file."""
    return alone(timeline(f"Cycles {first:,} to {last:,}", ROWS, bars(trace), first=first,
                          last=last))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace", type=Path, help="what --trace wrote")
    parser.add_argument("--turn", type=int, default=1, help="of the loop over layers, from 0 on")
    parser.add_argument("--cycles", type=int, nargs=2, metavar=("FIRST", "LAST"))
    parser.add_argument("-o", "--output", type=Path, default=Path("layer.svg"))
    args = parser.parse_args(arguments)
    trace = json.loads(args.trace.read_text(encoding="utf-8"))
    first, last = args.cycles or turn(trace, args.turn)
    args.output.write_text(drawn(trace, first, last), encoding="utf-8")


if __name__ == "__main__":
    main()
