# SPDX-License-Identifier: Apache-2.0
"""Float32 without subnormals: what every FP32 operation of the accelerator leaves behind.

An operation is IEEE 754 round-to-nearest-even, and then :func:`flush`. The flush looks at the
rounded result: a product a little below 2^-126 that IEEE rounds up to 2^-126 stays 2^-126.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array

__all__ = ["QUIET_NAN", "SMALLEST_NORMAL", "flush", "flush_bits"]

SMALLEST_NORMAL = np.float32(2.0 ** -126)
"""The smallest positive float32 that is not subnormal."""

QUIET_NAN = 0x7FC0_0000
"""The bits of the one NaN that operations give."""


def flush(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Flush subnormals to zero, keeping their sign.

    Parameters
    ----------
    x : ndarray of float32, any shape
        Infinity and NaN pass unchanged, to the bit.

    Returns
    -------
    ndarray of float32, the same shape
        ``x``, with every |x| < 2^-126 replaced by a zero of the same sign.

    Raises
    ------
    ValueError
        If ``x`` is not a nonempty float32 array.
    """
    x = require_array("Values to flush", x, ("float32",), None)
    return flush_bits(x.view(np.uint32)).view(np.float32)


def flush_bits(bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """:func:`flush` of the bits of float32 values; unchecked, of any shape."""
    flushed = np.where(bits & np.uint32(0x7F80_0000), bits, bits & np.uint32(0x8000_0000))
    return flushed.astype(np.uint32)
