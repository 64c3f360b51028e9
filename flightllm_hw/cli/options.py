# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and what they stand for."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.compress.attention import LocalGlobal
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import PRESETS, preset

__all__ = ["UsageError", "add_command", "add_compression", "add_configuration", "add_setting",
           "configuration", "count", "is_flm", "recipe"]


class UsageError(Exception):
    """What a user cannot have; a sentence."""


def add_command(commands: Any, name: str, purpose: str, *examples: str) -> argparse.ArgumentParser:
    """A command's parser: its ``--help`` says what it is for, and ends with calls that work."""
    calls = "\n".join(f"  flightllm-hw {name} {example}".rstrip() for example in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"for example:\n{calls}", formatter_class=argparse.RawDescriptionHelpFormatter)
    return parser


def count(text: str) -> int:
    """An argument's type: 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {value}")
    return value


def add_configuration(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--preset`` and ``--config``."""
    source = parser.add_mutually_exclusive_group(required=required)
    source.add_argument("--preset", metavar="P", help=f"one of {', '.join(PRESETS)}")
    source.add_argument("--config", metavar="FILE.json", type=Path, help="a configuration of yours")


def configuration(args: argparse.Namespace, default: str = "") -> AcceleratorConfig:
    """What they say."""
    try:
        if args.config is not None:
            return AcceleratorConfig.from_json(args.config.read_text(encoding="utf-8"))
        return preset(args.preset or default)
    except ValueError as error:
        raise UsageError(str(error)) from None


def add_compression(parser: argparse.ArgumentParser) -> None:
    """Add what tells how a model is compressed."""
    parser.add_argument("--tokenizer", metavar="T", type=Path,
                        help="a file or folder, instead of the one beside the model")
    add_setting(parser)
    parser.add_argument("--context", metavar="N", type=count,
                        help="tokens that there is room for (default: the model's)")


def add_setting(parser: argparse.ArgumentParser, bits: int = 8, group: int = 32) -> None:
    """Add what tells how matrices are compressed; what nobody gave is None."""
    parser.add_argument("--bits", metavar="B", type=int, help="of a weight: 2, 3, 4, 5, 6, 8"
                        f" (default: {bits})")
    parser.add_argument("--group", metavar="G", type=int,
                        help=f"weights that share a scale: 16, 32, 64, 128 (default: {group})")
    parser.add_argument("--zero-point", action="store_true",
                        help="unsigned codes with a zero point a group")
    parser.add_argument("--sparsity", metavar="N:M", help="weights kept, such as 2:4")
    parser.add_argument("--attention", metavar="NEAR,FIRST",
                        help="prefill looks at the first FIRST and the last NEAR blocks of 64"
                        " positions (default: at all)")
    parser.add_argument("--recipe", metavar="FILE.json", type=Path,
                        help="settings of each matrix, in place of all of these")


def recipe(args: argparse.Namespace, bits: int = 8, group: int = 32) -> Recipe:
    """What they say, and what is meant where they say nothing.

    Raises
    ------
    UsageError
        If that is no recipe, or a file's and something beside it.
    """
    said = (args.bits, args.group, args.sparsity, args.attention, args.zero_point or None)
    try:
        if args.recipe is not None:
            if any(value is not None for value in said):
                raise UsageError("--recipe takes the place of --bits, --group, --zero-point,"
                                 " --sparsity and --attention: give it alone")
            return Recipe.from_json(args.recipe.read_text(encoding="utf-8"))
        setting = Setting(
            bits=bits if args.bits is None else args.bits,
            group=group if args.group is None else args.group, zero_point=args.zero_point,
            pattern=Pattern.DENSE if args.sparsity is None else Pattern.parse(args.sparsity))
        attention = None if args.attention is None else LocalGlobal.parse(args.attention)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return replace(Recipe.uniform(setting), attention=attention)


def is_flm(path: Path) -> bool:
    """Whether a file is a compiled model, by its name."""
    return path.suffix == ".flm"
