# SPDX-License-Identifier: Apache-2.0
"""From a measurement to its figures: compile, build, simulate, check."""

import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from flightllm_hw.bench.check import Check, first_difference
from flightllm_hw.bench.compiled import compile_work, images_of
from flightllm_hw.bench.measure import run_program
from flightllm_hw.bench.result import result
from flightllm_hw.bench.timing import memory_of
from flightllm_hw.bench.work import Work
from flightllm_hw.runtime.device import HOST
from flightllm_hw.runtime.simulated import SimulatedDevice

__all__ = ["bench"]


def bench(work: Work, *, check: bool = True, keep: Path | None = None,
          progress: Callable[[str], None] = lambda what: None,
          kind: type[SimulatedDevice] = SimulatedDevice) -> dict[str, Any]:
    """Measure; the object that ``--json`` prints.

    Parameters
    ----------
    work : Work
    check : bool
        Whether the golden machine runs it, too, meanwhile: memories must be equal to the bit.
    keep : path, optional
        Where the compiled model stays; it is taken from there if it is there already.
    progress : function of str, optional
        Told what is being done.
    kind : type
        Of the device that runs it, with the memories of the configuration's card.

    Raises
    ------
    BenchError, CompileError, LoadError, DeviceError, OSError
        If it cannot be measured.
    """
    name, timing = memory_of(work.config)
    device = kind(work.config, timing=timing)
    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        model = compile_work(work, keep or Path(folder) / "model.flm", progress)
        compiling = clock.seconds()
        progress("building the simulator")
        device.reserve(model.host_bytes, model.lane_bytes)
        building = clock.seconds()
        progress("filling the memories")
        images, programs = images_of(work, model), list(work.programs(model))
        for memory, image in enumerate((images.host, *images.lanes), HOST):
            device.write(memory, 0, image)
        golden = Check(work.config, images, programs) if check else None
        with device, golden or nullcontext():
            measured = [run_program(device, program, work.plan.lane, progress)
                        for program in programs]
            found = None
            if golden is not None:
                progress("waiting for the golden machine")
                found = first_difference(device, golden.wait())
    simulating = sum(run.seconds for run in measured)
    return result(work, measured, timing) | {
        "memory": name, "bit_exact": found is None if check else None, "first_difference": found,
        "compile_seconds": compiling, "build_seconds": building,
        "simulation_seconds": simulating,
        "simulated_cycles_per_second": sum(run.cycles for run in measured) / simulating,
        "golden_seconds": None if golden is None else golden.seconds}


class _Clock:
    """Tells how long it is since it told the last time."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def seconds(self) -> float:
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed
