# SPDX-License-Identifier: Apache-2.0
"""Codes in GGUF's blocks of 32 columns: Q8_0, Q4_0 and Q4_1, taken over code by code.

===== ============================== ===============================================
kind  a block in the file            what it becomes
===== ============================== ===============================================
Q8_0  float16 d, 32 int8             q as it is, scale d
Q4_0  float16 d, 32 codes of 4 bits  w = d (q - 8). d may be negative, a scale may not:
                                     q and zero point 8, or 15 - q, 7 and scale -d
Q4_1  float16 d, m, 32 codes         w = d q + m: q, scale d and zero point -m / d
===== ============================== ===============================================

Codes of 4 bits lie in 16 bytes, those of columns 0 to 15 in the lower halves.

A Q4_1 tensor has codes only if -m / d is an integer in 0..15 in each of its blocks (with d = 0, if
m is 0); otherwise it gives floats, and a note. Floats are what ``gguf`` makes of a block, to the
bit.
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.load.config import Shape
from flightllm_hw.compiler.load.mapped import MappedFile
from flightllm_hw.compiler.load.tensors import QuantizedTensor, Tensor

__all__ = ["BLOCK", "BLOCK_TYPES", "BlockTensor"]

BLOCK = 32
"""Columns of a block."""

BLOCK_TYPES = {
    "Q8_0": np.dtype([("d", "<f2"), ("q", "i1", BLOCK)]),
    "Q4_0": np.dtype([("d", "<f2"), ("q", "u1", BLOCK // 2)]),
    "Q4_1": np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", BLOCK // 2)]),
}
"""What a block is, by kind."""

_SCAN = 1 << 20


class BlockTensor(Tensor):
    """A matrix in blocks.

    Parameters
    ----------
    file, name
        As of :class:`~flightllm_hw.compiler.load.tensors.Tensor`.
    shape : tuple of int
        Rows and columns, the latter a multiple of 32.
    kind : str
        One of ``BLOCK_TYPES``.
    offset : int
        Of the first block in the file.
    """

    def __init__(self, file: MappedFile, name: str, shape: Shape, kind: str, offset: int) -> None:
        super().__init__(file, name, shape, kind)
        rows, columns = shape
        self._blocks = file.array(offset, BLOCK_TYPES[kind], rows * columns // BLOCK,
                                  f"tensor {name}").reshape(rows, columns // BLOCK)

    @property
    def note(self) -> str | None:
        """That a Q4_1 tensor has no codes that would do."""
        if self.kind != "Q4_1" or self._has_zero_points:
            return None
        return (f"{self.name}: the least weight of a Q4_1 block is no multiple of its scale, so the"
                " tensor is quantized anew, from floats")

    def _rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        blocks = self._blocks[start:stop]
        d = blocks["d"].astype(np.float32)
        q = _unpack(blocks["q"]).astype(np.float32)
        if self.kind == "Q4_0":
            q -= 8
        with np.errstate(invalid="ignore", over="ignore"):
            weights: npt.NDArray[np.float32] = d[..., None] * q
            if self.kind == "Q4_1":
                weights += blocks["m"].astype(np.float32)[..., None]
        return weights.reshape(len(blocks), -1)

    def _codes(self, start: int, stop: int) -> QuantizedTensor | None:
        blocks = self._blocks[start:stop]
        scale = blocks["d"].astype(np.float32)
        self._require_scales(scale, signed=self.kind == "Q4_0")
        q = _unpack(blocks["q"]).view(np.int8)
        zero = None
        if self.kind == "Q4_0":
            mirrored = scale < 0
            q = np.where(mirrored[..., None], 15 - q, q)
            zero = np.where(mirrored, 7, 8).astype(np.int8)
            scale = np.abs(scale)
        elif self.kind == "Q4_1":
            if not self._has_zero_points:
                return None
            zero = _zero_points(blocks)[0].astype(np.int8)
        return QuantizedTensor(codes=q.reshape(len(blocks), -1), group=BLOCK, scale=scale,
                               zero=zero, bits=8 if self.kind == "Q8_0" else 4)

    @cached_property
    def _has_zero_points(self) -> bool:
        flat = self._blocks.reshape(-1)
        return all(_zero_points(flat[at:at + _SCAN])[1] for at in range(0, len(flat), _SCAN))


def _unpack(q: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Codes of blocks: bytes as they are, or the halves of bytes, in the order of columns."""
    if q.shape[-1] == BLOCK:
        return q.copy()
    return np.concatenate([q & 15, q >> 4], axis=-1)


def _zero_points(blocks: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], bool]:
    """Zero points of Q4_1 blocks, and whether they say the very same as the blocks' m."""
    d, m = blocks["d"].astype(np.float64), blocks["m"].astype(np.float64)
    with np.errstate(all="ignore"):
        zero = np.where(d == 0, 0.0, np.rint(-m / np.where(d == 0, 1.0, d)))
        # d * zero is exact in float64.
        same = bool(((d >= 0) & (zero >= 0) & (zero <= 15) & (m == -d * zero)).all())
    return zero, same
