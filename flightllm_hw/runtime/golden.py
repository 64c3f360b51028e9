# SPDX-License-Identifier: Apache-2.0
"""The golden machine as a device."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.golden.memory import Image
from flightllm_hw.isa.errors import Error

from .device import HOST, Bytes, Device, DeviceError, Report

__all__ = ["GoldenDevice"]


class GoldenDevice(Device):
    """Executes programs when they are waited for; has no clock."""

    name: ClassVar[str] = "golden"

    def __init__(self, config: AcceleratorConfig) -> None:
        super().__init__(config)
        self._machine: Machine | None = None
        self._cancelled = False

    @property
    def machine(self) -> Machine:
        """What is underneath.

        Raises
        ------
        DeviceError
            If no memory is reserved yet.
        """
        if self._machine is None:
            raise DeviceError("The golden machine has no memory yet: reserve some")
        return self._machine

    def reserve(self, host_bytes: int, lane_bytes: int) -> None:
        """Make a new machine."""
        self._machine = Machine(self.config, host_bytes=host_bytes, lane_bytes=lane_bytes)

    def write(self, memory: int, at: int, data: Bytes) -> None:
        """Put bytes into a memory."""
        self._memory(memory).write(at, data)

    def read(self, memory: int, at: int, count: int) -> Bytes:
        """Bytes of a memory."""
        return np.array(self._memory(memory).data[at:at + count])

    def start(self, program: int, registers: Sequence[int]) -> None:
        """Set the machine to the program's first instruction."""
        self.machine.start(program, registers)
        self._cancelled = False

    def wait(self) -> Report:
        """Execute the program."""
        if self._cancelled:
            return Report(Error.CANCELLED, pc=self.machine.pc)
        stopped = self.machine.run()
        if stopped.reason is Stop.END:
            return Report(Error.NONE)
        return Report(stopped.error, stopped.detail, stopped.pc, stopped.address)

    def cancel(self) -> None:
        """The program will not be executed."""
        self._cancelled = True

    def _memory(self, memory: int) -> Image:
        return self.machine.host if memory == HOST else self.machine.lanes[memory].memory
