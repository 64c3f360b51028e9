# SPDX-License-Identifier: Apache-2.0
"""Weights as b-bit codes in groups along K, with two-level scales and optional zero points.

A weight in group g of a row is w = s_row * u_g * (q - z), where q is the code, z the group's zero
point (0 for signed codes), and s_row * u_g the scale (:mod:`flightllm_hw.formats.scale`).
:mod:`flightllm_hw.formats.quantize` chooses them; here is what they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    require_all,
    require_array,
    require_choice,
    require_finite,
    require_shape,
    require_within,
)
from flightllm_hw.formats.fp32 import SMALLEST_NORMAL, flush
from flightllm_hw.formats.rounding import code_range
from flightllm_hw.formats.scale import combine

__all__ = ["CODE_BITS", "GROUP_SIZES", "QuantizedWeights", "dequantize", "dequantize_exact"]

CODE_BITS = (2, 3, 4, 5, 6, 8)
"""Widths that a weight's code can have."""

GROUP_SIZES = (16, 32, 64, 128)
"""Columns along K that can share a scale."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedWeights:
    """A quantized matrix of weights; its arrays are read-only views.

    Parameters
    ----------
    codes : ndarray of int8 (signed) or uint8 (unsigned, with zero points), (rows, K)
        Codes q, each within ``bits`` bits.
    zero : ndarray of uint8, (rows, groups), or None
        Zero points z, each within ``bits`` bits, such that every q - z lies in int8; None for
        signed codes.
    row_scale : ndarray of float32, (rows,)
        s_row: zero or normal, positive, finite.
    group_scale : ndarray of uint16, (rows, groups)
        u.
    bits : int
        Width b of a code, one of ``CODE_BITS``.
    group : int
        Columns G of a group, one of ``GROUP_SIZES``; the last group is short where K is no
        multiple.

    Raises
    ------
    ValueError
        If anything is not as described.
    """

    codes: npt.NDArray[np.int8] | npt.NDArray[np.uint8]
    zero: npt.NDArray[np.uint8] | None
    row_scale: npt.NDArray[np.float32]
    group_scale: npt.NDArray[np.uint16]
    bits: int
    group: int

    def __post_init__(self) -> None:
        require_choice("Weight bits", self.bits, CODE_BITS)
        require_choice("Weight group", self.group, GROUP_SIZES)
        signed = self.zero is None
        codes = require_array("Weight codes", self.codes, ("int8" if signed else "uint8",),
                              ("rows", "K"))
        require_within(f"{self.bits}-bit weight codes", codes, *code_range(self.bits, signed))
        scale = require_array("Row scales", self.row_scale, ("float32",), ("rows",))
        require_shape("Row scales", scale, codes.shape[:1], "one for each row")
        require_finite("Row scales", scale)
        require_all("Row scales", scale, (scale == 0) | (scale >= SMALLEST_NORMAL),
                    "zero, or positive and not subnormal")
        per_group = (self.rows, self.groups)
        why = f"one for each group of {self.group} in {self.columns} columns"
        step = require_array("Group scales", self.group_scale, ("uint16",), ("rows", "groups"))
        require_shape("Group scales", step, per_group, why)
        if self.zero is not None:
            zero = require_array("Zero points", self.zero, ("uint8",), ("rows", "groups"))
            require_shape("Zero points", zero, per_group, why)
            require_within(f"{self.bits}-bit zero points", zero, *code_range(self.bits, False))
            # Of fewer bits they cannot but lie there, and 128 in the middle leaves 8 bits there.
            if self.bits == 8 and (zero != 128).any():
                require_within("Codes less their zero points", self._difference(), -128, 127)
        for name in ("codes", "zero", "row_scale", "group_scale"):
            if getattr(self, name) is not None:
                view = getattr(self, name).view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (K)."""
        return self.rows, self.columns

    @property
    def rows(self) -> int:
        """Rows: results of a matrix-vector product."""
        return int(self.codes.shape[0])

    @property
    def columns(self) -> int:
        """Columns: K, the length of a dot product."""
        return int(self.codes.shape[1])

    @property
    def groups(self) -> int:
        """Groups in a row: K / G, rounded up."""
        return -(-self.columns // self.group)

    @property
    def signed(self) -> bool:
        """Whether codes are signed; else they are unsigned and have zero points."""
        return self.zero is None

    def spread(self, per_group: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat what each group has, (rows, groups), for each of its columns: (rows, K)."""
        return np.repeat(per_group, self.group, axis=1)[:, :self.columns]

    def _difference(self) -> npt.NDArray[np.int16]:
        assert self.zero is not None
        difference: npt.NDArray[np.int16] = (
            self.codes.astype(np.int16) - self.spread(self.zero.astype(np.int16)))
        return difference

    def centered(self) -> npt.NDArray[np.int8]:
        """What the multipliers see: q - z, (rows, K), always within int8."""
        if self.zero is None:
            return self.codes.astype(np.int8)
        # Modulo 256 is exact: the differences lie in int8.
        difference: npt.NDArray[np.uint8] = self.codes - self.spread(self.zero)
        return difference.view(np.int8)


def dequantize_exact(weights: QuantizedWeights) -> npt.NDArray[np.float64]:
    """The weights that the codes stand for: s_row * u_g * (q - z), (rows, K).

    Returns
    -------
    ndarray of float64, (rows, K)
        Exact: 24, 16 and 8 bits fit in the 53 of float64.
    """
    scale = weights.spread(combine(weights.row_scale, weights.group_scale))
    exact: npt.NDArray[np.float64] = scale.astype(np.float64) * weights.centered()
    return exact


def dequantize(weights: QuantizedWeights) -> npt.NDArray[np.float32]:
    """The weights in float32: fp32(s_row * (u_g * (q - z))), (rows, K).

    Returns
    -------
    ndarray of float32, (rows, K)
        Rounded once, to nearest even, since u_g * (q - z) fits in 24 bits; subnormals flushed;
        beyond float32, infinite.
    """
    steps = weights.spread(weights.group_scale).astype(np.int32) * weights.centered()
    with np.errstate(over="ignore", under="ignore"):
        return flush(steps.astype(np.float32) * weights.row_scale[:, None])
