# SPDX-License-Identifier: Apache-2.0
"""``python -m flightllm_hw.boards CARD``: a card's self-test, as files that Vivado goes on with.

``python -m flightllm_hw.boards.u280`` is the same for one card.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from amaranth.build.run import BuildPlan

from .card import CARDS
from .platforms import platform
from .selftest import SelfTest

__all__ = ["main", "run", "selftest"]

NAME = "selftest"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def selftest(name: str) -> tuple[BuildPlan, SelfTest]:
    """The self-test of the card called ``name``, as files, and what it shows.

    Raises
    ------
    ValueError
        If there is no such card, or none that Amaranth can build for.
    """
    target = platform(name)
    design = SelfTest(target)
    return target.build(design, NAME, do_build=False), design


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a self-test and say how to go on; returns the exit status."""
    parser = _Parser(
        prog="python -m flightllm_hw.boards",
        description="Write a self-test for a card: Verilog, constraints, a script for Vivado.")
    parser.add_argument("card", help=f"one of {', '.join(CARDS)}")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path,
                        help="where the files go (default: build/CARD-selftest)")
    parser.add_argument("--build", action="store_true",
                        help="run Vivado, which must be installed")
    args = parser.parse_args(arguments)
    directory = args.output or Path("build") / f"{args.card}-{NAME}"
    try:
        target = platform(args.card)
    except ValueError as error:
        parser.error(str(error))
    if args.build and not target.has_required_tools():
        parser.error("--build needs Vivado: put vivado on the PATH, or name a script that does in"
                     " AMARANTH_ENV_VIVADO")
    plan, design = selftest(args.card)
    try:
        plan.extract(str(directory))
    except OSError as error:
        parser.error(f"{directory}: {error.strerror}")

    print(f"{args.card}, {target.card.part}: {directory}")
    for file in plan.files:
        print(f"  {file}")
    for number, text in enumerate(design.leds):
        print(f"LED {number}: {text}")
    if design.uart:
        print(f"UART, {design.config.baud} baud 8N1, every two seconds:")
        print("".join(f"  {line}\n" for line in design.config.text.splitlines()), end="")
    if not args.build:
        print(f"Go on with: cd {shlex.quote(str(directory))} && sh {plan.script}.sh")
        return 0
    return _build(directory, plan)


def _build(directory: Path, plan: BuildPlan) -> int:
    """Run the script that the plan wrote."""
    status = subprocess.run(["sh", f"{plan.script}.sh"], cwd=directory, check=False).returncode
    if status:
        print(f"Vivado failed with status {status}: see {directory / NAME}.log", file=sys.stderr)
        return 1
    print(f"Program the card with {directory / NAME}.bit, over JTAG: it is gone with the power")
    return 0


def run(name: str) -> NoReturn:
    """:func:`main` for the card called ``name``, with the process's other arguments."""
    sys.exit(main([name, *sys.argv[1:]]))
