# SPDX-License-Identifier: Apache-2.0
"""Files mapped into memory: nothing is read before it is asked for, nothing beyond the end.

Every access says what it is after, so that a file that ends too early gives a sentence::

    model.bin: the header would end at byte 28, but the file has 20 bytes; it was cut short, ...
"""

import json
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.load.errors import LoadError

__all__ = ["MappedFile", "parse_json", "read_json", "release"]

_JSON_LIMIT = 256 << 20


class MappedFile:
    """A regular file, open for reading.

    Parameters
    ----------
    path : Path
    private : bool
        Whether arrays can be written to: the file stays as it is, and what is written to takes
        this process's memory.

    Raises
    ------
    LoadError
        If there is no such file, it is none to be mapped, or it is empty.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        self.path = path
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_READ
        try:
            with open(path, "rb", opener=_open_regular) as file:
                self.size = file.seek(0, 2)
                self._map = (mmap.mmap(file.fileno(), 0, access=access) if self.size else None)
        except (OSError, ValueError) as e:
            raise LoadError(path, f"cannot be read ({_reason(e)})") from None
        if not self.size:
            raise self.error("is empty")

    def error(self, what: str) -> LoadError:
        """A complaint about this file, to be raised."""
        return LoadError(self.path, what)

    @contextmanager
    def blame(self) -> Iterator[None]:
        """Complaints within, as being about this file."""
        try:
            yield
        except LoadError:
            raise
        except ValueError as e:
            raise self.error(str(e)) from None

    def require(self, offset: int, count: int, what: str) -> None:
        """Complain unless the file has ``count`` bytes at ``offset``."""
        if offset + count > self.size:
            raise self.error(f"{what} would end at byte {offset + count}, but the file has"
                             f" {self.size} bytes; it was cut short, or its header is wrong")

    def head(self, count: int) -> bytes:
        """The first bytes, fewer than ``count`` if there are no more."""
        return bytes(memoryview(self._buffer)[:count])

    def bytes(self, offset: int, count: int, what: str) -> bytes:
        """A copy of some bytes."""
        self.require(offset, count, what)
        return bytes(memoryview(self._buffer)[offset:offset + count])

    def array(self, offset: int, dtype: npt.DTypeLike, count: int,
              what: str) -> npt.NDArray[Any]:
        """Elements as they lie in the file; they are read when used."""
        kind = np.dtype(dtype)
        self.require(offset, count * kind.itemsize, what)
        return np.frombuffer(self._buffer, kind, count, offset)

    def release(self) -> None:
        """Give back the memory that what was read takes; what is used again is read again."""
        release(self._buffer)

    @property
    def _buffer(self) -> mmap.mmap:
        assert self._map is not None
        return self._map


def release(mapped: object) -> None:
    """Give back the memory of a mapped file, if this is one; what was written goes to the file."""
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _open_regular(path: str, flags: int) -> int:
    # A pipe would wait for its writer, and a device has no end.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is not a regular file")
    return os.open(path, flags)


def _reason(e: Exception) -> str:
    return (e.strerror or str(e)) if isinstance(e, OSError) else str(e)


def parse_json(where: object, text: bytes) -> dict[str, Any]:
    """A JSON object; no key twice."""
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"the key {twice!r} is there twice")
        return found

    try:
        value = json.loads(text.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError) as e:
        raise LoadError(where, f"is not valid JSON ({e})") from None
    if not isinstance(value, dict):
        raise LoadError(where, f"must be a JSON object, not a {type(value).__name__}")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file."""
    file = MappedFile(path)
    if file.size > _JSON_LIMIT:
        raise file.error(f"is {file.size} bytes of JSON; at most {_JSON_LIMIT} are read")
    return parse_json(path, file.head(file.size))
