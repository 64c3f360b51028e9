# SPDX-License-Identifier: Apache-2.0
"""GGUF: metadata by key, and where in the file each tensor is.

::

    "GGUF"    uint32 version    uint64 tensors    uint64 keys
    keys      string name, uint32 type, value
    tensors   string name, uint32 n, n x uint64 shape (columns first), uint32 type, uint64 offset
    padding   to a multiple of general.alignment; offsets count from here
    bytes     the tensors

A string is uint64 length and bytes. Types and their sizes are those of the ``gguf`` package. Its
own reader trusts the file: it would follow a false length anywhere, hence this one, which gives
the same for files that are whole.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from flightllm_hw.compiler.load.config import Shape
from flightllm_hw.compiler.load.mapped import MappedFile

__all__ = ["GgufTensor", "read_gguf"]

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?",
            10: "<u8", 11: "<i8", 12: "<f8"}
_ALIGNMENT = 32


@dataclass(frozen=True)
class GgufTensor:
    """Where a tensor is.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Rows before columns.
    kind : str
        The package's name of the type.
    offset : int
        Of the first byte in the file.
    """

    name: str
    shape: Shape
    kind: str
    offset: int


class _Cursor:
    """A place in the file that moves on as values are taken."""

    def __init__(self, file: MappedFile) -> None:
        self.file = file
        self.at = 4

    def take(self, layout: str, what: str) -> Any:
        size = struct.calcsize(layout)
        value, = struct.unpack(layout, self.file.bytes(self.at, size, what))
        self.at += size
        return value

    def string(self, what: str) -> bytes:
        length = self.take("<Q", f"the length of {what}")
        text = self.file.bytes(self.at, length, what)
        self.at += length
        return text

    def text(self, what: str) -> str:
        try:
            return self.string(what).decode()
        except UnicodeDecodeError:
            raise self.file.error(f"{what} must be UTF-8") from None

    def value(self, kind: int, what: str) -> Any:
        if kind == _STRING:
            return self.string(what)
        if kind == _ARRAY:
            return self.array(what)
        return self.scalars(kind, 1, what)[0].item()

    def array(self, what: str) -> Any:
        """Bytes in a list, or numbers in an array; none within one another."""
        kind = self.take("<I", f"the type of {what}")
        count = self.take("<Q", f"the length of {what}")
        if kind != _STRING:
            return self.scalars(kind, count, what)
        self.file.require(self.at, 8 * count, what)
        return [self.string(what) for _ in range(count)]

    def scalars(self, kind: int, count: int, what: str) -> np.ndarray[Any, Any]:
        if kind not in _SCALARS:
            raise self.file.error(f"{what} is of the type {kind}, which has no meaning there")
        values = self.file.array(self.at, _SCALARS[kind], count, what)
        self.at += values.nbytes
        return values


def read_gguf(file: MappedFile) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    """Metadata by key, and tensors by name.

    Strings are bytes, arrays of strings lists of bytes, arrays of numbers numpy's.

    Raises
    ------
    LoadError
        If the file is not as above.
    """
    cursor = _Cursor(file)
    version = cursor.take("<I", "the version")
    if version not in (2, 3):
        big = struct.unpack(">I", struct.pack("<I", version))[0] in (2, 3)
        raise file.error("is a GGUF file in big endian; only little endian is read" if big else
                         f"is of version {version} of GGUF; versions 2 and 3 are read")
    tensor_count = cursor.take("<Q", "the number of tensors")
    key_count = cursor.take("<Q", "the number of keys")
    # The shortest key has 13 bytes, the shortest tensor 24: no count leads beyond the end.
    file.require(cursor.at, 13 * key_count + 24 * tensor_count, "the keys and tensors")

    keys: dict[str, Any] = {}
    for n in range(key_count):
        name = cursor.text(f"the name of key {n}")
        kind = cursor.take("<I", f"the type of key {name}")
        if name in keys:
            raise file.error(f"has the key {name} twice")
        keys[name] = cursor.value(kind, f"key {name}")
    entries = [_entry(cursor, n) for n in range(tensor_count)]

    alignment = keys.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise file.error(f"general.alignment must be a power of two, not {alignment!r}")
    base = -(-cursor.at // alignment) * alignment
    tensors: dict[str, GgufTensor] = {}
    for name, shape, number, offset in entries:
        if name in tensors:
            raise file.error(f"has the tensor {name} twice")
        kind, size = _size(file, name, shape, number)
        file.require(base + offset, size, f"tensor {name}")
        tensors[name] = GgufTensor(name, shape, kind, base + offset)
    return keys, tensors


def _entry(cursor: _Cursor, n: int) -> tuple[str, Shape, int, int]:
    name = cursor.text(f"the name of tensor {n}")
    axes = cursor.take("<I", f"the number of axes of tensor {name}")
    if not 1 <= axes <= 4:
        raise cursor.file.error(f"tensor {name} must have one to four axes, not {axes}")
    shape = tuple(cursor.take("<Q", f"the shape of tensor {name}") for _ in range(axes))[::-1]
    if 0 in shape:
        raise cursor.file.error(f"no axis of tensor {name} may be empty, but its shape is"
                                f" {list(shape)}")
    number = cursor.take("<I", f"the type of tensor {name}")
    offset = cursor.take("<Q", f"the offset of tensor {name}")
    return name, shape, number, offset


def _size(file: MappedFile, name: str, shape: Shape, number: int) -> tuple[str, int]:
    """The name of a tensor's type, and its bytes."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        kind = GGMLQuantizationType(number)
    except ValueError:
        raise file.error(f"tensor {name} is of the unknown type {number}") from None
    block, size = GGML_QUANT_SIZES[kind]
    if shape[-1] % block:
        raise file.error(f"tensor {name} must have a multiple of {block} columns in {kind.name},"
                         f" not {shape[-1]}")
    return kind.name, math.prod(shape) // block * size
