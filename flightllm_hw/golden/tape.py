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

__all__ = ["Matrix", "most_beats", "read_matrix"]

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

    @property
    def all_headers(self) -> int:
        """Beats of all headers of a row block."""
        return ((self.headers - 1) * self.header_beats(0)
                + self.header_beats(self.headers - 1))

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
    size = shape.row_blocks, geometry.rows
    codes = np.zeros((*size, shape.groups * geometry.group_columns), np.int8)
    scale = np.zeros((*size, shape.groups), np.uint16)
    firsts, places, total = _headers(beats, geometry)
    at = firsts[:, None] + np.arange(geometry.row_beats)
    row_scale = beats[at].reshape(*at.shape, -1).view("<f4").transpose(0, 2, 1).ravel()
    # Headers that are as long as one another are read together: all, but for those of the last.
    last = places[:, 1] == geometry.headers - 1
    for chosen in (places[~last], places[last]):
        if len(chosen):
            _read_headers(beats, chosen, geometry, codes, scale)
    return Matrix(codes.reshape(-1, codes.shape[-1]), scale.reshape(-1, shape.groups), row_scale,
                  total)


def whole(shape: MatrixShape, config: LaneConfig) -> bool:
    """Whether every header has whole blocks, and pairs of them where codes have odd bits."""
    geometry = _Geometry(shape, config)
    tiles = (1 if geometry.dense else 2) * (1 + shape.bits % 2)
    ends = (geometry.tiles(header) for header in (0, geometry.headers - 1))
    return all((end - start) % tiles == 0 for start, end in ends)


def most_beats(shape: MatrixShape, config: LaneConfig) -> int:
    """Beats that the matrix has at most: just as many, unless it is masked."""
    geometry = _Geometry(shape, config)
    sections = -(-geometry.headers // MASK_HEADERS) if shape.masked else 0
    return shape.row_blocks * (geometry.row_beats + sections + geometry.all_headers)


def _headers(beats: Beats, geometry: _Geometry
             ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int]:
    """First beats of row blocks; all headers: row block, number, first beat; beats in all.

    Raises
    ------
    ValueError
        If the beats end before the matrix does.
    """
    shape = geometry.shape
    if not shape.masked:
        size = geometry.row_beats + geometry.all_headers
        _check(beats, shape.row_blocks * size)
        firsts = np.arange(shape.row_blocks) * size
        block, header = np.divmod(np.arange(shape.row_blocks * geometry.headers),
                                  geometry.headers)
        at = firsts[block] + geometry.row_beats + header * geometry.header_beats(0)
        return firsts, np.stack([block, header, at], 1), shape.row_blocks * size
    end, starts, found = 0, [], []
    for row_block in range(shape.row_blocks):
        starts.append(end)
        end += geometry.row_beats
        for section in range(0, geometry.headers, MASK_HEADERS):
            named = range(section, min(section + MASK_HEADERS, geometry.headers))
            _check(beats, end + 1)
            mask = np.unpackbits(beats[end], bitorder="little")
            end += 1
            some = [h for h in named if mask[h - section]]
            if not some and named.stop == geometry.headers:
                some = [named[-1]]
            for number in some:
                found.append((row_block, number, end))
                end += geometry.header_beats(number)
    _check(beats, end)
    return np.array(starts), np.array(found), end


def _check(beats: Beats, count: int) -> None:
    if count > len(beats):
        raise ValueError(f"Tape ends after {len(beats)} beats, in the middle of a matrix")


def _read_headers(beats: Beats, places: npt.NDArray[Any], geometry: _Geometry,
                  codes: npt.NDArray[np.int8], scale: npt.NDArray[np.uint16]) -> None:
    """Puts codes and scales of headers of one length in their places of row blocks."""
    shape, together = geometry.shape, geometry.together
    block, header, first = places.T
    length = geometry.header_beats(int(header[0]))
    count = min(together, shape.groups - int(header[0]) * together)
    taken = beats[first[:, None] + np.arange(length)]
    # Entries: (headers, rows, groups of the header).
    entries = taken[:, 0].copy().view("<u2").reshape(len(taken), -1, together)
    for group in range(count):
        scale[block, :, header * together + group] = entries[:, :, group]
    if shape.zero_point:
        minus = taken[:, 1, :taken.shape[2] // 2].reshape(entries.shape)
    else:
        minus = np.full(entries.shape, -(1 << shape.bits - 1) & 255, np.uint8)
    code, index = _blocks(taken[:, 1 + shape.zero_point:].reshape(-1, taken.shape[2]), geometry)

    # (headers, tiles, rows, codes of a row): of a dense tile t is the row, else the tile of a pair.
    chains, dsps = geometry.config.chains, geometry.config.chain.length
    start, end = geometry.tiles(int(header[0]))
    tiles = np.arange(end - start)
    q: npt.NDArray[Any]
    if geometry.dense:
        q = code.transpose(0, 2, 3, 1).reshape(len(taken), -1, geometry.rows, dsps)
    else:
        per_row = chains * dsps // geometry.rows
        q = code.transpose(0, 3, 2, 1).reshape(-1, geometry.rows, per_row)
        kept = index.transpose(0, 3, 2, 1).reshape(len(taken), -1, geometry.rows, per_row)
        q = q.reshape(kept.shape)
    q = q[:, :len(tiles)]
    own = minus[:, :, tiles // shape.group_tiles].transpose(0, 2, 1)[..., None]
    value = (q + own).astype(np.uint8).view(np.int8)
    column = (header[:, None] * together * shape.group_tiles + tiles) * geometry.columns
    if not shape.masked and geometry.dense:
        # Of every row block the same headers, one behind the other.
        blocks = value.reshape(shape.row_blocks, -1, *value.shape[1:]).transpose(0, 3, 1, 2, 4)
        first_column = int(column[0, 0])
        own_codes = blocks.reshape(*blocks.shape[:2], -1)
        codes[:, :, first_column:first_column + own_codes.shape[2]] = own_codes
        return
    if geometry.dense:
        at: npt.NDArray[Any] = column[:, :, None] + np.arange(dsps)
        codes[block[:, None, None], :, at] = value.transpose(0, 1, 3, 2)
        return
    n, m = shape.pattern.n, shape.pattern.m
    sparse_at = column[:, :, None, None] + np.arange(per_row) // n * m + kept[:, :len(tiles)]
    # A kept zero may stand where another code is kept: it adds nothing.
    np.add.at(codes, (block[:, None, None, None], np.arange(geometry.rows)[:, None], sparse_at),
              value)


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
        if not x.shape[1]:
            return np.zeros((len(x), length, config.chains, 2), np.uint8)
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
