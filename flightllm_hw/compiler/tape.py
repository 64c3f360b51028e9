# SPDX-License-Identifier: Apache-2.0
"""The tape's one encoder: quantized matrices to beats, as ``docs/tape.md`` has it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.blocks import MASK_HEADERS
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.weight import QuantizedWeights

from .tape_shape import TapeShape, block_tiles, header_groups
from .tile import TiledMatrix, lay_out

__all__ = ["TapeShape", "block_tiles", "encode", "header_groups"]

Beats = npt.NDArray[np.uint8]
Lay = Callable[[npt.NDArray[Any], int], npt.NDArray[Any]]


def encode(weights: QuantizedWeights, mask: npt.NDArray[np.bool_], pattern: Pattern,
           config: LaneConfig, masked: bool = False) -> tuple[TapeShape, Beats]:
    """A matrix as a tape.

    Parameters
    ----------
    weights : QuantizedWeights
    mask : ndarray of bool, (rows, K)
        Which codes are kept; the others are taken for zero.
    pattern : Pattern
        At most whose N of every M are kept.
    config : LaneConfig
    masked : bool
        Leave out headers that hold nothing but zeros (block sparsity).

    Returns
    -------
    TapeShape
    ndarray of uint8, (beats, beat_bits / 8)

    Raises
    ------
    ValueError
        If the lane cannot take the matrix, or the mask keeps too many codes of a block.
    """
    shape = TapeShape.of(weights, pattern, config, masked)
    tiled = lay_out(weights.centered(), mask, pattern, config)
    entries = _entries(weights, shape, config)
    scale, zero = entries(weights.group_scale, 0), entries(_zeros(weights), _middle(weights))
    codes, indices = _blocks(tiled, zero, shape)
    order = _Order.of(shape, config)
    beats = np.zeros((shape.row_blocks, order.beats, config.beat_bits // 8), np.uint8)
    beats[:, :order.row_scales] = _row_scales(weights, shape, config)
    beats[:, order.scale] = np.ascontiguousarray(scale, "<u2").view(np.uint8)
    if shape.zero_point:
        beats[:, order.scale + 1, :2 * config.chains] = np.negative(zero)
    beats[:, order.codes] = _block_beats(codes, indices, shape)
    if not masked:
        return shape, beats.reshape(-1, beats.shape[-1])
    holds = _holds(tiled, order.ends)
    for section, at in enumerate(order.mask):
        kept = holds[:, section * MASK_HEADERS:(section + 1) * MASK_HEADERS]
        bits = np.packbits(kept, axis=-1, bitorder="little")
        beats[:, at, :bits.shape[-1]] = bits
    return shape, beats[(order.header < 0) | holds[:, order.header]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Order:
    """Where beats lie in a row block that leaves no header out; the same in each of a matrix.

    Parameters
    ----------
    row_scales : int
        Beats of row scales, the first ones.
    ends : ndarray of int
        Tiles before the end of each header.
    scale : ndarray of int
        Scale beat of each header; the zero beat comes next.
    mask : ndarray of int
        Mask beat of each section, or none.
    codes : ndarray of int
        Every beat of blocks.
    header : ndarray of int
        To which header each beat belongs; -1 for those that are always there.
    """

    row_scales: int
    ends: npt.NDArray[np.int64]
    scale: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    header: npt.NDArray[np.int64]

    @property
    def beats(self) -> int:
        """Of a row block."""
        return len(self.header)

    @classmethod
    def of(cls, shape: TapeShape, config: LaneConfig) -> "_Order":
        together = header_groups(shape.pattern, config)
        number = np.arange(-(-shape.groups // together))
        ends = np.minimum((number + 1) * together, shape.groups) * shape.group_tiles
        ends[-1] = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
        planes = shape.bits + shape.pattern.index_planes
        stops = ends // block_tiles(shape.pattern) * planes // 2
        starts = np.concatenate([[0], stops[:-1]])
        row_scales = config.tile_rows(shape.pattern) // config.chains
        masks = number // MASK_HEADERS + 1 if shape.masked else 0 * number
        scale = row_scales + masks + number * (1 + shape.zero_point) + starts
        first = scale + 1 + shape.zero_point
        codes = np.arange(stops[-1]) + np.repeat(first - starts, stops - starts)
        header = np.full(first[-1] + stops[-1] - starts[-1], -1)
        header[codes] = np.repeat(number, stops - starts)
        header[scale] = number
        if shape.zero_point:
            header[scale + 1] = number
        return cls(row_scales=row_scales, ends=ends, scale=scale, codes=codes, header=header,
                   mask=scale[::MASK_HEADERS] - 1 if shape.masked else scale[:0])


def _holds(tiled: TiledMatrix, ends: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each header holds a code, (row blocks, headers); the last is kept in any case.

    The hardware must be told which header is a row block's last when it meets it.
    """
    tiles = np.pad(tiled.holds, ((0, 0), (0, max(0, ends[-1] - tiled.holds.shape[1]))))
    starts = np.concatenate([[0], ends[:-1]])
    holds = np.stack([tiles[:, a:b].any(axis=1) for a, b in zip(starts, ends, strict=True)], axis=1)
    # Of the last section alone.
    section = (holds.shape[1] - 1) // MASK_HEADERS * MASK_HEADERS
    holds[~holds[:, section:].any(axis=1), -1] = True
    result: npt.NDArray[np.bool_] = holds
    return result


