# SPDX-License-Identifier: Apache-2.0
"""The golden machine runs the same programs on the same images; memories must come out alike."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from flightllm_hw.bench.compiled import Images
from flightllm_hw.bench.work import Program
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.runtime.device import HOST, Device, DeviceError

__all__ = ["Check", "first_difference"]

PIECE = 1 << 24
"""Bytes that are compared at a time."""


class Check:
    """The golden machine at work in a thread of its own, while a device simulates.

    Parameters
    ----------
    config : AcceleratorConfig
    images : Images
        It writes to them: devices must have been given theirs before.
    programs : sequence of Program

    Attributes
    ----------
    seconds : float
        What it took.
    """

    def __init__(self, config: AcceleratorConfig, images: Images,
                 programs: Sequence[Program]) -> None:
        self.seconds = 0.0
        self._config, self._images, self._programs = config, images, programs
        self._failed: BaseException | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> Any:
        self._cancelled = True
        self._thread.join()

    def wait(self) -> Images:
        """The images as it leaves them.

        Raises
        ------
        DeviceError
            If a program ends with an error.
        """
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._images

    def _work(self) -> None:
        started = time.perf_counter()
        try:
            self._run()
        except BaseException as error:
            self._failed = error
        self.seconds = time.perf_counter() - started

    def _run(self) -> None:
        images = self._images
        machine = Machine(self._config, host_bytes=len(images.host),
                          lane_bytes=len(images.lanes[0]), keep=False)
        machine.host.adopt(images.host)
        for lane, image in zip(machine.lanes, images.lanes, strict=True):
            lane.memory.adopt(image)
        for program in self._programs:
            machine.start(program.start, program.registers)
            stopped = machine.run(limit=1)
            while stopped.reason is Stop.LIMIT and not self._cancelled:
                stopped = machine.run(limit=1)
            if stopped.reason is Stop.ERROR:
                raise DeviceError(f"The golden machine was stopped at instruction {stopped.pc}:"
                                  f" {stopped.error.name}")


def first_difference(device: Device, images: Images) -> str | None:
    """The first byte in which a device's memories are not those of the images; None if all are."""
    for memory, image in enumerate((images.host, *images.lanes), HOST):
        for at in range(0, len(image), PIECE):
            want = image[at:at + PIECE]
            got = device.read(memory, at, len(want))
            if not np.array_equal(got, want):
                n = int(np.argmax(got != want))
                name = "the host" if memory == HOST else f"lane {memory}"
                return (f"byte {at + n:#x} of {name} is {got[n]:#04x}, but the golden machine's is"
                        f" {want[n]:#04x}")
    return None
