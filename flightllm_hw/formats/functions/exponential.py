# SPDX-License-Identifier: Apache-2.0
"""The exponential family: exp, sigmoid, SiLU and GELU of float32, with one rounding.

All are w * p, with a power of two for p, or what it lacks to 1, and x or 1 for w::

    u = |x|          exp(x)      sigmoid(x)     silu(x)       gelu(x)
    w                1           1              x             x
    p, x < 0         2^-V(u)     2^-V(u)        2^-V(u)       2^-V(u)
    p, x >= 0        2^V(u)      1 - 2^-V(u)    1 - 2^-V(u)   1 - 2^-V(u)

p has 26 bits, the product all of them; nothing is rounded to float32 on the way, and a tail keeps
its relative accuracy. The product is rounded to the nearest float32, a tie to the greater
magnitude; what then is below 2^-126 is zero, and from 2^128 on it is infinite.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import require_array
from flightllm_hw.formats.fp32 import QUIET_NAN
from flightllm_hw.formats.functions.exp2 import SIGNIFICAND_POINT, exp2
from flightllm_hw.formats.functions.exponents import EXP, FRACTION_BITS, GELU, SIGMOID, exponent

__all__ = ["PRODUCT_DROP", "exp", "gelu", "sigmoid", "silu"]

PRODUCT_DROP = 17
"""Last bits of the product of significands that rounding does not see."""

_SIGN, _ABOVE, _NAN = np.uint32(0x8000_0000), np.uint32(0x7F80_0000), np.uint32(QUIET_NAN)
_BIAS = 127
_CHUNK = 1 << 15


def exp(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """e^x; at most 1.1 ulp from it.

    Parameters
    ----------
    x : ndarray of float32, any shape
        Subnormals count as zero.

    Returns
    -------
    ndarray of float32, the same shape
        exp(inf) is infinity, exp(-inf) zero, and any NaN gives 0x7FC00000.

    Raises
    ------
    ValueError
        If ``x`` is not a nonempty float32 array.
    """
    return _apply("Values for exp", x, EXP, False)


def sigmoid(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """1 / (1 + e^-x); at most 1.3 ulp from it.

    As :func:`exp`; sigmoid(inf) is 1, sigmoid(-inf) zero.
    """
    return _apply("Values for sigmoid", x, SIGMOID, False)


def silu(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """SiLU, x / (1 + e^-x); at most 1.6 ulp from it.

    As :func:`exp`; silu(inf) is infinity, silu(-inf) the limit, -0. A zero keeps its sign.
    """
    return _apply("Values for SiLU", x, SIGMOID, True)


def gelu(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """GELU, x Phi(x) = x (1 + erf(x / sqrt(2))) / 2; at most 1.6 ulp from it.

    As :func:`exp`; gelu(inf) is infinity, gelu(-inf) the limit, -0. A zero keeps its sign.
    """
    return _apply("Values for GELU", x, GELU, True)


def _apply(name: str, x: npt.NDArray[Any], function: int,
           times_x: bool) -> npt.NDArray[np.float32]:
    x = require_array(name, x, ("float32",), None)
    bits = np.ascontiguousarray(x).view(np.uint32).ravel()
    o = np.empty_like(bits)
    for start in range(0, len(bits), _CHUNK):
        part = slice(start, start + _CHUNK)
        o[part] = _words(bits[part], function, times_x)
    return o.view(np.float32).reshape(x.shape)


def _words(bits: npt.NDArray[np.uint32], function: int,
           times_x: bool) -> npt.NDArray[np.uint32]:
    magnitude = bits & ~_SIGN
    negative = bits != magnitude

    # p = significand * 2^(power - 25). -V is ~V, a 2^-31 below.
    v = exponent(function, magnitude)
    significand, power = exp2(np.where(negative, ~v, v) if function == EXP else ~v)
    if function != EXP:
        # 1 - p is ~p, a 2^-26 below.
        rest = ~(significand >> np.minimum(~power, 31)) & (1 << SIGNIFICAND_POINT + 1) - 1
        significand = np.where(negative, significand, rest)
        power = np.where(negative, power, -1)

    # w * p, normalised.
    if times_x:
        one = magnitude & np.uint32((1 << FRACTION_BITS) - 1) | np.uint32(1 << FRACTION_BITS)
        product = significand * one >> PRODUCT_DROP
        biased = power + (magnitude >> FRACTION_BITS).astype(np.int64)
        sign = bits & _SIGN
    else:
        product = significand << FRACTION_BITS - PRODUCT_DROP
        biased = power + _BIAS
        sign = np.zeros_like(bits)
    below_two = SIGNIFICAND_POINT - PRODUCT_DROP  # bits to drop
    top = product >> FRACTION_BITS + below_two + 1
    rounded = (product >> below_two + top - 1) + 1 >> 1

    # The exponent counts the leading one as well: one less.
    word = (biased + top - 1 << FRACTION_BITS) + rounded
    word = np.where(word >> FRACTION_BITS >= 255, int(_ABOVE), word)
    word = np.where(word >> FRACTION_BITS <= 0, 0, word)
    return np.where(magnitude > _ABOVE, _NAN, word.astype(np.uint32) | sign)
