# SPDX-License-Identifier: Apache-2.0
"""Choosing scales, zero points and codes for weights: round to nearest, group by group.

Everything is computed in float64. First each group gets a scale s and, if asked for, a zero point:

- signed, b > 2: s = absmax / (2^(b-1) - 1);
- signed, b = 2: the levels are -2, -1, 0, 1 and absmax would leave -2 unused and most weights 0, so
  s is the one of absmax * {16, 15, .., 4} / 16 whose codes have the least squared error (the
  greatest of equals);
- zero point, b < 8: s = (max(w, 0) - min(w, 0)) / (2^b - 1), z = round-half-even(-min(w, 0) / s'),
  saturated to b bits;
- zero point, b = 8: z = 128, s = max(max(w, 0) / 127, -min(w, 0) / 128). Since q - z must lie in
  int8, another z could only take levels away: its q - z would still lie in -128..127.

Then the scales become s' = s_row * u (:func:`flightllm_hw.formats.scale.two_level`), and only then
are codes chosen, for the scales that will really multiply them::

    q = saturate(round-half-even(w / s') + z)              q = z where s' = 0

The two levels put s' up to s_row / 2 beside s, so a group whose scale is far below its row's
greatest may saturate: signed codes then use -2^(b-1) too.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import FLOATS, require_array, require_choice, require_finite
from flightllm_hw.formats.rounding import code_range
from flightllm_hw.formats.scale import combine, two_level
from flightllm_hw.formats.weight import CODE_BITS, GROUP_SIZES, QuantizedWeights

__all__ = ["quantize_weights"]

Floats = npt.NDArray[np.float64]


def quantize_weights(w: npt.NDArray[Any], bits: int, group: int,
                     zero_point: bool = False) -> QuantizedWeights:
    """Quantize a matrix of weights; the module's docstring has the formulas.

    Parameters
    ----------
    w : ndarray of float16, float32 or float64, (rows, K)
        Finite. K need not be a multiple of ``group``: the last group is short.
    bits : int
        2, 3, 4, 5, 6 or 8.
    group : int
        16, 32, 64 or 128 columns.
    zero_point : bool
        Unsigned codes with a zero point per group, instead of signed codes.

    Returns
    -------
    QuantizedWeights
        With zero points, |w - s' (q - z)| <= s' / 2 + (2^b - 1) * s_row / 2 for b < 8; without,
        and for b = 8, s' / 2 + 2^(b-1) * s_row / 2. Signed codes of b = 2 may clip, and a row whose
        s_row was flushed is zero.

    Raises
    ------
    ValueError
        If ``w`` is empty, of another dtype or shape, not finite, or too great for float32 scales;
        or ``bits`` or ``group`` is none of the above.
    """
    w = require_array("Weights", w, FLOATS, ("rows", "K"))
    require_finite("Weights", w)
    require_choice("Weight bits", bits, CODE_BITS)
    require_choice("Weight group", group, GROUP_SIZES)
    rows, columns = w.shape
    grouped = np.zeros((rows, -(-columns // group) * group))
    grouped[:, :columns] = w
    grouped = grouped.reshape(rows, -1, group)

    s_row, u = two_level((_range_scale if zero_point else _signed_scale)(grouped, bits))
    scale = combine(s_row, u)
    zero = _zero_points(grouped, scale, bits) if zero_point else np.zeros_like(scale)
    low, high = code_range(bits, not zero_point)
    levels = _divide(grouped, scale[..., None])
    np.rint(levels, out=levels)
    if zero_point:
        levels += zero[..., None]
    np.clip(levels, low, high, out=levels)
    codes = levels.reshape(rows, -1)[:, :columns]
    return QuantizedWeights(codes=codes.astype(np.uint8) if zero_point else codes.astype(np.int8),
                            zero=zero.astype(np.uint8) if zero_point else None,
                            row_scale=s_row, group_scale=u, bits=int(bits), group=int(group))


def _divide(a: Floats, b: Floats) -> Floats:
    """The quotient a / b, and 0 where b is 0."""
    nothing = b == 0
    with np.errstate(under="ignore"):
        quotient: Floats = a / np.where(nothing, 1.0, b)
    if nothing.any():
        np.copyto(quotient, 0.0, where=nothing)
    return quotient


def _signed_scale(grouped: Floats, bits: int) -> Floats:
    absmax: Floats = np.abs(np.maximum(grouped.max(axis=-1), -grouped.min(axis=-1)))
    if bits > 2:
        return absmax / code_range(bits)[1]
    # In units of the greatest magnitude, so that no square under- or overflows.
    unit = _divide(grouped, absmax[..., None])
    best, least = absmax, np.full(absmax.shape, np.inf)
    for sixteenths in range(16, 3, -1):
        step = sixteenths / 16
        error = ((unit - step * np.clip(np.rint(unit / step), -2, 1)) ** 2).sum(axis=-1)
        best, least = np.where(error < least, absmax * step, best), np.minimum(error, least)
    return best


def _range_scale(grouped: Floats, bits: int) -> Floats:
    high, low = np.maximum(grouped.max(axis=-1), 0), np.minimum(grouped.min(axis=-1), 0)
    scale: Floats = (np.maximum(high / 127, -low / 128) if bits == 8
                     else high / (2 ** bits - 1) - low / (2 ** bits - 1))
    return scale


def _zero_points(grouped: Floats, scale: Floats, bits: int) -> Floats:
    if bits == 8:
        return np.full(scale.shape, 128.0)
    low = np.minimum(grouped.min(axis=-1), 0)
    return np.clip(np.rint(_divide(-low, scale)), 0, 2 ** bits - 1)
