# SPDX-License-Identifier: Apache-2.0
"""Tiles of b-bit codes as b bit-planes of equal width.

Plane j holds bit j of every code of the tile, code i at bit i of the plane::

    planes[j] = sum over i of ((code[i] >> j) & 1) << i        negative codes in two's complement

so that another precision is another number of planes, and no code is ever shifted.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array, require_integer, require_within
from flightllm_hw.formats.rounding import code_range

__all__ = ["pack_planes", "unpack_planes"]


def pack_planes(tiles: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Pack tiles of codes into bit-planes.

    Parameters
    ----------
    tiles : ndarray of int8 (signed codes) or uint8 (unsigned codes), (n, width)
        Each code within ``bits`` bits; ``width`` a multiple of 8.
    bits : int
        1 to 8.

    Returns
    -------
    ndarray of uint8, (n, bits, width / 8)
        Code i's bit is bit i % 8 of byte i // 8.

    Raises
    ------
    ValueError
        If ``tiles`` is empty or of another dtype or shape, the width is no multiple of 8, ``bits``
        is not in 1..8, or a code does not fit.
    """
    tiles = require_array("Tiles", tiles, ("int8", "uint8"), ("n", "width"))
    require_integer("Code bits", bits, 1, 8)
    if tiles.shape[1] % 8:
        raise ValueError(f"Tiles must have a width that is a multiple of 8, not {tiles.shape[1]}")
    signed = tiles.dtype == np.int8
    require_within(f"{'Signed' if signed else 'Unsigned'} {bits}-bit codes", tiles,
                   *code_range(bits, signed))
    place = np.arange(bits, dtype=np.uint8)[None, :, None]
    ones = tiles.view(np.uint8)[:, None, :] >> place & np.uint8(1)
    return np.packbits(ones, axis=-1, bitorder="little")


def unpack_planes(planes: npt.NDArray[Any], bits: int,
                  signed: bool) -> npt.NDArray[np.int8] | npt.NDArray[np.uint8]:
    """Unpack bit-planes into tiles of codes; the inverse of :func:`pack_planes`.

    Parameters
    ----------
    planes : ndarray of uint8, (n, bits, width / 8)
    bits : int
        1 to 8, and equal to the number of planes.
    signed : bool
        Whether the last plane holds signs.

    Returns
    -------
    ndarray of int8 if ``signed``, else of uint8, (n, width)

    Raises
    ------
    ValueError
        If ``planes`` is empty or of another dtype or shape, or ``bits`` is not in 1..8 or not the
        number of planes.
    """
    planes = require_array("Planes", planes, ("uint8",), ("n", "bits", "width / 8"))
    require_integer("Code bits", bits, 1, 8)
    if planes.shape[1] != bits:
        raise ValueError(f"Planes of {bits}-bit codes must number {bits} in a tile,"
                         f" not {planes.shape[1]}")
    ones = np.unpackbits(planes, axis=-1, bitorder="little").astype(np.int16)
    place = np.int16(1) << np.arange(bits, dtype=np.int16)
    if signed:
        place[-1] = -place[-1]
    codes: npt.NDArray[np.int16] = (ones * place[None, :, None]).sum(axis=1, dtype=np.int16)
    return codes.astype(np.int8) if signed else codes.astype(np.uint8)
