# SPDX-License-Identifier: Apache-2.0
"""How a matrix lies in tiles, its vector in windows, and their product in the chains' sums.

A tile covers ``chains * rows`` rows and ``columns`` columns (of
:class:`~flightllm_hw.config.ChainConfig`)::

    dense     chain c, DSP k:  rows 2c, 2c + 1 of column k
    sparse    chain c, DSP k:  row  c * splits + k // segment,
                               kept code  k % segment  of that row's blocks in the tile
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.sparsity import compress

__all__ = ["TiledMatrix", "lay_out", "lay_windows", "read_sums"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TiledMatrix:
    """A matrix in tiles.

    Parameters
    ----------
    config : LaneConfig
        Whose chains the tiles are for.
    pattern : Pattern
        Of every tile.
    shape : (int, int)
        Rows and K of the matrix.
    code, mate : ndarray of int8, (row blocks, steps, chains, length)
        Dense: codes of the even row and of the odd one. Sparse: kept code and its index.
    """

    config: LaneConfig
    pattern: Pattern
    shape: tuple[int, int]
    code: npt.NDArray[np.int8]
    mate: npt.NDArray[np.int8]

    @property
    def holds(self) -> npt.NDArray[np.bool_]:
        """Whether a tile holds any code but zero, (row blocks, steps); others may be skipped."""
        codes = [self.code, self.mate] if self.pattern is Pattern.DENSE else [self.code]
        holds: npt.NDArray[np.bool_] = np.any(np.stack(codes) != 0, axis=(0, 3, 4))
        return holds


def _padded(x: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    """``x`` with zeros up to a multiple of ``rows`` and ``columns``."""
    if x.shape[0] % rows == x.shape[1] % columns == 0:
        return x
    return np.pad(x, ((0, -x.shape[0] % rows), (0, -x.shape[1] % columns)))


def lay_out(codes: npt.NDArray[np.int8], mask: npt.NDArray[np.bool_], pattern: Pattern,
            config: LaneConfig) -> TiledMatrix:
    """Lay a matrix out in tiles.

    Parameters
    ----------
    codes : ndarray of int8, (rows, K)
        Centred codes, q - z.
    mask : ndarray of bool, (rows, K)
        Which of them are kept; for ``DENSE`` all.
    pattern : Pattern
        One that the chains can take.
    config : LaneConfig

    Raises
    ------
    ValueError
        If the chains do not take the pattern, or the mask keeps too many of a block.
    """
    chain = config.chain
    segment, splits = chain.segment(pattern), chain.splits(pattern)
    tile_rows = config.chains * chain.rows(pattern)
    if pattern is Pattern.DENSE:
        # (row blocks, chains, 2, steps, columns) -> even and odd rows.
        kept = codes if mask.all() else np.where(mask, codes, np.int8(0))
        blocks = _padded(kept, tile_rows, chain.length)
        blocks = blocks.reshape(-1, config.chains, 2, blocks.shape[1] // chain.length, chain.length)
        code, mate = blocks.transpose(2, 0, 3, 1, 4)
    else:
        def tiled(x: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
            # (row blocks, chains, splits, steps, segment) -> the splits side by side in a chain.
            blocks = _padded(x, tile_rows, segment)
            steps = blocks.shape[1] // segment
            blocks = blocks.reshape(-1, config.chains, splits, steps, segment)
            blocks = blocks.transpose(0, 3, 1, 2, 4)
            return blocks.reshape(-1, steps, config.chains, chain.length).view(np.int8)

        code, mate = map(tiled, compress(codes, mask, pattern))
    return TiledMatrix(config=config, pattern=pattern, shape=(codes.shape[0], codes.shape[1]),
                       code=code, mate=mate)


def lay_windows(x: npt.NDArray[np.int8], pattern: Pattern,
                config: LaneConfig) -> npt.NDArray[np.int8]:
    """Lay activations out in the windows that meet each tile of a row block.

    Parameters
    ----------
    x : ndarray of int8, (tokens, K)
    pattern : Pattern
    config : LaneConfig

    Returns
    -------
    ndarray of int8, (steps, passes, 2, window)
        ``passes`` is tokens, or half of them (rounded up) where two go at once.
    """
    chain = config.chain
    columns, tokens = chain.columns(pattern), chain.tokens(pattern)
    padded = _padded(x, tokens, columns)
    passes, steps = padded.shape[0] // tokens, padded.shape[1] // columns
    windows = np.zeros((steps, passes, 2, chain.window), np.int8)
    windows[:, :, :tokens, :columns] = (
        padded.reshape(passes, tokens, steps, columns).transpose(2, 0, 1, 3))
    return windows


def read_sums(sums: npt.NDArray[np.int64], pattern: Pattern,
              config: LaneConfig) -> npt.NDArray[np.int64]:
    """Rows and tokens of what the chains gave.

    Parameters
    ----------
    sums : ndarray of int64, (..., passes, chains, nodes, 2)
        ``lo`` and ``hi`` of every node.
    pattern : Pattern
        Of the tiles.
    config : LaneConfig

    Returns
    -------
    ndarray of int64, (..., tokens, rows)
        Of a tile; with two tokens a pass, one more token than there was if their number is odd.
    """
    chain = config.chain
    splits, tokens = chain.splits(pattern), chain.tokens(pattern)
    rows = config.chains * chain.rows(pattern)
    ends = sums[..., chain.nodes // splits - 1::chain.nodes // splits, :]
    if pattern is Pattern.DENSE:
        return ends.reshape(*sums.shape[:-3], rows)
    # (..., passes, chains, splits, tokens) -> (..., passes, tokens, chains, splits)
    ends = np.moveaxis(ends[..., :tokens], -1, -3)
    return ends.reshape(*sums.shape[:-4], -1, rows)
