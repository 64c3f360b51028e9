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
from flightllm_hw.isa.matrix import MatrixShape

from .tile import TiledMatrix, lay_out

__all__ = ["TapeShape", "block_tiles", "encode", "header_groups"]

Beats = npt.NDArray[np.uint8]
Lay = Callable[[npt.NDArray[Any], int], npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class TapeShape(MatrixShape):
    """The shape of a matrix that was quantized; fields are those of any."""

    @classmethod
    def of(cls, weights: QuantizedWeights, pattern: Pattern, config: LaneConfig,
           masked: bool = False) -> "TapeShape":
        """The shape of ``weights`` on a lane.

        Raises
        ------
        ValueError
            If the lane does not take the pattern, or the group is shorter than two tiles.
        """
        if pattern not in config.patterns:
            raise ValueError(f"A lane of this configuration takes {_names(config.patterns)},"
                             f" not {pattern}")
        columns = config.tile_columns(pattern)
        if weights.group < 2 * columns:
            raise ValueError(f"Group of {pattern} weights must be at least {2 * columns} columns,"
                             f" not {weights.group}")
        tiles = -(-weights.columns // columns)
        per_group = weights.group // columns
        groups = -(-tiles // per_group)
        last = tiles - (groups - 1) * per_group
        # Sparse tiles come in pairs, and so do a header's blocks where codes have odd bits.
        in_block = block_tiles(pattern)
        last += -last % in_block
        if weights.bits % 2:
            together = 2 * in_block
            if header_groups(pattern, config) * per_group % together:
                raise ValueError(f"Group of {pattern} weights of {weights.bits} bits must be at"
                                 f" least {together * columns} columns, not {weights.group}")
            before = (groups - 1) % header_groups(pattern, config) * per_group
            last += -(before + last) % together
            if last > per_group:
                # What fills the header up is a group of its own.
                groups, last = groups + 1, last - per_group
        return cls(pattern=pattern, bits=weights.bits, zero_point=weights.zero is not None,
                   masked=masked,
                   row_blocks=-(-weights.rows // config.tile_rows(pattern)),
                   group_tiles=per_group, groups=groups, last_tiles=last)


def _names(patterns: tuple[Pattern, ...]) -> str:
    return ", ".join(map(str, patterns))


def block_tiles(pattern: Pattern) -> int:
    """Tiles of a block."""
    return 1 if pattern is Pattern.DENSE else 2


def header_groups(pattern: Pattern, config: LaneConfig) -> int:
    """Groups that a header counts for."""
    return 2 * config.chains // config.tile_rows(pattern)


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
    together, in_block = header_groups(pattern, config), block_tiles(pattern)
    headers = -(-shape.groups // together)
    # Blocks of each header: where they end, and whether they hold anything.
    ends = np.minimum(np.arange(1, headers + 1) * together, shape.groups) * shape.group_tiles
    ends[-1] = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
    ends //= in_block
    holds = _holds(tiled, ends * in_block) if masked else np.ones((shape.row_blocks, headers), bool)

    beats = []
    for row in range(shape.row_blocks):
        beats.append(_row_beats(weights, shape, config, row))
        for header in range(headers):
            if masked and header % MASK_HEADERS == 0:
                kept = holds[row, header:header + MASK_HEADERS]
                beats.append(_bytes(np.packbits(kept, bitorder="little"), config))
            if not holds[row, header]:
                continue
            beats.append(_bytes(scale[row, header].astype("<u2"), config))
            if shape.zero_point:
                beats.append(_bytes((-zero[row, header].astype(np.int16)).astype(np.uint8), config))
            at, end = (ends[header - 1] if header else 0), ends[header]
            beats.append(_block_beats(codes[row, at:end], indices[row, at:end], shape))
    return shape, np.concatenate(beats)


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


def _row_beats(weights: QuantizedWeights, shape: TapeShape, config: LaneConfig, row: int) -> Beats:
    """Row scales of a row block: of the chains' first rows, then of their second ones."""
    rows = config.tile_rows(shape.pattern)
    own = weights.row_scale[row * rows:(row + 1) * rows].astype("<f4")
    halves = np.pad(own, (0, rows - len(own))).reshape(config.chains, -1).T
    return np.concatenate([_bytes(np.ascontiguousarray(half), config) for half in halves])


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
    code, mate = (np.pad(part, ((0, 0), (0, tiles - part.shape[1]), (0, 0), (0, 0)))
                  for part in (tiled.code, tiled.mate))
    # The zero point of every tile's entries: (row blocks, tiles, chains, 2).
    group = np.minimum(np.arange(tiles) // shape.group_tiles, shape.groups - 1)
    together = header_groups(pattern, config)
    of_tile = zero[:, group // together].reshape(len(code), tiles, config.chains, 2)
    if pattern is Pattern.DENSE:
        stored = np.stack([code, mate], -1) + of_tile[:, :, :, None].astype(np.int16)
        stored = stored.transpose(0, 1, 3, 2, 4)
        return stored.astype(np.uint8), np.zeros_like(stored, np.uint8)
    if together == 2:
        own = of_tile[:, np.arange(tiles), :, group % 2].transpose(1, 0, 2)[..., None]
    else:
        own = np.repeat(of_tile, length // 2, axis=-1)
    stored = code + own.astype(np.int16)

    def paired(x: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        pairs = x.reshape(len(x), tiles // 2, 2, config.chains, length)
        return pairs.transpose(0, 1, 4, 3, 2).astype(np.uint8)

    return paired(stored), paired(mate)


def _block_beats(codes: npt.NDArray[np.uint8], indices: npt.NDArray[np.uint8],
                 shape: TapeShape) -> Beats:
    """Beats of a header's blocks."""
    def planes(x: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
        flat = x.reshape(len(x), 1, -1) >> np.arange(bits, dtype=np.uint8)[:, None] & 1
        return np.packbits(flat, axis=-1, bitorder="little")

    bits = shape.bits
    if bits == 8:
        # By bytes, row by row; written as the eight planes whose room they take.
        code = codes.transpose(0, 2, 3, 1).reshape(len(codes), bits, -1)
    else:
        code = planes(codes, bits)
    index = planes(indices, shape.pattern.index_planes)
    own = np.concatenate([code[:, :bits // 2 * 2], index], axis=1)
    if bits % 2:
        # Two blocks at a time: their top planes, then the rest of each.
        top = code[:, -1].reshape(-1, 2, code.shape[-1])
        own = np.concatenate([top, own.reshape(len(top), -1, code.shape[-1])], axis=1)
    return own.reshape(-1, 2 * code.shape[-1])


def _bytes(values: npt.NDArray[Any], config: LaneConfig) -> Beats:
    raw = np.frombuffer(values.tobytes(), np.uint8)
    return np.pad(raw, (0, config.beat_bits // 8 - len(raw)))[None]
