# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw bench``: what a model of a shape takes on the simulated RTL."""

import argparse
import json
from pathlib import Path
from typing import Any

from flightllm_hw.bench.bench import bench
from flightllm_hw.bench.shapes import SHAPES, shape
from flightllm_hw.bench.work import Work

from .options import (
    UsageError,
    add_configuration,
    add_setting,
    configuration,
    count,
    is_flm,
    recipe,
)
from .progress import Progress
from .summary import print_bench

__all__ = ["add", "add_work"]

CONTEXT = 128
"""Of a measurement that says nothing else."""

BITS, GROUP = 4, 128
"""Of weights, where nothing else is said."""


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("bench", help="measure the simulated RTL with random weights")
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


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add what tells of a model and what is asked of it."""
    parser.add_argument("mode", choices=("decode", "prefill"),
                        help="one token at the context's end, or tokens from its beginning on")
    parser.add_argument("--shape", metavar="S", default="llama2-7b",
                        help=f"of the model: {', '.join(SHAPES)}, or a .json file with the fields"
                             " of a model's configuration (default: llama2-7b)")
    add_configuration(parser, required=True)
    add_setting(parser, BITS, GROUP)
    parser.add_argument("--context", metavar="N", type=count,
                        help=f"tokens that there is room for (default: {CONTEXT}, or as many as"
                             " --tokens, up to a multiple of it)")
    parser.add_argument("--tokens", metavar="N", type=count,
                        help="to prefill (default: the context)")


def _execute(args: argparse.Namespace) -> int:
    work = _work(args)
    with Progress() as progress:
        found = bench(work, check=args.check, keep=args.keep, progress=progress.tell)
    if args.json:
        print(json.dumps(found))
    else:
        print_bench(found, work.config)
    return 0 if found["bit_exact"] is not False else 1


def _work(args: argparse.Namespace) -> Work:
    model = shape(args.shape)
    if args.keep is not None and not is_flm(args.keep):
        raise UsageError(f"The kept model's name must end in .flm, not {args.keep.name!r}")
    if args.mode == "decode" and args.tokens is not None:
        raise UsageError("Only prefill takes --tokens; a decoded token is one")
    context = args.context
    if context is None:
        context = min(-(-(args.tokens or 1) // CONTEXT) * CONTEXT, model.context)
    return Work(
        mode=args.mode, name=args.shape, model=model, config=configuration(args),
        recipe=recipe(args, BITS, GROUP), context=context,
        tokens=1 if args.mode == "decode" else args.tokens or context,
        layers=args.layers or model.layers, seed=args.seed)
