# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw report``: an accelerator and a model on it as one HTML page."""

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from flightllm_hw.bench.shapes import shape
from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.export.files import write_text
from flightllm_hw.presets import PRESETS
from flightllm_hw.report.errors import ReportError
from flightllm_hw.report.estimates import estimate_all
from flightllm_hw.report.page import page
from flightllm_hw.report.recipes import recipe_of
from flightllm_hw.report.resources import read_resources
from flightllm_hw.report.runs import read_run, run_of, setting_of
from flightllm_hw.report.subject import Subject

from .options import UsageError, add_command, configuration, is_flm, recipe
from .progress import Progress
from .work import BITS, CONTEXT, GROUP, add_model

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "report", "write an HTML page of an accelerator and a model on it",
        "--shape llama2-7b --preset u280 -o report.html",
        "--run docs/measurements/decode_128.json -o report.html")
    parser.add_argument("model", nargs="?", metavar="FILE.flm", type=Path,
                        help="a compiled model, in place of --shape and of how it is compressed")
    add_model(parser, required=False)
    parser.add_argument("--run", metavar="FILE.json", type=Path, action="append", default=[],
                        help="what bench --json printed; the first one says what nothing else"
                             " does. May be given several times")
    parser.add_argument("--resources", metavar="FILE.json", type=Path,
                        help="the report.json that flightllm-hw verilog wrote")
    parser.add_argument("-o", "--output", metavar="FILE.html", type=Path, required=True,
                        help="where the page goes")
    parser.set_defaults(execute=_execute, shape=None)


def _execute(args: argparse.Namespace) -> int:
    found = [(path, read_run(path)) for path in args.run]
    subject = _compiled(args) if args.model is not None else _shape(args, found[:1])
    exported = (None if args.resources is None
                else read_resources(args.resources, subject.config))
    with Progress() as progress:
        progress.tell("estimating")
        runs = [run_of(path, one, subject) for path, one in found]
        text = page(subject, estimate_all(subject), runs, exported, _made(args, subject))
    print(write_text(args.output, text))
    return 0


def _compiled(args: argparse.Namespace) -> Subject:
    """A compiled model: all but the prompt's length stands in the file."""
    if not is_flm(args.model):
        raise UsageError(f"The compiled model's name must end in .flm, not {args.model.name!r}")
    said = (args.shape, args.bits, args.group, args.zero_point or None, args.sparsity,
            args.attention, args.recipe, args.context)
    if any(value is not None for value in said):
        raise UsageError("A compiled model has a shape, a compression and a context: give --shape,"
                         " --bits, --group, --zero-point, --sparsity, --attention, --recipe and"
                         " --context without one")
    given = args.preset is not None or args.config is not None
    model = open_flm(args.model, configuration(args) if given else None)
    try:
        own = recipe_of(model)
    except ReportError as error:
        raise ReportError(f"{args.model}: {error}") from None
    name = model.config.name
    return Subject(
        config=model.config, name=args.model.name, model=model.model, recipe=own,
        context=model.context, tokens=args.tokens or min(model.context, CONTEXT),
        source=(("--preset", name) if PRESETS.get(name) == model.config
                else ("--config", f"{name}.json")), compiled=str(args.model))


def _shape(args: argparse.Namespace, first: list[tuple[Path, dict[str, Any]]]) -> Subject:
    """A shape; what is not said is as in the first run, or as everywhere."""
    for path, run in first:
        if args.preset is None and args.config is None:
            if run["preset"] not in PRESETS:
                raise UsageError(f"{path} is a run of {run['preset']}, which is no preset: give"
                                 " its --config")
            args.preset = run["preset"]
        args.shape = args.shape or run["shape"]
        args.context = args.context or run["context"]
        if run["mode"] == "prefill":
            args.tokens = args.tokens or run["tokens"]
    if args.preset is None and args.config is None:
        raise UsageError("Say of which accelerator: with --preset, --config, --run or a .flm file")
    name = args.shape or "llama2-7b"
    model = shape(name)
    context = args.context or min(CONTEXT, model.context)
    return Subject(
        config=configuration(args), name=name, model=model, recipe=_recipe(args, first),
        context=context, tokens=args.tokens or min(context, CONTEXT),
        source=(("--config", str(args.config)) if args.config is not None
                else ("--preset", args.preset)),
        recipe_file="" if args.recipe is None else str(args.recipe))


def _recipe(args: argparse.Namespace, first: list[tuple[Path, dict[str, Any]]]) -> Recipe:
    said = (args.bits, args.group, args.sparsity, args.recipe, args.zero_point or None)
    if not first or any(value is not None for value in said):
        return recipe(args, BITS, GROUP)
    attention = recipe(args, BITS, GROUP).attention
    return replace(Recipe.uniform(setting_of(*first[0])), attention=attention)


def _made(args: argparse.Namespace, subject: Subject) -> str:
    """The command, with all that it stands for."""
    words = ["flightllm-hw", "report", *subject.words()]
    if not subject.compiled:
        words += ["--context", str(subject.context)]
    words += ["--tokens", str(subject.tokens)]
    for path in args.run:
        words += ["--run", str(path)]
    if args.resources is not None:
        words += ["--resources", str(args.resources)]
    return shlex.join([*words, "-o", str(args.output)])
