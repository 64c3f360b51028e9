# SPDX-License-Identifier: Apache-2.0
"""The C++ compiler that simulators are built with: whichever is there, or Zig's from PyPI."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["LEVELS", "BuildError", "Compiler", "find_compiler", "run", "wave_format"]

LEVELS = {1: ("-O1",), 3: ("-O2", "native")}
"""By level of optimisation: what the compiler gets. -O3 is slower than -O2: its code is longer."""


class BuildError(RuntimeError):
    """A tool is missing, or refused what it was given."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler.

    Parameters
    ----------
    command : tuple of str
        How it is called.
    version : str
        What it says of itself.
    """

    command: tuple[str, ...]
    version: str

    @property
    def is_zig(self) -> bool:
        """Whether it is Zig's, whose options differ."""
        return "ziglang" in self.command

    def flags(self, level: int) -> list[str]:
        """Options for a level of optimisation."""
        native = ["-mcpu=native"] if self.is_zig else ["-march=native"]
        flags = [f for flag in LEVELS[level] for f in (native if flag == "native" else [flag])]
        return flags + (["-fno-sanitize=all"] if self.is_zig else [])

    def precompiled(self, header: Path) -> Path | None:
        """Where a header that is read in advance is written; None if this compiler has none."""
        if self.is_zig:
            return None
        return header.with_suffix(".h.pch" if self._is_clang else ".h.gch")

    def use(self, header: Path) -> list[str]:
        """Options that begin a file with such a header; none where it is not there.

        GCC looks for ``X.h.gch`` where ``X.h`` is named, which need not be there. A compiler that
        may not take what it finds fails as if it were missing.
        """
        made = self.precompiled(header)
        if made is None or not made.exists():
            return []
        return ["-include-pch", str(made)] if self._is_clang else ["-include", str(header)]

    @property
    def _is_clang(self) -> bool:
        return "clang" in Path(self.command[0]).name

    @property
    def link_flags(self) -> list[str]:
        """Options that make a shared library."""
        return ["-shared", "-pthread", *([] if self.is_zig else ["-latomic"])]


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> None:
    """Call a tool, in this environment or in ours; a :class:`BuildError` if it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BuildError("\n".join([f"{Path(str(command[0])).name} failed:", *said[:40]]))


@cache
def find_compiler() -> Compiler:
    """The first of clang++, g++ and Zig's that is there.

    Raises
    ------
    BuildError
        If none is.
    """
    candidates: list[tuple[str, ...]] = [
        (path,) for path in map(shutil.which, ("clang++", "g++")) if path]
    if importlib.util.find_spec("ziglang"):
        candidates.append((sys.executable, "-m", "ziglang", "c++"))
    for command in candidates:
        told = subprocess.run([*command, "--version"], capture_output=True, text=True)
        if told.returncode == 0:
            return Compiler(command, told.stdout)
    raise BuildError("There is no C++ compiler: install clang or g++, or the package's extra"
                     " [compiler]")


@cache
def wave_format() -> str:
    """``fst``, or ``vcd`` where the headers of lz4 or zlib are missing."""
    text = "#include <lz4.h>\n#include <zlib.h>\nint main() { return LZ4_versionNumber(); }\n"
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch, "probe.cpp"), Path(scratch, "probe")
        source.write_text(text)
        found = subprocess.run([*find_compiler().command, str(source), "-o", str(out), "-llz4",
                                "-lz"], capture_output=True)
    return "fst" if found.returncode == 0 else "vcd"
