# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw verilog``: the Verilog of a configuration, and its resource report."""

import argparse
from pathlib import Path
from typing import Any

from flightllm_hw.export.files import FLAVOURS, write

from .options import add_command, add_configuration, configuration

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "verilog", "write the Verilog of a configuration",
        "--preset u280 -o build/u280",
        "--config mine.json --flavour behavioural --no-report -o build/mine")
    add_configuration(parser, required=True)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True,
                        help="where the files go")
    parser.add_argument("--flavour", choices=FLAVOURS, default="vendor",
                        help="plain Verilog, or instances of AMD's cells (default)")
    parser.add_argument("--no-report", dest="report", action="store_false",
                        help="do not estimate resources")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    for path in write(configuration(args), args.output, flavour=args.flavour, report=args.report):
        print(path)
    return 0
