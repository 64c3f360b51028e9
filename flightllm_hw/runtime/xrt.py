# SPDX-License-Identifier: Apache-2.0
"""A card as a device, by way of XRT's ``pyxrt``. Not yet run on a card.

What XRT's Python interface asks for:

- ``pyxrt`` comes with XRT, not from a package index, and is imported when a card is opened.
- ``set_arg`` takes integers as C's ``int``: 32 bits with a sign. All of our scalars are 32 bits
  wide and are given as the signed number of the same bits; pointers are given as buffers.
- ``group_id`` is asked for pointers alone.
- Every buffer is a lane's whole memory: a port reaches one bank.
- XRT writes the arguments and polls; status registers behind the arguments are beyond it. An error
  is told by the watchdog in XRT's own words, or shows in what the program left behind.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.isa.errors import Error
from flightllm_hw.kernel.registers import PAGE_BYTES, PRESETS, PROGRAM_BYTES, RegisterMap

from .device import HOST, Bytes, Device, DeviceError, Report

__all__ = ["XrtDevice"]

TIMEOUT_MS = 60_000
"""What a program may take."""

WATCHDOG = 1 << 24
"""Cycles without progress that end a program."""


class XrtDevice(Device):
    """A card that is loaded with our kernel.

    Parameters
    ----------
    config : AcceleratorConfig
        What the kernel was exported from.
    xclbin : path or None
        What to load.
    index : int
        The card's number.

    Raises
    ------
    DeviceError
        If XRT is not installed, nothing is to be loaded, or the card cannot be had.
    """

    name: ClassVar[str] = "xrt"

    def __init__(self, config: AcceleratorConfig, xclbin: Path | None, index: int = 0) -> None:
        super().__init__(config)
        try:
            self._xrt = importlib.import_module("pyxrt")
        except ImportError:
            raise DeviceError("The device xrt needs pyxrt, which comes with XRT and is not"
                              " installed here: source XRT's setup.sh, or take the device"
                              " simulated") from None
        if xclbin is None or not xclbin.exists():
            raise DeviceError(f"The device xrt needs an .xclbin to load, not {xclbin}")
        self.map = RegisterMap(config)
        self._buffers: dict[int, Any] = {}
        self._pages = (0, 0)
        self._run: Any = None
        try:
            self._card = self._xrt.device(index)
            self._kernel = self._open(str(xclbin), f"flightllm_{config.name}")
        except RuntimeError as error:
            raise DeviceError(f"XRT cannot open card {index} with {xclbin}: {error}") from None

    def _open(self, xclbin: str, name: str) -> Any:
        """The kernel, by hardware context where XRT has these."""
        xrt = self._xrt
        if hasattr(xrt, "hw_context"):
            return xrt.kernel(xrt.hw_context(self._card, xclbin), name)
        loaded = self._card.load_xclbin(xrt.xclbin(xclbin))
        return xrt.kernel(self._card, loaded, name, xrt.kernel.exclusive)

    def reserve(self, host_bytes: int, lane_bytes: int) -> None:
        """Make a buffer for each pointer, in its port's bank."""
        host, lane = self._pages = (-(-host_bytes // PAGE_BYTES), -(-lane_bytes // PAGE_BYTES))
        try:
            for n in range(len(self.map.pointers)):
                size = PAGE_BYTES * (host if n == 0 else lane)
                self._buffers[HOST + n] = self._xrt.bo(
                    self._card, size, self._xrt.bo.normal, self._kernel.group_id(n))
                self.write(HOST + n, 0, np.zeros(size, np.uint8))
        except RuntimeError as error:
            raise DeviceError(f"The card has no {host_bytes} bytes for the host's memory and"
                              f" {lane_bytes} for each lane's: {error}") from None

    def write(self, memory: int, at: int, data: Bytes) -> None:
        """Put bytes into a buffer, and the buffer's part into the card."""
        raw = np.ascontiguousarray(data).tobytes()
        self._buffers[memory].write(raw, at)
        self._buffers[memory].sync(self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE,
                                   len(raw), at)

    def read(self, memory: int, at: int, count: int) -> Bytes:
        """Bytes of the card."""
        self._buffers[memory].sync(self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE,
                                   count, at)
        return np.frombuffer(bytes(self._buffers[memory].read(count, at)), np.uint8)

    def start(self, program: int, registers: Sequence[int]) -> None:
        """Set all arguments by their indices, and start."""
        if len(registers) > PRESETS:
            raise DeviceError(f"A program is given at most {PRESETS} registers, not"
                              f" {len(registers)}")
        values = {"host_pages": self._pages[0], "lane_pages": self._pages[1],
                  "program": program // PROGRAM_BYTES, "watchdog": WATCHDOG,
                  **{f"r{n}": value for n, value in enumerate(registers, 1)}}
        self._run = self._xrt.run(self._kernel)
        for n, register in enumerate(self.map.arguments):
            if register.port is not None:
                self._run.set_arg(n, self._buffers[HOST + n])
            else:
                self._run.set_arg(n, _signed(values.get(register.name, 0)))
        self._run.start()

    def wait(self) -> Report:
        """Wait for XRT's word.

        Raises
        ------
        DeviceError
            If it does not come, or says that the program was not completed.
        """
        state = self._run.wait(TIMEOUT_MS)
        if state != self._xrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED:
            raise DeviceError(f"XRT says {state} of a program after at most {TIMEOUT_MS} ms; the"
                              " card may have to be reset: xrt-smi reset")
        return Report(Error.NONE)

    def cancel(self) -> None:
        """Ask XRT to abort the run."""
        self._run.abort()

    def close(self) -> None:
        """Give the buffers back."""
        self._buffers.clear()


def _signed(value: int) -> int:
    """The number of C's ``int`` with the same 32 bits."""
    return value - (1 << 32) if value >> 31 else value
