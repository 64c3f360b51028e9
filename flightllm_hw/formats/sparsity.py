# SPDX-License-Identifier: Apache-2.0
"""N:M sparsity along K: which codes are kept, and how they are stored.

A row is cut into blocks of M neighbours (:class:`~flightllm_hw.formats.pattern.Pattern`). A block
is stored as exactly N codes with their indices in the block, strictly ascending. Where K is no
multiple of M the last block is padded with columns that hold nothing; a stored index may name such
a column, but only with the code that says nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    FLOATS,
    require_all,
    require_array,
    require_finite,
    require_integer,
    require_shape,
    require_within,
)
from flightllm_hw.formats.pattern import Pattern

__all__ = ["block_counts", "compress", "expand", "prune_mask"]

Codes = npt.NDArray[np.int8] | npt.NDArray[np.uint8]


def _blocks(x: npt.NDArray[Any], pattern: Pattern, mode: Any = "constant") -> npt.NDArray[Any]:
    """``x``, (rows, K), padded and cut: (rows, blocks, M)."""
    if x.shape[1] % pattern.m:
        x = np.pad(x, ((0, 0), (0, -x.shape[1] % pattern.m)), mode=mode)
    return x.reshape(x.shape[0], -1, pattern.m)


def block_counts(mask: npt.NDArray[np.bool_], pattern: Pattern) -> npt.NDArray[np.uint8]:
    """How many of each block a mask, (rows, K), keeps: (rows, ceil(K / M))."""
    blocks = _blocks(mask, pattern)
    count = blocks[..., 0].astype(np.uint8)
    for n in range(1, pattern.m):
        count += blocks[..., n]
    return count


def _fill(fill: int | npt.NDArray[Any], shape: tuple[int, ...],
          dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    values = np.asarray(fill)
    if values.dtype.kind not in "iu":
        raise ValueError(f"Fill must be integer codes, not {values.dtype}")
    if values.shape not in ((), shape):
        raise ValueError(f"Fill must be one code or have the shape {shape}, not {values.shape}")
    values = np.broadcast_to(values, shape)
    limits = np.iinfo(dtype)
    require_within("Fill", values, int(limits.min), int(limits.max))
    return values.astype(dtype)


def prune_mask(w: npt.NDArray[Any], pattern: Pattern) -> npt.NDArray[np.bool_]:
    """Choose the N weights of greatest magnitude in each block.

    Parameters
    ----------
    w : ndarray of float16, float32 or float64, (rows, K)
        Finite.
    pattern : Pattern
        ``DENSE`` keeps everything.

    Returns
    -------
    ndarray of bool, (rows, K)
        True where a weight is kept. Of equal magnitudes the lower index is kept; a last block
        padded from fewer than N columns keeps them all.

    Raises
    ------
    ValueError
        If ``w`` is empty, of another dtype or shape, or not finite.
    """
    w = require_array("Weights", w, FLOATS, ("rows", "K"))
    require_finite("Weights", w)
    if pattern is Pattern.DENSE:
        return np.ones(w.shape, np.bool_)
    blocks = _blocks(np.abs(w), pattern)
    # Column by column of all blocks: how many others go before it. Each pair is compared once.
    columns = np.ascontiguousarray(np.moveaxis(blocks, -1, 0))
    before = np.zeros(columns.shape, np.uint8)
    for i in range(pattern.m):
        for j in range(i):
            first = columns[j] >= columns[i]
            before[i] += first
            before[j] += ~first
    mask = np.moveaxis(before < pattern.n, 0, -1).reshape(w.shape[0], -1)
    return mask[:, :w.shape[1]]


def compress(codes: npt.NDArray[Any], mask: npt.NDArray[Any], pattern: Pattern,
             fill: int | npt.NDArray[Any] = 0) -> tuple[Codes, npt.NDArray[np.uint8]]:
    """Store the codes under a mask; those beside it are dropped.

    Parameters
    ----------
    codes : ndarray of int8 or uint8, (rows, K)
    mask : ndarray of bool, (rows, K)
        At most N True in each block.
    pattern : Pattern
    fill : int or ndarray of integers, (rows, K)
        The code that says nothing: 0, or for unsigned codes the zero point. Past K the last
        column's counts.

    Returns
    -------
    kept : ndarray of int8 or uint8 as ``codes``, (rows, ceil(K / M) * N)
        Blocks one after the other. A block with fewer than N True is topped up with ``fill`` at
        its lowest indices that are not True.
    indices : ndarray of uint8, of the same shape
        Each code's index in its block, 0..M-1, strictly ascending in a block.

    Raises
    ------
    ValueError
        If an input is empty or of another dtype or shape, or a block has more than N True.
    """
    codes = require_array("Codes", codes, ("int8", "uint8"), ("rows", "K"))
    mask = require_array("Mask", mask, ("bool",), ("rows", "K"))
    require_shape("Mask", mask, codes.shape, "as the codes")
    nothing = _blocks(_fill(fill, codes.shape, codes.dtype), pattern, "edge")
    blocks = _blocks(mask, pattern)
    count = block_counts(mask, pattern)
    require_all("Counts of kept codes in a block", count, count <= pattern.n,
                f"at most {pattern.n} for the pattern {pattern}")
    # N of every block are stored, and so they come out in order.
    stored = _topped_up(blocks, pattern.n - count)
    kept = np.where(blocks, _blocks(codes, pattern), nothing)[stored]
    indices = np.broadcast_to(np.arange(pattern.m, dtype=np.uint8), blocks.shape)[stored]
    rows = codes.shape[0]
    return kept.reshape(rows, -1), indices.reshape(rows, -1)


def _topped_up(blocks: npt.NDArray[np.bool_],
               missing: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """A mask with ``missing`` more of each block, at the lowest indices that are not True."""
    if not missing.any():
        return blocks
    stored, missing = blocks.copy(), missing.copy()
    for n in range(blocks.shape[-1]):
        more = ~blocks[..., n] & (missing > 0)
        stored[..., n] |= more
        missing -= more
    return stored


def expand(kept: npt.NDArray[Any], indices: npt.NDArray[Any], pattern: Pattern, k: int,
           fill: int | npt.NDArray[Any] = 0) -> Codes:
    """Codes in their places again; the inverse of :func:`compress`.

    Parameters
    ----------
    kept : ndarray of int8 or uint8, (rows, ceil(k / M) * N)
    indices : ndarray of uint8, of the same shape
        Strictly ascending in each block, below M.
    pattern : Pattern
    k : int
        Columns.
    fill : int or ndarray of integers, (rows, k)
        As for :func:`compress`: the code of columns that are not stored.

    Returns
    -------
    ndarray of int8 or uint8 as ``kept``, (rows, k)

    Raises
    ------
    ValueError
        If an input is empty or of another dtype or shape, indices are not strictly ascending below
        M, or a column past ``k`` holds another code than ``fill``.
    """
    kept = require_array("Kept codes", kept, ("int8", "uint8"), ("rows", "kept"))
    indices = require_array("Indices", indices, ("uint8",), ("rows", "kept"))
    require_integer("Columns k", k, 1)
    rows, n, m = kept.shape[0], pattern.n, pattern.m
    require_shape("Kept codes", kept, (rows, -(-k // m) * n), f"{n} for each {m} of {k} columns")
    require_shape("Indices", indices, kept.shape, "as the kept codes")
    require_within("Indices", indices, 0, m - 1)
    places = indices.reshape(rows, -1, n).astype(np.int64)
    ascending = np.ones(places.shape, np.bool_)
    ascending[..., 1:] = places[..., 1:] > places[..., :-1]
    require_all("Indices", indices, ascending.reshape(indices.shape),
                "greater than the one before in its block")
    dense = _blocks(_fill(fill, (rows, k), kept.dtype), pattern, "edge")
    np.put_along_axis(dense, places, kept.reshape(rows, -1, n), axis=-1)
    flat = dense.reshape(rows, -1)
    nothing = _blocks(_fill(fill, (rows, k), kept.dtype), pattern, "edge").reshape(rows, -1)
    require_all("Codes, with the padding past the last column,", flat,
                (flat == nothing) | (np.arange(flat.shape[1]) < k),
                f"those of {k} columns and nothing past them")
    return flat[:, :k]
