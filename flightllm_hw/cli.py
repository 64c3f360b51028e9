# SPDX-License-Identifier: Apache-2.0
"""The program ``flightllm-hw``: arguments only."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .config import AcceleratorConfig
from .export.files import FLAVOURS, write
from .export.info import describe, overview
from .export.mapping import YosysMissing
from .presets import PRESETS, preset

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="flightllm-hw", description="An LLM accelerator for FPGAs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    verilog = commands.add_parser("verilog", help="write the Verilog of a configuration")
    source = verilog.add_mutually_exclusive_group(required=True)
    source.add_argument("--preset", metavar="P", help=f"one of {', '.join(PRESETS)}")
    source.add_argument("--config", metavar="FILE.json", type=Path, help="a configuration of yours")
    verilog.add_argument("-o", "--output", metavar="DIR", type=Path, required=True,
                         help="where the files go")
    verilog.add_argument("--flavour", choices=FLAVOURS, default="vendor",
                         help="plain Verilog, or instances of AMD's cells (default)")
    verilog.add_argument("--no-report", dest="report", action="store_false",
                         help="do not estimate resources")

    info = commands.add_parser("info", help="say what a preset is, or which ones there are")
    info.add_argument("preset", nargs="?", metavar="PRESET")
    return parser


def _config(name: str | None, file: Path | None) -> AcceleratorConfig:
    if file is not None:
        return AcceleratorConfig.from_json(file.read_text(encoding="utf-8"))
    return preset(name or "")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        config = None
        if args.command == "verilog" or args.preset is not None:
            config = _config(args.preset, getattr(args, "config", None))
    except (OSError, ValueError) as error:
        parser.error(_sentence(error))

    if config is None:
        print(overview(PRESETS.values()))
    elif args.command == "info":
        print(describe(config))
    else:
        try:
            for path in write(config, args.output, flavour=args.flavour, report=args.report):
                print(path)
        except (OSError, YosysMissing) as error:
            parser.error(_sentence(error))
    return 0
