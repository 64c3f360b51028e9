# SPDX-License-Identifier: Apache-2.0
"""Reads tapes back: the matrix that a lane multiplies by, from the beats that it reads.

Written from ``docs/tape.md``, not from the encoder.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.blocks import MASK_HEADERS
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.isa.matrix import MatrixShape

__all__ = ["Matrix", "read_matrix"]

Beats = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Matrix:
    """A matrix as a lane has it, padding included.

    Parameters
    ----------
    codes : ndarray of int8, (rows, K)
        q - z, zero where nothing is kept.
    group_scale : ndarray of uint16, (rows, groups)
    row_scale : ndarray of float32, (rows,)
    beats : int
        Beats that it took.
    """

    codes: npt.NDArray[np.int8]
    group_scale: npt.NDArray[np.uint16]
    row_scale: npt.NDArray[np.float32]
    beats: int


@dataclass(frozen=True)
class _Geometry:
    """What a shape comes to."""

    shape: MatrixShape
    config: LaneConfig

    @property
    def rows(self) -> int:
        return self.config.tile_rows(self.shape.pattern)

    @property
    def columns(self) -> int:
        return self.config.tile_columns(self.shape.pattern)

    @property
    def group_columns(self) -> int:
        return self.shape.group_tiles * self.columns

    @property
    def dense(self) -> bool:
        return self.shape.pattern is Pattern.DENSE

    @property
    def together(self) -> int:
        """Groups of a header."""
        return 2 if self.rows == self.config.chains else 1

    @property
    def headers(self) -> int:
        return -(-self.shape.groups // self.together)

    @property
    def row_beats(self) -> int:
        return self.rows // self.config.chains

    def tiles(self, header: int) -> tuple[int, int]:
        """A header's tiles, from and to."""
        shape = self.shape
        total = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
        per_header = self.together * shape.group_tiles
        last = header == self.headers - 1
        return header * per_header, total if last else (header + 1) * per_header

    def header_beats(self, header: int) -> int:
        """Beats of a header with its blocks."""
        start, end = self.tiles(header)
        blocks = (end - start) // (1 if self.dense else 2)
        halves = blocks * (self.shape.bits + self.shape.pattern.index_planes)
        return 1 + self.shape.zero_point + halves // 2


def read_matrix(beats: Beats, shape: MatrixShape, config: LaneConfig) -> Matrix:
    """The matrix at the beginning of ``beats``, (beats, beat_bits / 8).

    Raises
    ------
    ValueError
        If the beats end before the matrix does.
    """
    geometry = _Geometry(shape, config)
    size = shape.row_blocks * geometry.rows
    codes = np.zeros((size, shape.groups * geometry.group_columns), np.int8)
    scale = np.zeros((size, shape.groups), np.uint16)
    row_scale = np.zeros(size, np.float32)
    at = 0
    for block in range(shape.row_blocks):
        rows = slice(block * geometry.rows, (block + 1) * geometry.rows)
        head = _take(beats, at, geometry.row_beats)
        row_scale[rows] = head.view("<f4").reshape(geometry.row_beats, -1).T.ravel()
        at += geometry.row_beats
        for section in range(0, geometry.headers, MASK_HEADERS):
            named = range(section, min(section + MASK_HEADERS, geometry.headers))
            if shape.masked:
                bits = np.unpackbits(_take(beats, at, 1).ravel(), bitorder="little")
                at += 1
                some = [h for h in named if bits[h - section]]
                last = section + MASK_HEADERS >= geometry.headers
                named_now = some or ([named[-1]] if last else [])
            else:
                named_now = list(named)
            for header in named_now:
                count = geometry.header_beats(header)
                _read_header(_take(beats, at, count), header, geometry, codes[rows], scale[rows])
                at += count
    return Matrix(codes, scale, row_scale, at)


def _take(beats: Beats, at: int, count: int) -> Beats:
    if at + count > len(beats):
        raise ValueError(f"Tape ends after {len(beats)} beats, in the middle of a matrix")
    return np.ascontiguousarray(beats[at:at + count])


def _read_header(beats: Beats, header: int, geometry: _Geometry,
                 codes: npt.NDArray[np.int8], scale: npt.NDArray[np.uint16]) -> None:
    """Puts a header's codes and scales in their places of a row block."""
    shape, together = geometry.shape, geometry.together
    first = header * together
    count = min(together, shape.groups - first)
    # Entries: (rows, groups of the header).
    entries = beats[0].view("<u2").reshape(-1, together)
    scale[:, first:first + count] = entries[:, :count]
    if shape.zero_point:
        minus = beats[1, :len(beats[1]) // 2].reshape(-1, together)
    else:
        minus = np.full(entries.shape, -(1 << shape.bits - 1) & 255, np.uint8)
    code, index = _blocks(beats[1 + shape.zero_point:], geometry)

    # (tiles, rows, codes of a row): of a dense tile t is the row, else the tile of a pair.
    chains, length = geometry.config.chains, geometry.config.chain.length
    start, end = geometry.tiles(header)
    if geometry.dense:
        q = code.transpose(0, 2, 3, 1).reshape(-1, geometry.rows, length)
        column = np.broadcast_to(np.arange(length), q.shape)
    else:
        per_row = chains * length // geometry.rows
        q = code.transpose(0, 3, 2, 1).reshape(-1, geometry.rows, per_row)
        kept = index.transpose(0, 3, 2, 1).reshape(q.shape)
        n, m = geometry.shape.pattern.n, geometry.shape.pattern.m
        column = np.arange(per_row) // n * m + kept
    tile = np.arange(start, end)
    group = tile // shape.group_tiles - first
    value = (q + minus[:, group].T[:, :, None]).astype(np.uint8).view(np.int8)
    at = tile[:, None, None] * geometry.columns + column
    row = np.broadcast_to(np.arange(geometry.rows)[:, None], at.shape)
    # A kept zero may stand where another code is kept: it adds nothing.
    np.add.at(codes, (row, at), value)


def _blocks(beats: Beats, geometry: _Geometry) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Codes and indices, (blocks, DSP, chain, t)."""
    config, bits = geometry.config, geometry.shape.bits
    length = config.chain.length
    width = config.plane_bits // 8
    planes = beats.reshape(-1, width)
    index_bits = geometry.shape.pattern.index_planes
    even = bits // 2 * 2
    if bits % 2:
        # Two blocks: their top planes, then the rest of each.
        pairs = planes.reshape(-1, 2 + 2 * (even + index_bits), width)
        rest = pairs[:, 2:].reshape(-1, even + index_bits, width)
        code = np.concatenate([rest[:, :even], pairs[:, :2].reshape(-1, 1, width)], axis=1)
        index = rest[:, even:]
    else:
        blocks = planes.reshape(-1, bits + index_bits, width)
        code, index = blocks[:, :bits], blocks[:, bits:]

    def elements(x: Beats) -> npt.NDArray[np.uint8]:
        spread = np.unpackbits(x, axis=-1, bitorder="little")
        weights = (1 << np.arange(x.shape[1])).astype(np.uint8)[:, None]
        total = (spread * weights).sum(axis=1, dtype=np.uint8)
        found: Beats = total.reshape(-1, length, config.chains, 2)
        return found

    if bits == 8:
        # By bytes, row by row.
        by_row = code.reshape(-1, config.chains, 2, length)
        return by_row.transpose(0, 3, 1, 2), elements(index)
    return elements(code), elements(index)
