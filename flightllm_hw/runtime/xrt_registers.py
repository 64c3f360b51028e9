# SPDX-License-Identifier: Apache-2.0
"""A card's registers, by XRT's C interface: what ``pyxrt`` leaves out. Not yet run on a card.

A kernel that was opened for nobody else can be read by ``xrtKernelReadRegister`` of
``libxrt_coreutil``. Nobody may have it open meanwhile, ``pyxrt`` neither: it is for looking at what
a program has left when all is over.
"""

import ctypes
from types import TracebackType
from typing import Any, Self

from flightllm_hw.kernel.registers import Register

__all__ = ["LIBRARY", "XrtRegisters"]

LIBRARY = "libxrt_coreutil.so.2"
"""The library, where XRT's setup.sh has been sourced."""

_WORD_BITS = 32


class XrtRegisters:
    """The registers of a kernel that a card is loaded with.

    Parameters
    ----------
    index : int
        The card's number.
    kernel : str
        The kernel's name.

    Raises
    ------
    OSError
        If the library is not there, or the kernel cannot be had; also by :meth:`read`.
    """

    def __init__(self, index: int, kernel: str) -> None:
        self._library = _declared(ctypes.CDLL(LIBRARY))
        self._kernel: Any = None
        self._device = self._library.xrtDeviceOpen(index)
        if not self._device:
            raise OSError(f"card {index} cannot be opened")
        uuid = ctypes.create_string_buffer(16)
        if not self._library.xrtDeviceGetXclbinUUID(self._device, uuid):
            self._kernel = self._library.xrtPLKernelOpenExclusive(self._device, uuid,
                                                                  kernel.encode())
        if not self._kernel:
            self.close()
            raise OSError(f"the kernel {kernel} cannot be opened")

    def read(self, register: Register) -> int:
        """What a register holds."""
        found = ctypes.c_uint32()
        value = 0
        for n, offset in enumerate(register.words):
            if self._library.xrtKernelReadRegister(self._kernel, offset, ctypes.byref(found)):
                raise OSError(f"the register {register.name} cannot be read")
            value |= found.value << _WORD_BITS * n
        return value

    def close(self) -> None:
        """Let others have the kernel."""
        if self._kernel:
            self._library.xrtKernelClose(self._kernel)
        self._library.xrtDeviceClose(self._device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _declared(library: Any) -> Any:
    """The library with the types of what is called: handles are pointers."""
    handle, integer = ctypes.c_void_p, ctypes.c_int
    calls = {
        "xrtDeviceOpen": (handle, [ctypes.c_uint]),
        "xrtDeviceClose": (integer, [handle]),
        "xrtDeviceGetXclbinUUID": (integer, [handle, ctypes.c_char_p]),
        "xrtPLKernelOpenExclusive": (handle, [handle, ctypes.c_char_p, ctypes.c_char_p]),
        "xrtKernelClose": (integer, [handle]),
        "xrtKernelReadRegister": (
            integer, [handle, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]),
    }
    for name, (result, arguments) in calls.items():
        try:
            call = getattr(library, name)
        except AttributeError:
            raise OSError(f"{LIBRARY} has no {name}") from None
        call.restype, call.argtypes = result, arguments
    return library
