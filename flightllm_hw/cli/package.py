# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw package``: a kernel with all that the vendor's tools need for a bitstream."""

import argparse
from pathlib import Path
from typing import Any

from flightllm_hw.boards import CARDS, card
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.package.files import write
from flightllm_hw.package.package import FLOWS
from flightllm_hw.presets import PRESETS

from .options import UsageError, add_command, add_configuration, configuration

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "package", "write what makes a bitstream of a kernel",
        "--card u280 --flow vitis -o build/vitis", "--card u250 --flow vivado -o build/vivado")
    parser.add_argument("--card", choices=CARDS, required=True, help="what it is for")
    parser.add_argument("--flow", choices=FLOWS, required=True,
                        help="a kernel for the card's Vitis platform, or a design of its own")
    add_configuration(parser, required=False)
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True,
                        help="the folder that is written")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    for path in write(_configuration(args), card(args.card), args.flow, args.output):
        print(path)
    return 0


def _configuration(args: argparse.Namespace) -> AcceleratorConfig:
    """What is asked for, or the card's own preset."""
    if args.preset is None and args.config is None and args.card not in PRESETS:
        raise UsageError(f"The {args.card} has no preset of its own: give --preset or --config")
    return configuration(args, default=args.card)
