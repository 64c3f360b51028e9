# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw bench``: what a model of a shape takes on the simulated RTL."""

import argparse
import json
from pathlib import Path
from typing import Any

from flightllm_hw.bench.bench import bench

from .options import UsageError, add_command, count, is_flm
from .progress import Progress
from .summary import print_bench
from .work import add_work, work

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "bench", "measure the simulated RTL with random weights",
        "decode --shape stories110m --preset small --context 128 --layers 2",
        "prefill --preset tiny --shape stories260k --tokens 16 --json")
    add_work(parser)
    parser.add_argument("--layers", metavar="N", type=count,
                        help="simulate so many, and extrapolate (default: all)")
    parser.add_argument("--seed", metavar="S", type=int, default=0,
                        help="of weights, tokens, keys and values (default: 0)")
    parser.add_argument("--check", action=argparse.BooleanOptionalAction, default=True,
                        help="compare all memory with the golden machine's (default: yes)")
    parser.add_argument("--keep", metavar="FILE.flm", type=Path,
                        help="keep the compiled model there, and take it from there the next time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    if args.keep is not None and not is_flm(args.keep):
        raise UsageError(f"The kept model's name must end in .flm, not {args.keep.name!r}")
    wanted = work(args, layers=args.layers, seed=args.seed)
    with Progress() as progress:
        found = bench(wanted, check=args.check, keep=args.keep, progress=progress.tell)
    if args.json:
        print(json.dumps(found))
    else:
        print_bench(found, wanted.config)
    return 0 if found["bit_exact"] is not False else 1
