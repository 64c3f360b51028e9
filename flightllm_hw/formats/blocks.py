# SPDX-License-Identifier: Apache-2.0
"""Block sparsity: one bit for each block of a matrix that holds anything."""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import INTS, require_array, require_integer

__all__ = ["MASK_HEADERS", "block_mask", "pack_mask", "unpack_mask"]

MASK_HEADERS = 64
"""Headers that a mask beat of a tape counts for (``docs/tape.md``)."""


def block_mask(x: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """Which blocks of ``rows`` x ``columns`` hold anything nonzero.

    Parameters
    ----------
    x : ndarray of bool or integers, (R, K)
        Codes less their zero points, or a mask.
    rows, columns : int
        A block's size; blocks at the edges are padded with zeros.

    Returns
    -------
    ndarray of bool, (ceil(R / rows), ceil(K / columns))

    Raises
    ------
    ValueError
        If ``x`` is empty or of another dtype or shape, or a size is not positive.
    """
    x = require_array("Codes or mask", x, ("bool", *INTS), ("R", "K"))
    require_integer("Block rows", rows, 1)
    require_integer("Block columns", columns, 1)
    held = np.pad(x != 0, ((0, -x.shape[0] % rows), (0, -x.shape[1] % columns)))
    blocks = held.reshape(held.shape[0] // rows, rows, held.shape[1] // columns, columns)
    return np.asarray(blocks.any(axis=(1, 3)), dtype=np.bool_)


def pack_mask(mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Pack a mask into bytes along its last axis.

    Parameters
    ----------
    mask : ndarray of bool, (..., n)

    Returns
    -------
    ndarray of uint8, (..., ceil(n / 8))
        Element i is bit i % 8 of byte i // 8; bits past n are 0.

    Raises
    ------
    ValueError
        If ``mask`` is empty or not bool.
    """
    mask = require_array("Mask", mask, ("bool",), None)
    return np.packbits(mask, axis=-1, bitorder="little")


def unpack_mask(packed: npt.NDArray[Any], n: int) -> npt.NDArray[np.bool_]:
    """Unpack bytes into a mask; the inverse of :func:`pack_mask`.

    Parameters
    ----------
    packed : ndarray of uint8, (..., ceil(n / 8))
    n : int
        Elements along the last axis.

    Returns
    -------
    ndarray of bool, (..., n)

    Raises
    ------
    ValueError
        If ``packed`` is empty or of another dtype, its bytes do not fit ``n``, or a bit past ``n``
        is set.
    """
    packed = require_array("Packed mask", packed, ("uint8",), None)
    require_integer("Elements of a mask", n, 1)
    if packed.shape[-1] != -(-n // 8):
        raise ValueError(f"Packed mask must have {-(-n // 8)} bytes for {n} elements,"
                         f" not {packed.shape[-1]}")
    mask = np.unpackbits(packed, axis=-1, bitorder="little").astype(np.bool_)
    if mask[..., n:].any():
        raise ValueError(f"Packed mask must have no bit set past its {n} elements")
    return mask[..., :n]
