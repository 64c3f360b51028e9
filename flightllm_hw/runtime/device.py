# SPDX-License-Identifier: Apache-2.0
"""What every device can do: ten calls, whatever carries them out.

::

    reserve ─► write ... ─► start ─► wait ─► read ... ─► start ─► ... ─► close
                               └──► cancel

A device has the host's memory and one for each lane; addresses count from their first bytes. A
program's addresses are within these memories, so that none depends on where a device puts them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.isa.errors import Detail, Error

__all__ = ["HOST", "Device", "DeviceError", "Report"]

HOST = -1
"""The host's memory; lanes' memories have the numbers of their lanes."""

Bytes = npt.NDArray[np.uint8]


class DeviceError(Exception):
    """A device cannot do what it was asked for; a sentence says what."""


@dataclass(frozen=True)
class Report:
    """How a program went.

    Parameters
    ----------
    error : Error
        Why it was stopped; ``NONE``: it came to its end.
    detail : Detail
        A unit's own reason.
    pc : int
        The instruction at fault.
    address : int
        The byte of memory at fault, as the device's ports count.
    stuck : bool
        Whether the device has to be reset.
    cycles : int or None
        From its start to its end; None, where nothing has a clock.
    counters : mapping of str to int
        The core's, :data:`flightllm_hw.core.counters.GLOBAL`.
    lanes : sequence of mapping of str to int
        The lanes', :data:`flightllm_hw.core.counters.LANE`.
    """

    error: Error
    detail: Detail = Detail.NONE
    pc: int = 0
    address: int = 0
    stuck: bool = False
    cycles: int | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    lanes: Sequence[Mapping[str, int]] = ()

    def require_success(self) -> Self:
        """Check that nothing went wrong.

        Raises
        ------
        DeviceError
            If something did.
        """
        if self.error is not Error.NONE or self.stuck:
            detail = "" if self.detail is Detail.NONE else f" ({self.detail.name})"
            raise DeviceError(f"The program was stopped at instruction {self.pc}:"
                              f" {self.error.name}{detail}, address {self.address:#x}"
                              + ("; the device must be reset" if self.stuck else ""))
        return self


class Device(ABC):
    """An accelerator and its memories.

    Parameters
    ----------
    config : AcceleratorConfig
        What it is; programs are made for one configuration.
    """

    name: ClassVar[str]
    """What users call this kind of device."""

    needs_answers: ClassVar[bool] = False
    """Whether the device knows of errors by the ``answer`` of :meth:`run` alone."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config

    @abstractmethod
    def reserve(self, host_bytes: int, lane_bytes: int) -> None:
        """Make memories, filled with zeros: the host's, and each lane's.

        Raises
        ------
        DeviceError
            If there is not as much.
        """

    @abstractmethod
    def write(self, memory: int, at: int, data: Bytes) -> None:
        """Put bytes into a memory."""

    @abstractmethod
    def read(self, memory: int, at: int, count: int) -> Bytes:
        """Bytes of a memory."""

    @abstractmethod
    def start(self, program: int, registers: Sequence[int]) -> None:
        """Start the program at a byte of the host's memory; ``registers`` are r1 and on."""

    @abstractmethod
    def wait(self) -> Report:
        """Wait until the program is over."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the program to end as soon as it can; :meth:`wait` tells when it has."""

    def close(self) -> None:  # noqa: B027 - most devices have nothing to give back
        """Give back what the device holds."""

    def run(self, program: int, registers: Sequence[int], answer: int | None = None) -> Report:
        """Start a program, and wait for its end.

        Parameters
        ----------
        program : int
            Byte of the host's memory at which it begins.
        registers : sequence of int
            r1 and on.
        answer : int, optional
            Byte of a word in the host's memory that the program writes with its last results, FP32;
            a device that needs one may overwrite it before.

        Raises
        ------
        DeviceError
            If it ends with an error.
        """
        self.start(program, registers)
        return self.wait().require_success()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> Any:
        self.close()
