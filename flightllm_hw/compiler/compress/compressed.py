# SPDX-License-Identifier: Apache-2.0
"""A compressed matrix, and the one way to get it: with calibration, or by magnitude alone."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.gram import Gram
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.compress.sparsegpt import calibrated
from flightllm_hw.formats import (
    Pattern,
    QuantizedWeights,
    dequantize,
    prune_mask,
    quantize_weights,
)
from flightllm_hw.formats.sparsity import block_counts

__all__ = ["Compressed", "compress", "everything"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Compressed:
    """What the tape's encoder takes.

    Parameters
    ----------
    weights : QuantizedWeights
        Where the mask is False the code says zero.
    mask : ndarray of bool, (rows, K)
        Which codes are kept; a view that is read-only.
    pattern : Pattern
        At most whose N of every M are kept.

    Raises
    ------
    ValueError
        If the mask has another shape or keeps too many, or what it drops is not zero.
    """

    weights: QuantizedWeights
    mask: npt.NDArray[np.bool_]
    pattern: Pattern

    def __post_init__(self) -> None:
        if self.mask.shape != self.weights.shape or self.mask.dtype != np.bool_:
            raise ValueError(f"Mask must be bool of the shape {self.weights.shape}, not"
                             f" {self.mask.dtype} of {self.mask.shape}")
        if self.pattern is not Pattern.DENSE:
            most = int(block_counts(self.mask, self.pattern).max())
            if most > self.pattern.n:
                raise ValueError(f"Mask must keep at most {self.pattern.n} of each"
                                 f" {self.pattern.m} neighbours, not {most}")
        if not self.mask.all() and (self.weights.centered().astype(np.bool_) > self.mask).any():
            raise ValueError("Codes that the mask drops must be zero")
        view = self.mask.view()
        view.flags.writeable = False
        object.__setattr__(self, "mask", view)

    @cached_property
    def kept(self) -> float:
        """Share of the codes that are kept."""
        return float(self.mask.mean())

    def dequantize(self) -> npt.NDArray[np.float32]:
        """The weights that it stands for, (rows, K)."""
        return dequantize(self.weights)


def compress(name: str, w: npt.NDArray[Any], setting: Setting,
             gram: Gram | None = None) -> Compressed:
    """Compress a matrix.

    Parameters
    ----------
    name : str
        What complaints are about.
    w : ndarray of float16, float32 or float64, (rows, K)
        Finite.
    setting : Setting
    gram : ndarray of float64, (K, K), or None
        The mean of x x^T over calibration inputs: then codes and mask are those of
        :mod:`~flightllm_hw.compiler.compress.sparsegpt`. None: each block keeps its weights of
        greatest magnitude, and each code is the nearest.

    Returns
    -------
    Compressed
        Always the same for the same inputs.

    Raises
    ------
    ValueError
        If an input is not as described, or too great for float32 scales.
    """
    try:
        if gram is None:
            weights, mask = _nearest(w, setting)
        else:
            weights, mask = calibrated(w, setting, gram)
    except ValueError as e:
        raise ValueError(f"{name} cannot be compressed: {e}") from None
    return Compressed(weights=_zeroed(weights, mask), mask=mask, pattern=setting.pattern)


def everything(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """A mask that keeps all codes, of one byte in memory; it is read-only."""
    return np.broadcast_to(np.True_, shape)


def _nearest(w: npt.NDArray[Any],
             setting: Setting) -> tuple[QuantizedWeights, npt.NDArray[np.bool_]]:
    """Codes without calibration."""
    if setting.pattern is Pattern.DENSE:
        weights = quantize_weights(w, setting.bits, setting.group, setting.zero_point)
        return weights, everything(w.shape)
    mask = prune_mask(w, setting.pattern)
    return quantize_weights(np.where(mask, w, w.dtype.type(0)), setting.bits, setting.group,
                            setting.zero_point), mask


def _zeroed(weights: QuantizedWeights, mask: npt.NDArray[np.bool_]) -> QuantizedWeights:
    """The same weights with zeros beside the mask."""
    if mask.all():
        return weights
    nothing = (np.zeros_like(weights.codes) if weights.zero is None
               else weights.spread(weights.zero))
    return replace(weights, codes=np.where(mask, weights.codes, nothing))
