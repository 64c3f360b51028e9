# SPDX-License-Identifier: Apache-2.0
"""The part of XRT's ``pyxrt`` that is used, in Python, with a Verilated kernel as the card.

As far as it is known from XRT's public sources, what is refused is refused in the same way: numbers
are C's ``int``, a buffer is a shadow on the host and memory on the card between which only ``sync``
copies, a run knows what is put into the command's packet and no more. What is not here is not in
``pyxrt`` either: no ``abort``, no way to read a register. The latter is in :func:`library`, a part
of XRT's C interface.
"""

import ctypes
import enum
import hashlib
import operator
import sys
import types
import weakref
from functools import partial
from pathlib import Path

import numpy as np

from flightllm_hw.runtime import xrt_registers
from support.xrt_card import read_xclbin

__all__ = ["install", "library", "pyxrt"]

Flags = enum.Enum("flags", ["normal", "cacheable", "device_only", "host_only", "p2p", "svm"])
Mode = enum.Enum("cu_access_mode", ["exclusive", "shared", "none"])
Direction = enum.Enum("xclBOSyncDirection", [
    "XCL_BO_SYNC_BO_TO_DEVICE", "XCL_BO_SYNC_BO_FROM_DEVICE"])
State = enum.Enum("ert_cmd_state", [f"ERT_CMD_STATE_{name}" for name in (
    "NEW", "QUEUED", "COMPLETED", "ERROR", "ABORT", "SUBMITTED", "TIMEOUT", "NORESPONSE")])


def _refuse(call):
    raise TypeError(f"{call}(): incompatible function arguments")


def _number(value, call, low=0, high=(1 << 32) - 1):
    """What pybind11 takes for an integer of C's."""
    if isinstance(value, float) or not hasattr(value, "__index__"):
        _refuse(call)
    number = operator.index(value)
    return number if low <= number <= high else _refuse(call)


class Xclbin:
    def __init__(self, path):
        if not isinstance(path, str):
            _refuse("xclbin")
        try:
            self._found = read_xclbin(Path(path))
        except OSError:
            raise RuntimeError(f"Failed to open file '{path}' for reading") from None
        except ValueError:
            raise RuntimeError("Invalid xclbin") from None
        self._uuid = Uuid(hashlib.sha256(Path(path).read_bytes()).hexdigest()[:32])

    def get_uuid(self):
        return self._uuid

    def get_kernels(self):
        name = self._found["kernel"].split('kernel name="')[1].split('"')[0]
        return [types.SimpleNamespace(get_name=lambda: name)]


class Uuid:
    def __init__(self, text):
        self._text = text

    def to_string(self):
        return self._text


class Device:
    """``several``: a platform that holds several at once, whose xclbins are registered."""

    def __init__(self, cards, several, index):
        if _number(index, "device") >= len(cards):
            raise RuntimeError(f"Could not open device with index '{index}'")
        self._card, self._several, self._known = cards[index], several, {}

    def load_xclbin(self, file):
        if self._several:
            raise RuntimeError("load_xclbin: Operation not supported")
        self._card.load(file._found, file.get_uuid().to_string())
        return file.get_uuid()

    def register_xclbin(self, file):
        self._known[file.get_uuid().to_string()] = file
        return file.get_uuid()


class Context:
    def __init__(self, device, uuid):
        if not isinstance(device, Device) or not isinstance(uuid, Uuid):
            _refuse("hw_context")
        name = uuid.to_string()
        if name in device._known:
            device._card.load(device._known[name]._found, name)
        if device._card.uuid != name:
            raise RuntimeError("No such xclbin is loaded")
        self._card = device._card


class Kernel:
    exclusive, shared, none = Mode.exclusive, Mode.shared, Mode.none
    cu_access_mode = Mode

    def __init__(self, *args):
        if len(args) == 2:
            context, name = args
            mode = Mode.shared
        else:
            device, uuid, name, mode = (*args, Mode.shared)[:4]
            context = Context(device, uuid)
        self._card = context._card
        if name != self._card.kernel:
            raise RuntimeError(f"No such kernel '{name}'")
        if self._card.owner is not None and self._card.owner() is not None:
            raise RuntimeError("failed to open cu context: Device or resource busy")
        if mode is Mode.exclusive:
            self._card.owner = weakref.ref(self)

    def group_id(self, n):
        argument = self._card.arguments[_number(n, "group_id")]
        assert argument.port, "group_id of a scalar ends the process, or returns nonsense"
        # The bank, with the slot that the xclbin is in above it.
        return self._card.connected[n] | 1 << 16


class Bo:
    """A buffer."""

    normal, cacheable, device_only = Flags.normal, Flags.cacheable, Flags.device_only
    host_only, flags = Flags.host_only, Flags

    def __init__(self, device, size, flags, group):
        if not isinstance(device, Device) or not isinstance(flags, Flags):
            _refuse("bo")
        size, group = _number(size, "bo", 0, (1 << 64) - 1), _number(group, "bo")
        self._card, self._bank, self._size = device._card, group & 0xFFFF, size
        self._address = self._card.allocate(self._bank, size)
        if self._address is None:
            raise MemoryError("std::bad_alloc")
        weakref.finalize(self, self._card.free, self._bank, self._address)
        # Whatever was in the host's pages before.
        self._shadow = np.full(size, 0xCD, np.uint8)

    def _part(self, count, at, call):
        count, at = (_number(v, call, 0, (1 << 64) - 1) for v in (count, at))
        if at + count > self._size:
            raise RuntimeError(f"attempting to {call} past buffer size")
        return slice(at, at + count)

    def write(self, data, seek):
        # The address and the number of bytes are all that it takes: not strides.
        view = memoryview(data)
        assert view.c_contiguous, "only the first bytes would be written"
        raw = np.frombuffer(view, np.uint8)
        self._shadow[self._part(len(raw), seek, "write")] = raw

    def read(self, size, skip):
        return self._shadow[self._part(size, skip, "read")].view(np.int8).copy()

    def sync(self, direction, size=None, offset=0):
        if not isinstance(direction, Direction):
            _refuse("sync")
        part = self._part(self._size if size is None else size, offset, "sync")
        memory, at = self._card.memory, self._address + part.start
        if direction is Direction.XCL_BO_SYNC_BO_TO_DEVICE:
            memory.write(at, self._shadow[part])
        else:
            self._shadow[part] = memory.read(at, part.stop - part.start)

    def size(self):
        return self._size

    def address(self):
        return self._address


