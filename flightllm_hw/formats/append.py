# SPDX-License-Identifier: Apache-2.0
"""What an append of a key or a value does to a lane's memory, byte by byte.

Codes go in groups of consecutive ones, each to one column or row of 8 x 8 codes that lie by bytes
(``docs/tape.md``); byte B of those 64 is byte B from the first beat of the group on::

    key      8 codes    bytes  8 place .. 8 place + 7           group i at  address
    value    8 codes    bytes  place, 8 + place, 16 + place ..      + i // s * high + i % s * low

For keys s is 4. For values it is the number of groups in a tile's height; a tile that is lower than
8 rows has groups of its height.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["append_key", "append_value", "value_groups"]

_KEY_GROUPS = 4


def value_groups(beat_bytes: int) -> tuple[int, int]:
    """Codes of a value's group, and groups in the height of a tile.

    Parameters
    ----------
    beat_bytes : int
        Of the lane's memory port; a dense tile has half as many rows.
    """
    rows = beat_bytes // 2
    codes = min(8, rows)
    return codes, rows // codes


def append_key(memory: npt.NDArray[np.uint8], codes: npt.NDArray[np.int8],
               scale: np.float32, *, beat_bytes: int, address: int, high: int, low: int, place: int,
               scale_address: int) -> None:
    """Write a key and its scale.

    Parameters
    ----------
    memory : ndarray of uint8, (bytes,)
        Of a lane; it is changed.
    codes : ndarray of int8, (head,)
        Whole groups are written: zeros behind the last code.
    scale : float32
    beat_bytes : int
        Of the lane's memory port.
    address, high, low : int
        In beats. Of the first group; from every fourth group to the next; from a group to the next.
    place : int
        Row of the 8.
    scale_address : int
        In words of 4 bytes.
    """
    groups = _grouped(codes, 8)
    at = _first(len(groups), _KEY_GROUPS, address, high, low) * beat_bytes + 8 * place
    memory[at[:, None] + np.arange(8)] = groups
    memory[4 * scale_address:4 * scale_address + 4] = np.frombuffer(
        np.array(scale, "<f4").tobytes(), np.uint8)


def append_value(memory: npt.NDArray[np.uint8], codes: npt.NDArray[np.int8], *, beat_bytes: int,
                 address: int, high: int, low: int, place: int) -> None:
    """Write a value; parameters as those of :func:`append_key`, ``place`` the column of the 8."""
    length, together = value_groups(beat_bytes)
    groups = _grouped(codes, length)
    at = _first(len(groups), together, address, high, low) * beat_bytes + place
    memory[at[:, None] + 8 * np.arange(length)] = groups


def _grouped(codes: npt.NDArray[np.int8], length: int) -> npt.NDArray[np.uint8]:
    """Codes as they are stored, with their top bit inverted, (groups, length)."""
    padded = np.pad(codes, (0, -len(codes) % length)).reshape(-1, length)
    stored: npt.NDArray[np.uint8] = padded.view(np.uint8) ^ np.uint8(0x80)
    return stored


def _first(groups: int, together: int, address: int, high: int, low: int) -> npt.NDArray[Any]:
    """First beat of each group."""
    i = np.arange(groups, dtype=np.int64)
    return address + i // together * high + i % together * low
