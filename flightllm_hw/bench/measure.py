# SPDX-License-Identifier: Apache-2.0
"""Programs on the simulated kernel: cycles, and the cycle of every layer.

::

    cycles          ├───────┬──────────────┬──────────────┬──────────────┬─────────┤
    lane 0 writes           KKVV           KKVV           KKVV           KKVV
    homes of layer          0              1              2              3

Each layer appends keys and values, each to homes of its own. From a lane's first write to a layer's
homes to its first one to the next layer's a layer passes: this is seen at a port of the kernel that
is exported, and needs no other one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.bench.work import Program
from flightllm_hw.compiler.memory import LaneMap
from flightllm_hw.runtime.device import Report
from flightllm_hw.runtime.simulated import SimulatedDevice
from flightllm_hw.sim.core import lane_base
from flightllm_hw.sim.kernel import CHUNK

__all__ = ["Measured", "run_program"]

Words = npt.NDArray[np.uint32]

TOLD = 2.0
"""Seconds between two words on the progress."""


@dataclass(frozen=True)
class Measured:
    """How a program went.

    Parameters
    ----------
    program : Program
    report : Report
    layer_cycles : sequence of int
        From each layer to the next: one fewer than there are layers.
    seconds : float
        Of simulation.
    """

    program: Program
    report: Report
    layer_cycles: Sequence[int]
    seconds: float

    @property
    def cycles(self) -> int:
        """From start to end."""
        assert self.report.cycles is not None
        return self.report.cycles


def run_program(device: SimulatedDevice, program: Program, lane: LaneMap,
                progress: Callable[[str], None]) -> Measured:
    """Run a program.

    Parameters
    ----------
    device : SimulatedDevice
    program : Program
    lane : LaneMap
        Tells whose homes are where.
    progress : function of str

    Raises
    ------
    DeviceError
        If it ends with an error.
    """
    started = told = time.perf_counter()
    device.start(program.start, program.registers)
    bench, writes = device.bench, _Writes(lane)
    names = [f"{bench.map.pointers[1].port}_{name}" for name in ("awvalid", "awready", "awaddr")]
    first = bench.sim.cycle
    while not bench.sim.peek("irq"):
        now = bench.sim.cycle
        seen = bench.sim.run({}, CHUNK, record=names)
        writes.see(now, *(seen[name] for name in names))
        if time.perf_counter() > told + TOLD:
            told = time.perf_counter()
            progress(f"simulating position {program.position}: {now - first:,} cycles,"
                     f" {(now - first) / (told - started):,.0f} a second")
    report = device.wait().require_success()
    return Measured(program, report, writes.between(), time.perf_counter() - started)


class _Writes:
    """First writes of lane 0 to the homes of each layer."""

    def __init__(self, lane: LaneMap) -> None:
        self._first: dict[int, int] = {}
        self._homes, self._layer = lane.homes * lane.beat, lane.layer_home_beats * lane.beat
        self._layers = lane.split.model.layers

    def see(self, now: int, valid: Words, ready: Words, address: Words) -> None:
        """Addresses of the cycles from ``now`` on."""
        for n in np.flatnonzero(valid[:, 0] & ready[:, 0]).tolist():
            at = sum(int(word) << 32 * k for k, word in enumerate(address[n])) - lane_base(0)
            self._first.setdefault((at - self._homes) // self._layer, now + n)

    def between(self) -> list[int]:
        """Cycles from each layer to the next."""
        assert list(self._first) == list(range(self._layers)), self._first
        cycles: list[int] = np.diff(list(self._first.values())).tolist()
        return cycles