def _row_scales(weights: QuantizedWeights, shape: TapeShape, config: LaneConfig) -> Beats:
    """Row scales of each row block: of the chains' first rows, then of their second ones."""
    rows = config.tile_rows(shape.pattern)
    own = np.zeros((shape.row_blocks, config.chains, rows // config.chains), "<f4")
    own.reshape(-1)[:weights.rows] = weights.row_scale
    return np.ascontiguousarray(own.transpose(0, 2, 1)).view(np.uint8)


def _middle(weights: QuantizedWeights) -> int:
    """Zero point of padding, and of every code where there are no zero points."""
    return 0 if weights.zero is not None else 1 << weights.bits - 1


def _zeros(weights: QuantizedWeights) -> npt.NDArray[np.uint8]:
    if weights.zero is not None:
        return weights.zero
    return np.full(weights.group_scale.shape, _middle(weights), np.uint8)


def _entries(weights: QuantizedWeights, shape: TapeShape, config: LaneConfig) -> Lay:
    """Lays (row, group) values out in entries of headers: (row blocks, headers, 2C)."""
    rows = config.tile_rows(shape.pattern)
    together = header_groups(shape.pattern, config)

    def lay(values: npt.NDArray[Any], padding: int) -> npt.NDArray[Any]:
        groups = -(-shape.groups // together) * together
        padded = np.pad(values, ((0, -values.shape[0] % rows), (0, groups - values.shape[1])),
                        constant_values=padding)
        padded = padded.reshape(shape.row_blocks, rows, groups // together, together)
        return padded.transpose(0, 2, 1, 3).reshape(shape.row_blocks, -1, 2 * config.chains)
    return lay


def _blocks(tiled: TiledMatrix, zero: npt.NDArray[Any],
            shape: TapeShape) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Codes and indices as planes want them, (row blocks, blocks, length, chains, 2) each."""
    config, pattern = tiled.config, tiled.pattern
    length = config.chain.length
    tiles = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
    more = tiles - tiled.code.shape[1]
    code, mate = (np.pad(part, ((0, 0), (0, more), (0, 0), (0, 0))) if more else part
                  for part in (tiled.code.view(np.uint8), tiled.mate.view(np.uint8)))
    # The zero point of every tile's entries: (row blocks, tiles, chains, 2). Sums are modulo 256.
    group = np.minimum(np.arange(tiles) // shape.group_tiles, shape.groups - 1)
    together = header_groups(pattern, config)
    of_tile = zero[:, group // together].reshape(len(code), tiles, config.chains, 2)
    if pattern is Pattern.DENSE:
        stored = np.empty((len(code), tiles, length, config.chains, 2), np.uint8)
        stored[..., 0] = code.transpose(0, 1, 3, 2)
        stored[..., 1] = mate.transpose(0, 1, 3, 2)
        stored += of_tile[:, :, None]
        return stored, stored[:, :, :0]
    if together == 2:
        own = of_tile[:, np.arange(tiles), :, group % 2].transpose(1, 0, 2)[..., None]
    else:
        own = np.repeat(of_tile, length // 2, axis=-1)

    def paired(x: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        pairs = x.reshape(len(x), tiles // 2, 2, config.chains, length)
        return np.ascontiguousarray(pairs.transpose(0, 1, 4, 3, 2))

    return paired(code + own), paired(mate)


def _block_beats(codes: npt.NDArray[np.uint8], indices: npt.NDArray[np.uint8],
                 shape: TapeShape) -> Beats:
    """Beats of all blocks, (row blocks, beats, beat_bits / 8)."""
    bits, row_blocks, blocks = shape.bits, *codes.shape[:2]
    width = codes[0, 0].size // 8
    planes = np.empty((row_blocks, blocks, bits + shape.pattern.index_planes, width), np.uint8)

    def fill(first: int, last: int, values: npt.NDArray[np.uint8]) -> None:
        for n in range(first, last):
            ones = (values & np.uint8(1 << n - first)).reshape(-1)
            planes[:, :, n] = np.packbits(ones, bitorder="little").reshape(row_blocks, blocks, -1)

    if bits == 8:
        # By bytes, row by row; written as the eight planes whose room they take.
        planes[:, :, :bits] = codes.transpose(0, 1, 3, 4, 2).reshape(row_blocks, blocks, bits, -1)
    else:
        fill(0, bits, codes)
    fill(bits, planes.shape[2], indices)
    if bits % 2:
        # Two blocks at a time: their top planes, then the rest of each.
        two = planes.reshape(row_blocks, blocks // 2, 2, -1, width)
        rest = np.delete(two, bits - 1, axis=3).reshape(row_blocks, blocks // 2, -1, width)
        planes = np.concatenate([two[:, :, :, bits - 1], rest], axis=2)
    return planes.reshape(row_blocks, -1, 2 * width)
