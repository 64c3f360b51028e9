# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw run``: text from a model on a device."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.runtime.devices import DEVICES, open_device
from flightllm_hw.runtime.models import DEFAULT_MODEL, DEFAULT_PRESET, compiled_model
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.story import Story
from flightllm_hw.runtime.timeline import write_timeline

from .options import (
    UsageError,
    add_command,
    add_compression,
    add_configuration,
    configuration,
    count,
    is_flm,
    recipe,
)
from .progress import Progress
from .summary import as_json, print_summary

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "run", "write text with a model",
        '--prompt "Once upon a time" --tokens 100',
        'stories15M.bin --preset small --bits 4 --device golden --prompt "Lily and"',
        "model.flm --temperature 0.8 --top-p 0.9 --seed 1 --trace time.json")
    parser.add_argument("model", nargs="?", metavar="MODEL | FILE.flm", type=Path,
                        help="without one, the model that comes with the package")
    parser.add_argument("--device", choices=DEVICES, default="simulated",
                        help="what runs it (default: simulated)")
    add_configuration(parser, required=False)
    add_compression(parser)
    parser.add_argument("--xclbin", metavar="FILE", type=Path, help="what a card is loaded with")
    text = parser.add_argument_group("text")
    text.add_argument("--prompt", metavar="TEXT", default="", help="what the text begins with")
    text.add_argument("--tokens", metavar="N", type=count, default=200,
                      help="new tokens at most (default: 200)")
    text.add_argument("--temperature", metavar="X", type=float, default=0.0,
                      help="0, the default, takes the likeliest token")
    text.add_argument("--top-p", metavar="Y", type=float, default=1.0,
                      help="draws from the likeliest tokens whose probabilities reach Y")
    text.add_argument("--seed", metavar="S", type=int, default=0, help="of the draws (default: 0)")
    out = parser.add_argument_group("output")
    out.add_argument("--trace", metavar="FILE", type=Path, help="write a time line for Perfetto")
    out.add_argument("--waves", metavar="FILE", type=Path, help="write waves (.fst)")
    out.add_argument("--json", action="store_true", help="print one JSON object, no text")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    try:
        sampler = Sampler(args.temperature, args.top_p, args.seed)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with Progress() as progress:
        progress.tell("compiling the model")
        model = _model(args)
        if model.tokenizer is None:
            raise UsageError(f"{args.model} came without a tokenizer: give one with --tokenizer")
        prompt = model.tokenizer.encode(args.prompt)
        if not prompt:
            raise UsageError("The prompt must hold a token: the model begins texts with none of"
                             " its own")
        if len(prompt) >= model.context:
            raise UsageError(f"The prompt has {len(prompt)} tokens, but the model has room for"
                             f" {model.context}, one of them for what follows")
        progress.tell("building the simulator" if args.device == "simulated" else "loading")
        try:
            device = open_device(args.device, model.config, xclbin=args.xclbin,
                                 traced=args.trace is not None, waves=args.waves)
        except ValueError as error:
            raise UsageError(str(error)) from None
        with device:
            session = Session(model, device)
            progress.tell("reading the prompt")
            return _write(args, session, Story(session, prompt, sampler, args.tokens), progress)


def _write(args: argparse.Namespace, session: Session, story: Story, progress: Progress) -> int:
    for piece in story:
        progress.stop()
        if not args.json:
            sys.stdout.write(piece)
            sys.stdout.flush()
    if args.json:
        print(json.dumps(as_json(session, story)))
    else:
        print()
        print_summary(session, story)
    if args.trace is not None:
        write_timeline(args.trace, session)
    return 0


def _model(args: argparse.Namespace) -> Compiled:
    if args.model is not None and is_flm(args.model):
        given = args.preset is not None or args.config is not None
        return open_flm(args.model, configuration(args) if given else None)
    return compiled_model(args.model or DEFAULT_MODEL, configuration(args, DEFAULT_PRESET),
                          tokenizer=args.tokenizer, context=args.context, recipe=recipe(args))
