# SPDX-License-Identifier: Apache-2.0
"""What a lane has of a layer, and which layers are alike.

Layers one behind the other in which the same is compressed alike are a run. Programs have a loop
for each::

    layer     0  1  2 │ 3 │ 4  5  6  7
    k         4  4  4 │ 4 │ 3  3  3  3
    v         4  4  4 │ 4 │ 3  3  3  3
    q         4  4  4 │ 4 │ 3  3  3  3
    o         4  4  4 │ 4 │ 4  4  4  4     bits
    up        4  4  4 │ 3 │ 3  3  3  3
    down      6  6  6 │ 5 │ 5  5  5  5
"""

from dataclasses import dataclass, replace

import numpy as np

from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.tape import TapeShape, block_tiles, header_groups
from flightllm_hw.config import AcceleratorConfig, LaneConfig
from flightllm_hw.formats import QuantizedWeights, check_shape_bound

__all__ = ["LAYER", "Matrix", "Run", "tape_beats"]

LAYER = ("k", "v", "q", "o", "up", "down")
"""Matrices of a layer, in the order in which the tape has them."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A lane's share of a fused matrix; in every lane, and in every layer of a run, the same.

    Parameters
    ----------
    name : str
    setting : Setting
        How it is compressed.
    rows, columns : int
        Padding included.
    shape : TapeShape
    beats : int
        Of its tape.
    """

    name: str
    setting: Setting
    rows: int
    columns: int
    shape: TapeShape
    beats: int

    @classmethod
    def of(cls, name: str, setting: Setting, rows: int, columns: int,
           config: AcceleratorConfig) -> "Matrix":
        """The one that is compressed so.

        Raises
        ------
        CompileError
            If it cannot be.
        """
        try:
            shape = _shape(rows, columns, setting, config.lane)
            check_shape_bound(columns, setting.bits, setting.zero_point)
        except ValueError as e:
            raise CompileError(f"Matrix {name} of {setting} cannot be compiled for"
                               f" {config.name}: {e}") from None
        return cls(name=name, setting=setting, rows=rows, columns=columns, shape=shape,
                   beats=tape_beats(shape, config.lane))


@dataclass(frozen=True, kw_only=True)
class Run:
    """Layers one behind the other that are compressed alike.

    Parameters
    ----------
    layers : range
    matrices : dict of str to Matrix
        Of each layer, by name, in the order of ``LAYER``.
    """

    layers: range
    matrices: dict[str, Matrix]

    @property
    def first(self) -> Matrix:
        """The matrix with which a layer begins."""
        return self.matrices[LAYER[0]]

    @property
    def beats(self) -> int:
        """From a layer's matrices to the next's."""
        return sum(matrix.beats for matrix in self.matrices.values())


def _shape(rows: int, columns: int, setting: Setting, config: LaneConfig) -> TapeShape:
    """The shape of a matrix that is compressed so."""
    groups = -(-columns // setting.group)
    zeros = np.zeros((1, columns), np.uint8)
    weights = QuantizedWeights(
        codes=zeros if setting.zero_point else zeros.view(np.int8),
        zero=np.zeros((1, groups), np.uint8) if setting.zero_point else None,
        row_scale=np.zeros(1, np.float32), group_scale=np.zeros((1, groups), np.uint16),
        bits=setting.bits, group=setting.group)
    shape = TapeShape.of(weights, setting.pattern, config)
    return replace(shape, row_blocks=-(-rows // config.tile_rows(setting.pattern)))


def tape_beats(shape: TapeShape, config: LaneConfig) -> int:
    """Beats of a matrix without masks."""
    headers = -(-shape.groups // header_groups(shape.pattern, config))
    tiles = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
    planes = tiles // block_tiles(shape.pattern) * (shape.bits + shape.pattern.index_planes)
    row_scales = config.tile_rows(shape.pattern) // config.chains
    return shape.row_blocks * (row_scales + headers * (1 + shape.zero_point) + planes // 2)
