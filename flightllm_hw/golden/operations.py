# SPDX-License-Identifier: Apache-2.0
"""What operations of the special function unit come to, formula by formula, bit-exact.

Vectors are float32, (segments, n); scalars float32, (segments,). Every step is one FP32 operation
of :mod:`flightllm_hw.formats.arithmetic`, sums are in the order of
:mod:`flightllm_hw.formats.reduction`.
"""

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.arithmetic import add, divide, greater, maximum, multiply
from flightllm_hw.formats.functions import exp, reciprocal, rsqrt
from flightllm_hw.formats.reduction import tree_sum

__all__ = ["absmax_scale", "add", "argmax", "attention_codes", "codes", "l1_norm", "layer_norm",
           "multiply", "relu", "rms_norm", "rope", "softmax"]

Floats = npt.NDArray[np.float32]


def _affine(v: Floats, k1: float, k2: float) -> Floats:
    return add(multiply(v, np.float32(k1)), np.float32(k2))


def _column(v: Floats) -> Floats:
    return v[:, None]


def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """x / sqrt(mean(x^2) + eps) * weight."""
    root = rsqrt(_affine(tree_sum(multiply(x, x)), 1 / x.shape[1], eps))
    return multiply(multiply(x, _column(root)), weight)


def layer_norm(x: Floats, weight: Floats, bias: Floats, eps: float) -> Floats:
    """(x - mean) * weight / sqrt(variance + eps) + bias."""
    centred = _centred(x)
    root = rsqrt(_affine(tree_sum(multiply(centred, centred)), 1 / x.shape[1], eps))
    return add(multiply(multiply(centred, weight), _column(root)), bias)


def l1_norm(x: Floats, weight: Floats, bias: Floats, eps: float) -> Floats:
    """(x - mean) * weight / (mean(|x - mean|) + eps) + bias."""
    centred = _centred(x)
    inverse = reciprocal(_affine(tree_sum(np.abs(centred)), 1 / x.shape[1], eps))
    return add(multiply(multiply(centred, weight), _column(inverse)), bias)


def _centred(x: Floats) -> Floats:
    return add(x, -_column(_affine(tree_sum(x), 1 / x.shape[1], 0.0)))


def softmax(x: Floats, scale: float = 1.0, counts: npt.NDArray[np.bool_] | None = None,
            mask: Floats | None = None) -> Floats:
    """exp(t - max(t)) / sum, t = x * scale (+ mask), of the elements that count; others are 0."""
    counts = np.ones(x.shape, bool) if counts is None else counts
    t = multiply(x, np.float32(scale))
    t = t if mask is None else add(t, mask)
    e = np.where(counts, exp(add(t, -_column(_greatest(t, counts)))), np.float32(0))
    total = reciprocal(_affine(tree_sum(e), 1.0, 0.0))
    return np.where(counts, multiply(e, _column(total)), np.float32(0))


def _greatest(t: Floats, counts: npt.NDArray[np.bool_]) -> Floats:
    best = np.full(len(t), -np.inf, np.float32)
    for column in np.where(counts, t, np.float32(-np.inf)).T:
        best = maximum(best, column)
    return add(best, np.float32(0))


def attention_codes(x: Floats, value_scales: Floats, greatest: Floats, unit: np.float32,
                    scale: float, counts: npt.NDArray[np.bool_]
                    ) -> tuple[npt.NDArray[np.int8], Floats]:
    """Codes round(e * s_v / unit), e = exp(x * scale - greatest), and unit / sum(e)."""
    t = add(multiply(x, np.float32(scale)), -_column(greatest))
    e = np.where(counts, exp(t), np.float32(0))
    weights = np.where(counts, multiply(e, value_scales), np.float32(0))
    return codes(weights, np.full(len(x), unit)), divide(np.asarray(unit), tree_sum(e))


def rope(x: Floats, cos: Floats, sin: Floats, halves: bool) -> Floats:
    """x cos - y sin, y cos + x sin of adjacent pairs, or of elements i and i + n / 2."""
    n = x.shape[1]
    x, y = (x[:, :n // 2], x[:, n // 2:]) if halves else (x[:, 0::2], x[:, 1::2])
    rotated = (add(multiply(x, cos), -multiply(y, sin)), add(multiply(y, cos), multiply(x, sin)))
    return np.concatenate(rotated, 1) if halves else np.stack(rotated, 2).reshape(len(x), n)


def absmax_scale(x: Floats) -> Floats:
    """The scale that takes the greatest magnitude to 127: absmax / 127."""
    return divide(np.abs(x).max(axis=1), np.float32(127))


def codes(x: Floats, scale: Floats) -> npt.NDArray[np.int8]:
    """round-half-even(x / scale), saturated; 0 where the scale is 0, or all is NaN."""
    quotient = divide(x, _column(scale))
    quotient = np.where((_column(scale) == 0) | np.isnan(quotient), np.float32(0), quotient)
    return np.clip(np.rint(quotient), -127, 127).astype(np.int8)


def argmax(x: Floats) -> npt.NDArray[np.int64]:
    """The first place of the greatest element."""
    places: npt.NDArray[np.int64] = np.argmax(x, axis=1)
    return places


def relu(x: Floats) -> Floats:
    """max(x, 0); NaN stays."""
    return np.where(greater(x, np.float32(0)), x, np.float32(0)).astype(np.float32)
