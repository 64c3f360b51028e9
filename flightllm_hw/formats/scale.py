# SPDX-License-Identifier: Apache-2.0
"""Two-level scales: a float32 for each row, times an unsigned 16-bit integer for each group.

With the row's greatest group scale, rowmax::

    s_row = fp32(rowmax / 65535)      u = round-half-even(scale / s_row)      scale ~ s_row * u

so that integers alone scale a group's sum, and one float multiplication a row's. A scale is off by
at most half a step: |scale - s_row * u| <= s_row / 2 < rowmax * 2^-16.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    FLOATS,
    require_all,
    require_array,
    require_finite,
    require_shape,
)
from flightllm_hw.formats.fp32 import flush

__all__ = ["GROUP_SCALE_MAX", "combine", "two_level"]

GROUP_SCALE_MAX = 65535
"""The greatest group scale u."""


def two_level(
        scales: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
    """Split group scales into one scale per row and one integer per group.

    Parameters
    ----------
    scales : ndarray of float16, float32 or float64, (rows, groups)
        Finite, not negative.

    Returns
    -------
    s_row : ndarray of float32, (rows,)
        rowmax / 65535, divided in float64 and then rounded to float32; zero or normal.
    u : ndarray of uint16, (rows, groups)
        scale / s_row, divided in float64, rounded half to even, saturated to 65535.

    Raises
    ------
    ValueError
        If ``scales`` is empty, of another dtype or shape, negative, not finite, or so great that
        s_row would leave float32.

    Notes
    -----
    A row of zeros has s_row = 0 and u = 0. So has a row whose s_row would be subnormal (rowmax
    below about 65535 * 2^-126): there the error is the scale itself. A scale below s_row / 2
    becomes u = 0, within the bound.
    """
    scales = require_array("Scales", scales, FLOATS, ("rows", "groups"))
    require_finite("Scales", scales)
    require_all("Scales", scales, scales >= 0, "at least 0")
    exact = scales.astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        s_row = flush((exact.max(axis=1) / GROUP_SCALE_MAX).astype(np.float32))
    reachable = np.broadcast_to(np.isfinite(s_row)[:, None], exact.shape) | (
        exact < exact.max(axis=1, keepdims=True))
    require_all("Scales", exact, reachable, "at most 65535 times the greatest float32")
    divisor = np.where(s_row == 0, 1.0, s_row.astype(np.float64))
    steps = np.where(s_row[:, None] == 0, 0.0, exact) / divisor[:, None]
    return s_row, np.minimum(np.rint(steps), GROUP_SCALE_MAX).astype(np.uint16)


def combine(s_row: npt.NDArray[Any], u: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The scales that two levels stand for: s_row * u.

    Parameters
    ----------
    s_row : ndarray of float32, (rows,)
        Finite, not negative.
    u : ndarray of uint16, (rows, groups)

    Returns
    -------
    ndarray of float64, (rows, groups)
        Exact: 24 bits times 16 bits fit in the 53 of float64.

    Raises
    ------
    ValueError
        If dtypes or shapes are others, or a row scale is negative or not finite.
    """
    s_row = require_array("Row scales", s_row, ("float32",), ("rows",))
    u = require_array("Group scales", u, ("uint16",), ("rows", "groups"))
    require_shape("Row scales", s_row, u.shape[:1], "one for each row")
    require_finite("Row scales", s_row)
    require_all("Row scales", s_row, s_row >= 0, "at least 0")
    product: npt.NDArray[np.float64] = s_row.astype(np.float64)[:, None] * u.astype(np.float64)
    return product
