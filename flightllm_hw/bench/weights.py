# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of random weights that lie nowhere: they are made when the compiler reads them.

::

    block   x x x x x x x x x x x x x      standard normal, FP16; drawn once
    tensor        ^ ...................►   begins anywhere in it, by its name, and goes around

Drawing billions of numbers takes longer than compiling them, so that tensors are pieces of one
block, each scaled to what keeps activations near 1.
"""

import zlib
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.load import Checkpoint, LoadError, ModelConfig
from flightllm_hw.compiler.load.config import Shape
from flightllm_hw.compiler.load.mapped import MappedFile
from flightllm_hw.compiler.load.tensors import Tensor

__all__ = ["random_checkpoint"]

BLOCK = (1 << 22) + 12345
"""Numbers that are drawn: no row of a matrix begins where the one before did."""

Floats = npt.NDArray[np.float32]


class _Nowhere(MappedFile):
    """What random tensors have for a file."""

    def __init__(self) -> None:
        self.path, self.size, self._map = Path("random weights"), 0, None

    def error(self, what: str) -> LoadError:
        return LoadError(self.path, what)

    def release(self) -> None:
        """There is no memory to give back."""


class _RandomTensor(Tensor):
    """A tensor of normally distributed elements.

    Parameters
    ----------
    name : str
        Tells, with the seed, where in the block it begins.
    shape : tuple of int
    seed : int
    mean, deviation : float
        Of its elements.
    """

    def __init__(self, name: str, shape: Shape, seed: int, mean: float, deviation: float) -> None:
        super().__init__(_Nowhere(), name, shape, "random")
        self._seed, self._mean, self._deviation = seed, mean, deviation
        self._first = zlib.crc32(f"{seed} {name}".encode()) % BLOCK

    def _rows(self, start: int, stop: int) -> Floats:
        block = _block(self._seed)
        each = int(np.prod(self.shape[1:], dtype=np.int64))
        count, first = (stop - start) * each, (self._first + start * each) % BLOCK
        values: Floats = np.empty(count, np.float32)
        at = 0
        while at < count:
            piece = block[first:first + count - at]
            values[at:at + len(piece)] = piece
            at, first = at + len(piece), 0
        values *= np.float32(self._deviation)
        if self._mean:
            values += np.float32(self._mean)
        return values.reshape(stop - start, *self.shape[1:])


@cache
def _block(seed: int) -> npt.NDArray[np.float16]:
    return np.random.default_rng(seed).standard_normal(BLOCK, np.float32).astype(np.float16)


def random_checkpoint(model: ModelConfig, seed: int = 0) -> Checkpoint:
    """A model of this shape, without a tokenizer.

    Matrices have a deviation of one by the root of their columns, embeddings of 1, norms are near
    1 and biases near 0: what goes through the layers neither grows nor vanishes.

    Parameters
    ----------
    model : ModelConfig
    seed : int
        Of the weights; the same seed gives the same ones.
    """
    tensors: dict[str, Tensor] = {}
    for name, shape in model.shapes().items():
        mean, deviation = 0.0, shape[-1] ** -0.5
        if name in ("embedding", "positions"):
            deviation = 0.1 if model.tied else 1.0
        elif name.endswith("norm"):
            mean, deviation = 1.0, 0.1
        elif len(shape) == 1:
            deviation = 0.02
        tensors[name] = _RandomTensor(name, shape, seed, mean, deviation)
    return Checkpoint(path=Path("random weights"), format="random weights", config=model,
                      tensors=tensors)
