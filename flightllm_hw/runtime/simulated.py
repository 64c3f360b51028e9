# SPDX-License-Identifier: Apache-2.0
"""The simulated RTL as a device: the kernel that is exported, behind its real ports."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.core.counters import GLOBAL, LANE
from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.kernel.registers import PAGE_BYTES, PRESETS, PROGRAM_BYTES
from flightllm_hw.sim.core import HOST as HOST_ADDRESS
from flightllm_hw.sim.core import lane_base
from flightllm_hw.sim.kernel import KernelBench
from flightllm_hw.sim.memory import IDEAL, MemoryTiming
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.trace import Event

from .device import HOST, Bytes, Device, DeviceError, Report

__all__ = ["SimulatedDevice"]


class SimulatedDevice(Device):
    """The Verilated kernel; a program's cycles are those of the RTL.

    Parameters
    ----------
    config : AcceleratorConfig
    timing : MemoryTiming
        Of the memories.
    watchdog : int
        Cycles without progress that end a program.
    traced : bool
        Whether :attr:`events` are collected.
    waves : path, optional
        File to write waves to.
    simulator : Simulator, optional
        A compiled kernel instead of the one of plain Verilog, neither traced nor with waves.
    """

    name: ClassVar[str] = "simulated"

    def __init__(self, config: AcceleratorConfig, *, timing: MemoryTiming = IDEAL,
                 watchdog: int = 1 << 20, traced: bool = False,
                 waves: Path | None = None, simulator: Simulator | None = None) -> None:
        super().__init__(config)
        self._timing, self._watchdog = timing, watchdog
        self._traced, self._waves, self._simulator = traced, waves, simulator
        self._bench: KernelBench | None = None
        self._pages = (0, 0)

    @property
    def bench(self) -> KernelBench:
        """What is underneath.

        Raises
        ------
        DeviceError
            If no memory is reserved yet.
        """
        if self._bench is None:
            raise DeviceError("The simulated device has no memory yet: reserve some")
        return self._bench

    @property
    def events(self) -> list[list[Event]]:
        """What the units took and did in each program; cycles count from power-up."""
        events: list[list[Event]] = self.bench.events
        return events

    def reserve(self, host_bytes: int, lane_bytes: int) -> None:
        """Power up a kernel with new memories."""
        self._pages = tuple(-(-size // PAGE_BYTES) for size in (host_bytes, lane_bytes))
        host, lane = (pages * PAGE_BYTES for pages in self._pages)
        self._bench = KernelBench(self.config, host_bytes=host, lane_bytes=lane,
                                  timing=self._timing, traced=self._traced,
                                  waves=self._waves is not None, simulator=self._simulator)
        if self._waves is not None:
            self._bench.sim.trace(self._waves)

    def write(self, memory: int, at: int, data: Bytes) -> None:
        """Put bytes into a memory, past the kernel, as DMA does."""
        self.bench.memory.write(self._address(memory) + at, np.ascontiguousarray(data))

    def read(self, memory: int, at: int, count: int) -> Bytes:
        """Bytes of a memory."""
        data: Bytes = self.bench.memory.read(self._address(memory) + at, count)
        return data

    def start(self, program: int, registers: Sequence[int]) -> None:
        """Write all arguments, and start the kernel."""
        if program % PROGRAM_BYTES:
            raise DeviceError(f"A program must begin at a multiple of {PROGRAM_BYTES} bytes, not"
                              f" at {program}")
        if len(registers) > PRESETS:
            raise DeviceError(f"A program is given at most {PRESETS} registers, not"
                              f" {len(registers)}")
        host_pages, lane_pages = self._pages
        self.bench.start({
            "host": HOST_ADDRESS, "host_pages": host_pages,
            **{f"lane_{n}": lane_base(n) for n in range(self.config.lanes)},
            "lane_pages": lane_pages, "program": program // PROGRAM_BYTES,
            "watchdog": self._watchdog,
            **{f"r{n}": value for n, value in enumerate(registers, 1)}})

    def wait(self) -> Report:
        """Run until the interrupt, then read what there is to read."""
        bench = self.bench
        bench.wait()
        status, part = bench.read("STATUS"), bench.map["STATUS"]
        counters = {name: bench.read(name) for name, _ in GLOBAL}
        lanes = [{name: bench.read(f"lane_{n}_{name}") for name, _ in LANE}
                 for n in range(self.config.lanes)]
        stuck = bool(part["stuck"].of(status))
        bench.memory.check(finished=not stuck)
        return Report(Error(part["error"].of(status)), Detail(part["detail"].of(status)),
                      bench.read("ERROR_PC"), bench.read("ERROR_ADDRESS"), stuck,
                      counters["cycles"], counters, lanes)

    def cancel(self) -> None:
        """Write to CANCEL."""
        self.bench.write("CANCEL", 1)

    def close(self) -> None:
        """Complete the waves."""
        if self._bench is not None and self._waves is not None:
            self._bench.sim.end_trace()

    def _address(self, memory: int) -> int:
        address: int = HOST_ADDRESS if memory == HOST else lane_base(memory)
        return address
