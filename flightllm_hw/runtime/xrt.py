# SPDX-License-Identifier: Apache-2.0
"""A card as a device, by way of XRT's ``pyxrt``. Not yet run on a card.

What XRT's Python interface asks for:

- ``pyxrt`` comes with XRT, not from a package index, and is imported when a card is opened.
- ``set_arg`` takes integers as C's ``int``: 32 bits with a sign. All of our scalars are 32 bits
  wide and are given as the signed number of the same bits; pointers are given as buffers.
- ``group_id`` is asked for pointers alone.
- Every buffer is a lane's whole memory: a port reaches one bank.
- A buffer has a shadow on the host; ``sync`` copies what was written, and nothing beside it.
- XRT writes the arguments and polls for ap_done, which comes with every end: that a program was
  stopped by an error is not told. So each program is given a word of memory that it writes last
  (:meth:`XrtDevice.run`), and once that stays as it was, the kernel is given back and its registers
  are read in another way (:mod:`.xrt_registers`).
- A run cannot be cancelled; the watchdog ends what does not move.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.core.counters import GLOBAL, LANE
from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.kernel.registers import (
    PAGE_BYTES,
    PRESETS,
    PROGRAM_BYTES,
    WORD_BITS,
    RegisterMap,
)

from .device import HOST, Bytes, Device, DeviceError, Report
from .xrt_registers import XrtRegisters

__all__ = ["XrtDevice"]

TIMEOUT_MS = 60_000
"""What a program may take."""

WATCHDOG = 1 << 24
"""Cycles without progress that end a program."""

PIECE = 1 << 22
"""Bytes that are written at once to make a memory zero."""

UNWRITTEN = np.full(4, 0xFF, np.uint8)
"""A word that no program leaves: not the NaN that the arithmetic makes."""

REFUSALS = (RuntimeError, MemoryError, ValueError, LookupError, TypeError, AttributeError, OSError)
"""What C++'s exceptions become, and what becomes of a call that this pyxrt has not."""


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
    timeout_ms : int
        What a program may take.
    watchdog : int
        Cycles without progress that end a program.

    Raises
    ------
    DeviceError
        If XRT is not installed, nothing is to be loaded, or the card cannot be had.
    """

    name: ClassVar[str] = "xrt"
    needs_answers: ClassVar[bool] = True

    def __init__(self, config: AcceleratorConfig, xclbin: Path | None, index: int = 0, *,
                 timeout_ms: int = TIMEOUT_MS, watchdog: int = WATCHDOG) -> None:
        super().__init__(config)
        try:
            self._xrt = importlib.import_module("pyxrt")
        except ImportError:
            raise DeviceError("The device xrt needs pyxrt, which comes with XRT and is not"
                              " installed here: source XRT's setup.sh, or take the device"
                              " simulated") from None
        if xclbin is None or not xclbin.exists():
            raise DeviceError("The device xrt needs an .xclbin to load: "
                              + ("none is named" if xclbin is None else f"there is no {xclbin}"))
        self.map = RegisterMap(config)
        self._index, self._timeout_ms, self._watchdog = index, timeout_ms, watchdog
        self._buffers: dict[int, Any] = {}
        self._pages = (0, 0)
        self._run: Any = None
        self._kernel_name = f"flightllm_{config.name}"
        try:
            self._card = self._xrt.device(index)
            self._kernel = self._open(xclbin)
        except REFUSALS as error:
            raise DeviceError(f"XRT cannot open card {index} with {xclbin}: {error}") from None

    def _open(self, xclbin: Path) -> Any:
        """The kernel, for nobody else; by a hardware context where a platform wants that."""
        xrt, name = self._xrt, self._kernel_name
        file = xrt.xclbin(str(xclbin))
        there = [kernel.get_name() for kernel in file.get_kernels()]
        if name not in there:
            raise DeviceError(f"{xclbin} has no kernel {name}, but {', '.join(there) or 'none'}: it"
                              f" was made for another configuration")
        try:
            loaded = self._card.load_xclbin(file)
        except RuntimeError as refused:
            try:
                context = xrt.hw_context(self._card, self._card.register_xclbin(file))
            except REFUSALS:
                raise refused from None
            return xrt.kernel(context, name)
        return xrt.kernel(self._card, loaded, name, xrt.kernel.exclusive)

    def reserve(self, host_bytes: int, lane_bytes: int) -> None:
        """Make a buffer for each pointer, in its port's bank."""
        self._buffers.clear()
        host, lane = self._pages = (-(-host_bytes // PAGE_BYTES), -(-lane_bytes // PAGE_BYTES))
        zeros = np.zeros(PIECE, np.uint8)
        for n, register in enumerate(self.map.pointers):
            size = PAGE_BYTES * (host if n == 0 else lane)
            try:
                buffer = self._xrt.bo(self._card, size, self._xrt.bo.normal,
                                      self._kernel.group_id(n))
            except REFUSALS as error:
                raise DeviceError(f"The bank at {register.port} has no {size:,} bytes for the"
                                  f" memory {register.name}: {error or type(error).__name__}"
                                  ) from None
            self._buffers[HOST + n] = buffer
            for at in range(0, size, PIECE):
                buffer.write(zeros[:size - at], at)
            self._sync(HOST + n, "TO", size, 0)

    def write(self, memory: int, at: int, data: Bytes) -> None:
        """Put bytes into a buffer, and the buffer's part into the card."""
        raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
        try:
            self._buffers[memory].write(raw, at)
        except REFUSALS as error:
            raise DeviceError(f"{len(raw)} bytes cannot be written at byte {at} of memory"
                              f" {memory}: {error}") from None
        self._sync(memory, "TO", len(raw), at)

    def read(self, memory: int, at: int, count: int) -> Bytes:
        """Bytes of the card."""
        self._sync(memory, "FROM", count, at)
        return np.asarray(self._buffers[memory].read(count, at)).view(np.uint8)

    def _sync(self, memory: int, way: str, count: int, at: int) -> None:
        direction = getattr(self._xrt.xclBOSyncDirection, f"XCL_BO_SYNC_BO_{way}_DEVICE")
        try:
            self._buffers[memory].sync(direction, count, at)
        except REFUSALS as error:
            raise DeviceError(f"XRT cannot copy {count} bytes at byte {at} of memory {memory}:"
                              f" {error}") from None

    def start(self, program: int, registers: Sequence[int]) -> None:
        """Set all arguments by their indices, and start."""
        if program % PROGRAM_BYTES:
            raise DeviceError(f"A program must begin at a multiple of {PROGRAM_BYTES} bytes, not"
                              f" at {program}")
        if len(registers) > PRESETS:
            raise DeviceError(f"A program is given at most {PRESETS} registers, not"
                              f" {len(registers)}")
        for n, value in enumerate(registers, 1):
            if not 0 <= value < 1 << WORD_BITS:
                raise DeviceError(f"Register r{n} has {WORD_BITS} bits, too few for {value}")
        if self._kernel is None:
            raise DeviceError("The card was given back after an error: open it again")
        values = {"host_pages": self._pages[0], "lane_pages": self._pages[1],
                  "program": program // PROGRAM_BYTES, "watchdog": self._watchdog,
                  **{f"r{n}": value for n, value in enumerate(registers, 1)}}
        try:
            self._run = self._xrt.run(self._kernel)
            for n, register in enumerate(self.map.arguments):
                if register.port is not None:
                    self._run.set_arg(n, self._buffers[HOST + n])
                else:
                    self._run.set_arg(n, _signed(values.get(register.name, 0)))
            self._run.start()
        except REFUSALS as error:
            raise DeviceError(f"XRT cannot start a program: {error}") from None

    def wait(self) -> Report:
        """Wait for XRT's word, which is the same for programs that end well or with an error.

        Raises
        ------
        DeviceError
            If it does not come, or says that the kernel has not become done.
        """
        states = self._xrt.ert_cmd_state
        try:
            state = self._run.wait(self._timeout_ms)
        except REFUSALS as error:
            raise DeviceError(f"XRT cannot wait for a program: {error}") from None
        if state == states.ERT_CMD_STATE_TIMEOUT:
            raise DeviceError(f"The program is not over after {self._timeout_ms} ms; if it never"
                              " is, the card has to be reset: xrt-smi reset")
        if state != states.ERT_CMD_STATE_COMPLETED:
            raise DeviceError(f"XRT says {str(state).rpartition('STATE_')[2]} of a program; the"
                              " card may have to be reset: xrt-smi reset")
        return Report(Error.NONE)

    def run(self, program: int, registers: Sequence[int], answer: int | None = None) -> Report:
        """Run a program; an ``answer`` that it has not written is an error."""
        if answer is not None:
            self.write(HOST, answer, UNWRITTEN)
        report = super().run(program, registers)
        if answer is not None and np.array_equal(self.read(HOST, answer, 4), UNWRITTEN):
            return self._post_mortem().require_success()
        return report

    def _post_mortem(self) -> Report:
        """What the kernel's registers say of a program that was stopped; the card is given back.

        Raises
        ------
        DeviceError
            If they cannot be read, or know of no error.
        """
        self._run = self._kernel = None
        stopped = "The program was stopped by an error before it had written its results"
        try:
            with XrtRegisters(self._index, self._kernel_name) as registers:
                def read(name: str) -> int:
                    return registers.read(self.map[name])

                status, part = read("STATUS"), self.map["STATUS"]
                report = Report(
                    Error(part["error"].of(status)), Detail(part["detail"].of(status)),
                    read("ERROR_PC"), read("ERROR_ADDRESS"), bool(part["stuck"].of(status)),
                    read("cycles"), {name: read(name) for name, _ in GLOBAL},
                    [{name: read(f"lane_{n}_{name}") for name, _ in LANE}
                     for n in range(self.config.lanes)])
        except (OSError, ValueError) as error:
            raise DeviceError(f"{stopped}; its registers, which tell which, cannot be read:"
                              f" {error}. On the device simulated the same model tells"
                              ) from None
        if report.error is Error.NONE and not report.stuck:
            raise DeviceError(f"{stopped}, but the kernel knows of none: do model and .xclbin"
                              " belong to the same configuration?")
        return report

    def cancel(self) -> None:
        """Refuse: ``pyxrt`` has no call for it.

        Raises
        ------
        DeviceError
            Always.
        """
        raise DeviceError(f"XRT cannot cancel a program: its watchdog ends it {self._watchdog}"
                          " cycles after it has stopped to move")

    def close(self) -> None:
        """Give everything back: the buffers, the kernel, the card."""
        self._buffers.clear()
        self._run = self._kernel = self._card = None


def _signed(value: int) -> int:
    """The number of C's ``int`` with the same 32 bits."""
    return int(value - (value >> WORD_BITS - 1 << WORD_BITS))
