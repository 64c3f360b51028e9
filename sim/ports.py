# SPDX-License-Identifier: Apache-2.0
"""Ports of a compiled design, and which arrays of words they take."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Port"]


@dataclass(frozen=True)
class Port:
    """A port of a Verilog module.

    Parameters
    ----------
    name : str
    width : int
        Bits.
    is_input : bool
    """

    name: str
    width: int
    is_input: bool

    @property
    def words(self) -> int:
        """Words of 32 bits that a value takes."""
        return (self.width + 31) // 32

    def rows(self, rows: Any, cycles: int | None = None) -> np.ndarray:
        """Words of some cycles as the harness takes them, (cycles, words).

        Parameters
        ----------
        rows : array-like of int
            A port of one word may go without the last axis.
        cycles : int, optional
            How many there must be.

        Raises
        ------
        ValueError
            If the shape is another one, or a value has more bits than the port.
        """
        rows = np.asarray(rows)
        if rows.ndim == 1 and self.words == 1:
            rows = rows[:, None]
        if rows.ndim != 2 or rows.shape[1] != self.words or cycles not in (None, len(rows)):
            count = "n" if cycles is None else cycles
            raise ValueError(f"Port {self.name} takes words of shape ({count}, {self.words}), not"
                             f" {rows.shape}")
        if rows.dtype != np.uint32:
            if rows.size and not (0 <= rows.min() and rows.max() < 1 << 32):
                raise ValueError(f"Port {self.name} takes words of 32 bits, unsigned")
        rows = np.ascontiguousarray(rows, "<u4")
        if self.width % 32 and np.any(rows[:, -1] >> self.width % 32):
            raise ValueError(f"Port {self.name} takes {self.width} bits, no more")
        return rows
