# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw compile``: from a model to a ``.flm`` file."""

import argparse
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress import Recipe
from flightllm_hw.compiler.load import Checkpoint, load
from flightllm_hw.runtime.calibrated import RUNS, Calibrated, mixed, read_calibration

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

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "compile", "compile a model for a configuration",
        "model.gguf --preset small -o model.flm",
        "HF_FOLDER --preset u280 --bits 4 --group 128 --zero-point -o model.flm",
        "stories15M.bin --preset small --calibration texts.jsonl --average-bits 3.5 -o model.flm")
    parser.add_argument("model", metavar="MODEL", type=Path,
                        help="of llama2.c, Hugging Face, or a GGUF file")
    add_configuration(parser, required=True)
    add_compression(parser)
    parser.add_argument("--calibration", metavar="FILE.jsonl", type=Path,
                        help="texts to compress by: an object with \"text\" a line")
    parser.add_argument("--average-bits", metavar="X", type=float,
                        help="choose bits by what they cost on the texts, X a weight at most")
    parser.add_argument("--runs", metavar="R", type=count,
                        help="of layers with the same bits, at most; many leave no room for a"
                        " program that takes several tokens (default:"
                        f" {RUNS}, or 1 for models that are too large to be run with each choice)")
    parser.add_argument("-o", "--output", metavar="FILE.flm", type=Path, required=True,
                        help="where the compiled model goes")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    if not is_flm(args.output):
        raise UsageError(f"The compiled model's name must end in .flm, not {args.output.name!r}")
    if args.average_bits is not None and (args.calibration is None or args.bits is not None):
        raise UsageError("--average-bits needs --calibration to choose bits by, and no --bits")
    if args.runs is not None and args.average_bits is None:
        raise UsageError("--runs needs --average-bits")
    config = configuration(args)
    with Progress() as progress:
        model = load(args.model, args.tokenizer)
        progress.tell("reading the texts")
        settings, calibrated = _calibrated(args, model)
        compile_model(model, config, args.output, context=args.context, recipe=settings,
                      compress=calibrated, progress=progress.tell)
    if calibrated is not None:
        print(calibrated.report.table())
    print(args.output)
    return 0


def _calibrated(args: argparse.Namespace, model: Checkpoint) -> tuple[Recipe, Calibrated | None]:
    """The recipe, and what compresses by texts, if there are any."""
    settings = recipe(args)
    if args.calibration is None:
        return settings, None
    try:
        texts = read_calibration(args.calibration, model)
        if args.average_bits is not None:
            settings = mixed(model, settings, texts, args.average_bits, args.runs)
        return settings, Calibrated(model, settings, texts)
    except ValueError as error:
        raise UsageError(str(error)) from None
