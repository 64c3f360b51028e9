# SPDX-License-Identifier: Apache-2.0
"""Which model is measured or estimated, and at what: options, and what they stand for."""

import argparse

from flightllm_hw.bench.shapes import SHAPES, shape
from flightllm_hw.bench.work import Work

from .options import UsageError, add_configuration, add_setting, configuration, count, recipe

__all__ = ["BITS", "CONTEXT", "GROUP", "add_model", "add_work", "work"]

CONTEXT = 128
"""Where nothing else is said."""

BITS, GROUP = 4, 128
"""Of weights, where nothing else is said."""


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add what tells of a model and what is asked of it."""
    parser.add_argument("mode", choices=("decode", "prefill"),
                        help="one token at the context's end, or tokens from its beginning on")
    add_model(parser, required=True)


def add_model(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add what tells of a model, and of an accelerator, which may be ``required``."""
    parser.add_argument("--shape", metavar="S", default="llama2-7b",
                        help=f"of the model: {', '.join(SHAPES)}, or a .json file with the fields"
                             " of a model's configuration (default: llama2-7b)")
    add_configuration(parser, required=required)
    add_setting(parser, BITS, GROUP)
    parser.add_argument("--context", metavar="N", type=count,
                        help=f"tokens that there is room for (default: {CONTEXT}, or as many as"
                             " --tokens, up to a multiple of it)")
    parser.add_argument("--tokens", metavar="N", type=count,
                        help="to prefill (default: the context)")


def work(args: argparse.Namespace, *, layers: int | None = None, seed: int = 0) -> Work:
    """What they ask for.

    Parameters
    ----------
    args : Namespace
    layers : int, optional
        That are simulated; without it, all.
    seed : int
        Of what is drawn.

    Raises
    ------
    UsageError, BenchError
        If there is no such thing.
    """
    model = shape(args.shape)
    if args.mode == "decode" and args.tokens is not None:
        raise UsageError("Only prefill takes --tokens; a decoded token is one")
    context = args.context
    if context is None:
        context = min(-(-(args.tokens or 1) // CONTEXT) * CONTEXT, model.context)
    return Work(
        mode=args.mode, name=args.shape, model=model, config=configuration(args),
        recipe=recipe(args, BITS, GROUP), context=context,
        tokens=1 if args.mode == "decode" else args.tokens or context,
        layers=layers or model.layers, seed=seed)
