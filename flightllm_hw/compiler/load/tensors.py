# SPDX-License-Identifier: Apache-2.0
"""Tensors as they are in a file: rows in float32 on demand, or codes with their scales.

A tensor holds no data, only views into a mapped file. What a file stores as codes is not turned
into floats and back: :meth:`Tensor.codes` gives the very codes, and scales that stand for the very
same weights.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.load.config import Shape
from flightllm_hw.compiler.load.mapped import MappedFile

__all__ = ["FLOAT_TYPES", "FloatTensor", "QuantizedTensor", "Tensor"]

Floats = npt.NDArray[np.float32]

FLOAT_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types of floats that are read, and what numpy takes them for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedTensor:
    """Rows of codes in groups along K: w = scale * (q - zero), rounded once to float32.

    Parameters
    ----------
    codes : ndarray of int8, (rows, K)
        q: signed where there are no zero points, otherwise in 0..2^bits - 1.
    group : int
        Columns that share a scale; the last group of a row is short where K is no multiple.
    scale : ndarray of float32, (rows, groups)
        Finite, never negative.
    zero : ndarray of int8, (rows, groups), or None
        Zero points, each a possible code.
    bits : int
        Width of a code.
    """

    codes: npt.NDArray[np.int8]
    group: int
    scale: Floats
    zero: npt.NDArray[np.int8] | None
    bits: int

    def dequantize(self) -> Floats:
        """The weights, (rows, K)."""
        columns = self.codes.shape[1]

        def spread(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.repeat(a, self.group, axis=1)[:, :columns]

        codes = self.codes if self.zero is None else self.codes - spread(self.zero)
        with np.errstate(over="ignore"):
            weights: Floats = codes.astype(np.float32) * spread(self.scale)
        return weights


class Tensor(ABC):
    """A vector or matrix in a file.

    Parameters
    ----------
    file : MappedFile
    name : str
        As the file calls it.
    shape : tuple of int
    kind : str
        How the file stores it, as ``"BF16"`` or ``"Q8_0"``.
    """

    def __init__(self, file: MappedFile, name: str, shape: Shape, kind: str) -> None:
        self.file = file
        self.name = name
        self.shape = shape
        self.kind = kind

    def rows(self, start: int = 0, stop: int | None = None) -> Floats:
        """Elements ``start`` to ``stop`` of the first axis, in float32.

        Raises
        ------
        LoadError
            If one of them is NaN or infinite.
        """
        values = self._rows(*self._range(start, stop))
        finite = np.isfinite(values)
        if not finite.all():
            index = [int(i) for i in np.unravel_index(int(np.argmin(finite)), finite.shape)]
            value = values[tuple(index)].item()
            index[0] += start
            raise self.file.error(f"tensor {self.name} must be finite, but its element at {index}"
                                  f" is {value!r}")
        return values

    def codes(self, start: int = 0, stop: int | None = None) -> QuantizedTensor | None:
        """Rows ``start`` to ``stop`` as codes; None where the file has none that would do.

        Raises
        ------
        LoadError
            If a scale is NaN, infinite, or negative where that has no meaning.
        """
        return self._codes(*self._range(start, stop))

    @property
    def note(self) -> str | None:
        """What a user should know of how this tensor is taken over."""
        return None

    def _range(self, start: int, stop: int | None) -> tuple[int, int]:
        stop = self.shape[0] if stop is None else stop
        if not 0 <= start <= stop <= self.shape[0]:
            raise IndexError(f"Rows {start} to {stop} of a tensor of {self.shape[0]}")
        return start, stop

    def _require_scales(self, scale: npt.NDArray[Any], signed: bool = False) -> None:
        """Complain of a scale that cannot be: infinite, NaN, or negative unless ``signed``."""
        good = np.isfinite(scale) if signed else np.isfinite(scale) & (scale >= 0)
        if not good.all():
            wanted = "finite" if signed else "finite and not negative"
            raise self.file.error(f"the scales of tensor {self.name} must be {wanted}, but one is"
                                  f" {scale.flat[int(np.argmin(good))].item()!r}")

    @abstractmethod
    def _rows(self, start: int, stop: int) -> Floats:
        """Those rows, unchecked."""

    def _codes(self, start: int, stop: int) -> QuantizedTensor | None:
        return None


class FloatTensor(Tensor):
    """A tensor stored as float32, float16 or bfloat16.

    Parameters
    ----------
    file, name, shape
        As of :class:`Tensor`.
    kind : str
        One of ``FLOAT_TYPES``.
    offset : int
        Of its first byte in the file.
    """

    def __init__(self, file: MappedFile, name: str, shape: Shape, kind: str, offset: int) -> None:
        super().__init__(file, name, shape, kind)
        # Not numpy's product, which wraps.
        count = 1
        for n in shape:
            count *= n
        self._values = file.array(offset, FLOAT_TYPES[kind], count,
                                  f"tensor {name}").reshape(shape)

    def tail(self, first: int) -> "FloatTensor":
        """The tensor without its first rows."""
        shorter = object.__new__(FloatTensor)
        Tensor.__init__(shorter, self.file, self.name, (self.shape[0] - first, *self.shape[1:]),
                        self.kind)
        shorter._values = self._values[first:]
        return shorter

    def _rows(self, start: int, stop: int) -> Floats:
        values = self._values[start:stop]
        if self.kind == "BF16":
            # A bfloat16 is the upper half of a float32.
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32)
