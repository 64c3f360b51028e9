# SPDX-License-Identifier: Apache-2.0
"""Commands, and what becomes of a user's mistakes: one sentence, and status 2."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from flightllm_hw import __version__
from flightllm_hw.bench.errors import BenchError
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load import LoadError
from flightllm_hw.export.mapping import YosysMissing
from flightllm_hw.package.errors import PackageError
from flightllm_hw.report.errors import ReportError
from flightllm_hw.runtime.device import DeviceError

from . import bench, compile, estimate, info, package, report, run, verilog
from .options import UsageError

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="flightllm-hw", description="An LLM accelerator for FPGAs: from model"
                     " files to text out of its simulated RTL, to Verilog, to a card's scripts.",
                     epilog="flightllm-hw COMMAND --help says more of each, with examples.")
    parser.add_argument("--version", action="version", version=f"flightllm-hw {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (run, compile, bench, estimate, report, info, verilog, package):
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return int(args.execute(args))
    except BrokenPipeError:
        return 0
    except (OSError, UsageError, LoadError, CompileError, DeviceError, BenchError,
            PackageError, ReportError, YosysMissing) as error:
        parser.error(_sentence(error))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
