# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw compile``: from a model to a ``.flm`` file."""

import argparse
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.load import load

from .options import UsageError, add_compression, add_configuration, configuration, is_flm, recipe
from .progress import Progress

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("compile", help="compile a model for a configuration")
    parser.add_argument("model", metavar="MODEL", type=Path,
                        help="of llama2.c, Hugging Face, or a GGUF file")
    add_configuration(parser, required=True)
    add_compression(parser)
    parser.add_argument("-o", "--output", metavar="FILE.flm", type=Path, required=True,
                        help="where the compiled model goes")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    if not is_flm(args.output):
        raise UsageError(f"The compiled model's name must end in .flm, not {args.output.name!r}")
    config = configuration(args)
    with Progress() as progress:
        compile_model(load(args.model, args.tokenizer), config, args.output, context=args.context,
                      recipe=recipe(args), progress=progress.tell)
    print(args.output)
    return 0