class Run:
    """``clones``: what newer ones do with a buffer of another bank; older ones refuse it."""

    def __init__(self, clones, kernel):
        if not isinstance(kernel, Kernel):
            _refuse("run")
        self._card, self._kernel, self._clones, self._kept = kernel._card, kernel, clones, {}
        self.words = [0] * (max(a.offset + a.size for a in self._card.arguments) // 4)
        self._state = State.ERT_CMD_STATE_NEW

    def set_arg(self, n, value):
        n = _number(n, "set_arg", -(1 << 31), (1 << 31) - 1)
        if not 0 <= n < len(self._card.arguments):
            raise IndexError("vector::_M_range_check")
        argument = self._card.arguments[n]
        if isinstance(value, Bo):
            buffer = value if value._bank == self._card.connected[n] else self._elsewhere(n, value)
            self._kept[n] = buffer
            raw = buffer.address().to_bytes(8, "little")
        else:
            number = _number(value, "set_arg", -(1 << 31), (1 << 31) - 1)
            raw = number.to_bytes(4, "little", signed=True)
        raw = raw[:argument.size]
        for k in range(0, len(raw), 4):
            self.words[(argument.offset + k) // 4] = int.from_bytes(raw[k:k + 4], "little")

    def _elsewhere(self, n, buffer):
        if not self._clones:
            raise RuntimeError(f"Kernel {self._card.kernel} has no compute units with connectivity"
                               f" required for global argument at index {n}")
        clone = object.__new__(Bo)
        clone._card, clone._bank = self._card, self._card.connected[n]
        clone._address = self._card.allocate(clone._bank, buffer._size)
        self._card.memory.write(clone._address,
                                self._card.memory.read(buffer._address, buffer._size))
        return clone

    def start(self):
        self._state = State.ERT_CMD_STATE_QUEUED
        self._card.submit(self)

    def wait(self, timeout_ms=0):
        if not self._card.wait(self, _number(timeout_ms, "wait")):
            return State.ERT_CMD_STATE_TIMEOUT
        self._state = State.ERT_CMD_STATE_COMPLETED
        return self._state

    def state(self):
        return self._state


def pyxrt(*cards, contexts=True, several=False, clones=True):
    """The module.

    Parameters
    ----------
    cards : Card
    contexts : bool
        Whether it is new enough to have ``hw_context``.
    several : bool
        Whether the platform takes xclbins by ``register_xclbin`` alone.
    clones : bool
        Whether a buffer in the wrong bank is copied into the right one, or refused.
    """
    found = types.ModuleType("pyxrt")
    found.device, found.xclbin, found.uuid = partial(Device, cards, several), Xclbin, Uuid
    found.kernel, found.bo, found.run = Kernel, Bo, partial(Run, clones)
    found.xclBOSyncDirection, found.ert_cmd_state = Direction, State
    if contexts:
        found.hw_context = Context
    return found


def library(*cards):
    """``libxrt_coreutil`` as ctypes loads it: registers of a kernel that nobody else has open."""
    handle, integer, word = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32

    def uuid(device, out):
        ctypes.memmove(out, bytes.fromhex(cards[device - 1].uuid), 16)
        return 0

    def open_kernel(device, uuid, name):
        card = cards[device - 1]
        taken = card.owner is not None and card.owner() is not None
        right = uuid and ctypes.string_at(uuid, 16).hex() == card.uuid
        return device if right and name.decode() == card.kernel and not taken else None

    def read(kernel, offset, found):
        found[0] = cards[kernel - 1].register(offset)
        return 0

    calls = {
        "xrtDeviceOpen": (
            lambda index: index + 1 if index < len(cards) else None, handle, ctypes.c_uint),
        "xrtDeviceClose": (lambda device: 0, integer, handle),
        "xrtDeviceGetXclbinUUID": (uuid, integer, handle, handle),
        "xrtPLKernelOpenExclusive": (open_kernel, handle, handle, handle, ctypes.c_char_p),
        "xrtKernelClose": (lambda kernel: 0, integer, handle),
        "xrtKernelReadRegister": (read, integer, handle, word, ctypes.POINTER(word)),
    }
    return types.SimpleNamespace(**{
        name: ctypes.CFUNCTYPE(*kinds)(call) for name, (call, *kinds) in calls.items()})


def install(monkeypatch, *cards, **options):
    """Let the program find both; ``options`` are the module's."""
    monkeypatch.setitem(sys.modules, "pyxrt", pyxrt(*cards, **options))
    monkeypatch.setattr(xrt_registers, "ctypes", types.SimpleNamespace(
        **vars(ctypes) | {"CDLL": lambda name: library(*cards)}))
