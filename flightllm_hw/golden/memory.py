# SPDX-License-Identifier: Apache-2.0
"""A memory image that knows which of its pages were written when."""

import numpy as np
import numpy.typing as npt

__all__ = ["PAGE", "Image"]

PAGE = 4096
"""Bytes of a page."""


class Image:
    """Bytes of memory from address 0 on.

    Parameters
    ----------
    size : int
        Bytes.

    Attributes
    ----------
    data : ndarray of uint8, (size,)
    """

    def __init__(self, size: int) -> None:
        self.data = np.zeros(size, np.uint8)
        self._written = np.zeros(-(-size // PAGE), np.int64)
        self._writes = 0

    def write(self, address: int, values: npt.NDArray[np.uint8]) -> None:
        """Write bytes.

        Raises
        ------
        IndexError
            If they reach beyond the image.
        """
        self._check(address, len(values))
        self.data[address:address + len(values)] = values
        self.touch(address, len(values))

    def touch(self, address: int, count: int) -> None:
        """Bytes of ``data`` were written."""
        self._writes += 1
        self._written[address // PAGE:(address + count - 1) // PAGE + 1] = self._writes

    def read(self, address: int, count: int) -> npt.NDArray[np.uint8]:
        """Bytes; not to be written to.

        Raises
        ------
        IndexError
            If they reach beyond the image.
        """
        self._check(address, count)
        return self.data[address:address + count]

    def version(self, address: int, count: int) -> int:
        """A number that is another one after anything of these bytes was written."""
        return int(self._written[address // PAGE:(address + count - 1) // PAGE + 1].max())

    def _check(self, address: int, count: int) -> None:
        if count < 1 or address < 0 or address + count > len(self.data):
            raise IndexError(f"Memory has {len(self.data)} bytes, none at {address} to"
                             f" {address + count - 1}")
