# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw info``: what a preset, a model or a compiled model is, or what fits a card."""

import argparse
import json
from pathlib import Path
from typing import Any

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.boards import CARDS
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import ModelConfig, load
from flightllm_hw.export.info import describe, overview
from flightllm_hw.presets import PRESETS

from .card import describe_card, print_card
from .options import UsageError, add_command, is_flm

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "info", "say what a preset, a model or a compiled one is, which presets there"
        " are, or what fits a card", "", "u280", "model.flm --json",
        "--card u280 --shape llama2-7b")
    parser.add_argument("what", nargs="?", metavar="PRESET | MODEL | FILE.flm")
    parser.add_argument("--card", metavar="C", help=f"one of {', '.join(CARDS)}")
    parser.add_argument("--shape", metavar="S", action="append", default=[],
                        help=f"of a model that shall fit: {', '.join(SHAPES)}, or a .json file"
                             " (default: all of these)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    if args.card is None:
        if args.shape or args.json:
            raise UsageError("Only info of a --card takes --shape and --json")
        print(_text(args.what))
        return 0
    if args.what is not None:
        raise UsageError(f"Info is of --card {args.card} or of {args.what}, not of both")
    found = describe_card(args.card, args.shape)
    if args.json:
        print(json.dumps(found))
    else:
        print_card(found)
    return 0


def _text(what: str | None) -> str:
    if what is None:
        return overview(PRESETS.values())
    if what in PRESETS:
        return describe(PRESETS[what])
    path = Path(what)
    if not path.exists():
        raise UsageError(f"There is neither a preset nor a file {what!r}; presets are"
                         f" {', '.join(PRESETS)}")
    return _compiled(path) if is_flm(path) else _checkpoint(path)


def _checkpoint(path: Path) -> str:
    model = load(path)
    elements = sum(_product(shape) for shape in model.config.shapes().values())
    rows = [("format", model.format), *_model(model.config), ("parameters", f"{elements:,}"),
            ("tokenizer", "none" if model.tokenizer is None else model.tokenizer.kind)]
    return _lines(rows + [("note", note) for note in model.notes()])


def _compiled(path: Path) -> str:
    model = open_flm(path)
    prefill = "token by token" if model.prefill is None else f"{model.tile} tokens at a time"
    if model.attention is not None:
        prefill += f", which look at {model.attention}"
    return _lines([
        ("compiled for", f"{model.config.name} ({model.config.digest():08x})"),
        *_model(model.model), ("room", f"{model.context} tokens"), ("prompts", prefill),
        ("memory", f"{model.host_bytes:,} bytes of the host's, {model.lane_bytes:,} of each of"
                   f" {model.config.lanes} lanes'"),
        ("tokenizer", "none" if model.tokenizer is None else model.tokenizer.kind)])


def _model(config: ModelConfig) -> list[tuple[str, str]]:
    return [
        ("model", f"{config.architecture}, {config.layers} layers, dim {config.dim}, hidden"
                  f" {config.hidden}"),
        ("attention", f"{config.heads} heads of {config.head_dim} on {config.kv_heads} of keys and"
                      " values"),
        ("vocabulary", f"{config.vocab:,} tokens"),
        ("context", f"{config.context:,} tokens"),
    ]


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _lines(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"{name:<12} {value}" for name, value in rows)
