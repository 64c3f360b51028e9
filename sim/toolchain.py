# SPDX-License-Identifier: Apache-2.0
"""Verilog to a shared library: Verilator and a C++ compiler, without make and without Perl.

A build takes two steps, Verilog to C++ and C++ to machine code; its result is kept in the cache
under a name that covers everything that went into it. What other designs have as well is compiled
once (:mod:`flightllm_hw.sim.objects`).
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flightllm_hw.cache import cached, digest
from flightllm_hw.sim.cxx import LEVELS, BuildError, find_compiler, run
from flightllm_hw.sim.islands import mark_islands
from flightllm_hw.sim.objects import Job, model, model_inputs, runtime, verilator

__all__ = ["build"]

HERE = Path(__file__).parent
DESIGN = HERE / "design.cpp"
# What is optimised, and what is not.
FLAGS = {"often": (), "once": ("-O0",)}

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
    job = Job(find_compiler(), level, waves)
    key = digest(text, top, table, *job.tools, *VERILATE, *ISLANDS, Path(__file__).read_text(),
                 (HERE / "islands.py").read_text(), DESIGN.read_bytes(),
                 *model_inputs(extra_sources))

    def fill(place: Path) -> None:
        generated = _verilate(place, text, top, table, job)
        _compile(place, generated, extra_sources, job)

    return cached("designs", key, fill) / "dut.so"


def _verilate(place: Path, text: str, top: str, table: str, job: Job) -> list[Path]:
    root, _ = verilator()
    verilog, generated = place / "dut.v", place / "generated"
    verilog.write_text(mark_islands(text, top))
    traced = [f"--trace-{job.waves}", "--trace-structs"] if job.waves else []
    run([root / "bin" / "verilator_bin", *VERILATE, *ISLANDS, *traced,
          "--top-module", top, "--Mdir", generated, verilog],
         env={**os.environ, "VERILATOR_ROOT": str(root)})
    (generated / "ports.inc").write_text(table)
    return sorted(generated.glob("*.cpp"))


def _compile(place: Path, generated: list[Path], extra_sources: Sequence[Path], job: Job) -> None:
    once = [path for path in generated if "__Slow" in path.name]
    often = [path for path in generated if path not in once]
    sources = [*_gather(place / "generated", "often", [*often, DESIGN], ONE_FILE),
               *_gather(place / "generated", "once", once, ONCE)]
    objects = [place / f"{n}.o" for n in range(len(sources))]
    shared = runtime(job, FLAGS)

    def one(source: Path, target: Path) -> None:
        kind = source.name.partition("_")[0]
        flags = ("-I", place / "generated", *FLAGS[kind])
        header = job.compiler.use(shared / f"{kind}.h")
        try:
            job.compile(source, target, *flags, *header)
        except BuildError:
            # Someone may have touched a header since it was read in advance.
            if not header:
                raise
            job.compile(source, target, *flags)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, sources, objects))
        models = list(pool.map(lambda source: model(source, job), extra_sources))
    libraries = ["-llz4", "-lz"] if job.waves == "fst" else []
    run([*job.compiler.command, *objects, *models, *sorted(shared.glob("*.o")),
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
