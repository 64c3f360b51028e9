# SPDX-License-Identifier: Apache-2.0
"""Activations as int8 with one float32 scale per token.

For a token x, with FP32 operations that flush subnormals, of their inputs too::

    s_x = absmax(x) / 127        x_q = round-half-even(x / s_x)        x ~ s_x * x_q

Both divisions are IEEE float32. The quotient of the greatest element differs from 127 by a few
units in the last place at most, so codes never leave [-127, 127] and nothing saturates. Where
``s_x`` would be zero or subnormal (absmax below about 127 * 2^-126) the token is zero: scale 0,
codes 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    require_all,
    require_array,
    require_finite,
    require_shape,
)
from flightllm_hw.formats.fp32 import flush

__all__ = ["dequantize_activations", "quantize_activations"]


def quantize_activations(
        x: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Quantize each token with the scale that takes its greatest magnitude to 127.

    Parameters
    ----------
    x : ndarray of float32, (tokens, K)
        Finite.

    Returns
    -------
    codes : ndarray of int8, (tokens, K)
        round-half-even(x / s_x), in [-127, 127].
    scale : ndarray of float32, (tokens,)
        s_x = absmax / 127, zero or normal.

    Raises
    ------
    ValueError
        If ``x`` is empty, of another dtype or shape, or not finite.
    """
    x = require_array("Activations", x, ("float32",), ("tokens", "K"))
    require_finite("Activations", x)
    x = flush(x)
    with np.errstate(under="ignore"):
        scale = flush(np.abs(x).max(axis=1) / np.float32(127))
        divisor = np.where(scale == 0, np.float32(1), scale)
        quotient = np.where(scale[:, None] == 0, np.float32(0), x) / divisor[:, None]
    return np.rint(quotient).astype(np.int8), scale


def dequantize_activations(codes: npt.NDArray[Any],
                           scale: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The values that the codes stand for: fp32(s_x * x_q).

    Parameters
    ----------
    codes : ndarray of int8, (tokens, K)
    scale : ndarray of float32, (tokens,)
        Finite, not negative.

    Returns
    -------
    ndarray of float32, (tokens, K)
        Rounded once, to nearest even; subnormals flushed; a product beyond float32 (only for codes
        and scales that :func:`quantize_activations` does not give) is infinite.

    Raises
    ------
    ValueError
        If dtypes or shapes are others, or a scale is negative or not finite.
    """
    codes = require_array("Activation codes", codes, ("int8",), ("tokens", "K"))
    scale = require_array("Activation scales", scale, ("float32",), ("tokens",))
    require_shape("Activation scales", scale, codes.shape[:1], "one for each token")
    require_finite("Activation scales", scale)
    require_all("Activation scales", scale, scale >= 0, "at least 0")
    with np.errstate(over="ignore", under="ignore"):
        return flush(codes.astype(np.float32) * flush(scale)[:, None])
