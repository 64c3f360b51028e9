# SPDX-License-Identifier: Apache-2.0
"""Dot products of quantized weights and activations: exact integers, and two roundings at the end.

For a row of weights and a token::

    a_g = sum over the group of (q - z) * x_q          exact
    A   = sum over g of u_g * a_g                      exact, at most 48 bits signed
    y   = fp32(A) * fp32(s_row * s_x)                  three roundings, to nearest even

Group sums are computed by float32 matrix products, which are exact here in any order: a sum of at
most 128 products of int8 and every part of it is an integer of at most 128 * 2^14 = 2^21 < 2^24.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.checks import (
    require_all,
    require_array,
    require_choice,
    require_finite,
    require_integer,
    require_shape,
)
from flightllm_hw.formats.fp32 import flush
from flightllm_hw.formats.rounding import code_range
from flightllm_hw.formats.scale import GROUP_SCALE_MAX
from flightllm_hw.formats.weight import CODE_BITS, GROUP_SIZES, QuantizedWeights

__all__ = ["DOT_BITS", "check_dot_bound", "check_shape_bound", "dot_products", "group_sums",
           "scale_result"]

DOT_BITS = 48
"""Bits of a dot product A, two's complement."""


def _one_group(codes: npt.NDArray[Any], x: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    product = x.astype(np.float32) @ codes.astype(np.float32).T
    return product.astype(np.int64)


def _activation_codes(x: object, columns: int) -> npt.NDArray[Any]:
    codes = require_array("Activation codes", x, ("int8",), ("tokens", "K"))
    require_shape("Activation codes", codes, (codes.shape[0], columns), "K as the weights have")
    return codes


def group_sums(centered: npt.NDArray[Any], x_codes: npt.NDArray[Any],
               group: int) -> npt.NDArray[np.int64]:
    """The exact sums a_g of each group.

    Parameters
    ----------
    centered : ndarray of int8, (rows, K)
        q - z.
    x_codes : ndarray of int8, (tokens, K)
        x_q; the full range of int8 is allowed.
    group : int
        Columns of a group: 16, 32, 64 or 128; the last group may be short.

    Returns
    -------
    ndarray of int64, (tokens, rows, groups)
        |a_g| <= group * 2^14.

    Raises
    ------
    ValueError
        If an input is empty, of another dtype or shape, or ``group`` is none of the above.
    """
    centered = require_array("Centered codes", centered, ("int8",), ("rows", "K"))
    x_codes = _activation_codes(x_codes, centered.shape[1])
    require_choice("Weight group", group, GROUP_SIZES)
    starts = range(0, centered.shape[1], group)
    return np.stack([_one_group(centered[:, k:k + group], x_codes[:, k:k + group])
                     for k in starts], axis=-1)


def dot_products(weights: QuantizedWeights,
                 x_codes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The exact dot products A.

    Parameters
    ----------
    weights : QuantizedWeights
        (rows, K).
    x_codes : ndarray of int8, (tokens, K)
        x_q.

    Returns
    -------
    ndarray of int64, (tokens, rows)
        Exact for every K below 2^24; :func:`check_dot_bound` tells whether 48 bits do.

    Raises
    ------
    ValueError
        If ``x_codes`` is empty or of another dtype or shape.
    """
    x_codes = _activation_codes(x_codes, weights.columns)
    centered, u = weights.centered(), weights.group_scale.astype(np.int64)
    total = np.zeros((x_codes.shape[0], weights.rows), np.int64)
    for g in range(weights.groups):
        columns = slice(g * weights.group, (g + 1) * weights.group)
        total += u[:, g] * _one_group(centered[:, columns], x_codes[:, columns])
    return total


def check_dot_bound(weights: QuantizedWeights, activation_max: int = 127) -> int:
    """Prove that no activations can take a dot product, or a part of it, beyond 48 bits.

    Parameters
    ----------
    weights : QuantizedWeights
        (rows, K).
    activation_max : int
        Greatest |x_q|: 127 for :func:`~flightllm_hw.formats.activation.quantize_activations`, 128
        for any int8.

    Returns
    -------
    int
        The greatest over the rows of ``activation_max`` * sum of u_g * |q - z|: |A| reaches it at
        most, and so does a sum over some of the columns.

    Raises
    ------
    ValueError
        If that is above 2^47 - 1, or ``activation_max`` is not in 1..128.
    """
    require_integer("Greatest activation", activation_max, 1, 128)
    magnitude = np.abs(weights.centered().astype(np.int64))
    sums = np.add.reduceat(magnitude, np.arange(0, weights.columns, weights.group), axis=1)
    bounds = (sums * weights.group_scale).sum(axis=1) * int(activation_max)
    limit = code_range(DOT_BITS)[1]
    require_all("Bounds on the rows' dot products", bounds, bounds <= limit,
                f"at most {limit} to fit in {DOT_BITS} bits signed")
    return int(bounds.max())


def check_shape_bound(k: int, bits: int, zero_point: bool = False,
                      activation_max: int = 127) -> int:
    """Prove for a shape, whatever the weights, what :func:`check_dot_bound` proves for weights.

    Parameters
    ----------
    k : int
        Columns.
    bits : int
        Width of a code: 2, 3, 4, 5, 6 or 8.
    zero_point : bool
        Whether codes are unsigned with zero points.
    activation_max : int
        As for :func:`check_dot_bound`.

    Returns
    -------
    int
        k * 65535 * max |q - z| * ``activation_max``, where max |q - z| is 2^(b-1) for signed codes
        and min(2^b - 1, 128) with zero points.

    Raises
    ------
    ValueError
        If that is above 2^47 - 1, or a parameter is none of the above.
    """
    require_integer("Columns K", k, 1)
    require_choice("Weight bits", bits, CODE_BITS)
    require_integer("Greatest activation", activation_max, 1, 128)
    code_max = min(2 ** int(bits) - 1, 128) if zero_point else 2 ** (int(bits) - 1)
    per_column = GROUP_SCALE_MAX * code_max * int(activation_max)
    limit = code_range(DOT_BITS)[1]
    if k * per_column > limit:
        raise ValueError(f"A dot product of {k} columns with {bits}-bit codes could reach"
                         f" {k * per_column}, beyond {DOT_BITS} bits signed; at most"
                         f" {limit // per_column} columns always fit")
    worst: int = int(k) * per_column
    return worst


def scale_result(a: npt.NDArray[Any], s_row: npt.NDArray[Any],
                 s_x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scale dot products: y = fp32(A) * fp32(s_row * s_x).

    Parameters
    ----------
    a : ndarray of int64, (tokens, rows)
        A.
    s_row : ndarray of float32, (rows,)
        Row scales: finite, not negative.
    s_x : ndarray of float32, (tokens,)
        Token scales: finite, not negative.

    Returns
    -------
    ndarray of float32, (tokens, rows)
        The conversion and both products are each rounded to nearest even; subnormal factors and
        products are flushed to zeros of their sign. Beyond float32 a product is infinite; where
        s_row * s_x is, A = 0 gives NaN.

    Raises
    ------
    ValueError
        If an input is empty, of another dtype or shape, or a scale is negative or not finite.
    """
    a = require_array("Dot products", a, ("int64",), ("tokens", "rows"))
    s_row = require_array("Row scales", s_row, ("float32",), ("rows",))
    s_x = require_array("Token scales", s_x, ("float32",), ("tokens",))
    require_shape("Row scales", s_row, (a.shape[1],), "one for each row of the dot products")
    require_shape("Token scales", s_x, (a.shape[0],), "one for each token of the dot products")
    for name, scale in (("Row scales", s_row), ("Token scales", s_x)):
        require_finite(name, scale)
        require_all(name, scale, scale >= 0, "at least 0")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        scales = flush(flush(s_x)[:, None] * flush(s_row)[None, :])
        return flush(a.astype(np.float32) * scales)
