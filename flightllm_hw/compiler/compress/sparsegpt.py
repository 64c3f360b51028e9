# SPDX-License-Identifier: Apache-2.0
"""Pruning and quantizing in one pass, each error made good by the weights that come after it.

As SparseGPT (Frantar & Alistarh, arXiv 2301.00774) does, with the codes of GPTQ (arXiv 2210.17323).
For inputs with the Gram matrix H, damped to H + λ I with λ = 0.01 mean(diag H), let U be the upper
triangle with (H + λ I)^-1 = U^T U. Columns are taken from left to right::

              done          k        still to be changed
        ┌───────────────┬───────┬──────────────────────────┐
        │ codes, zeros  │  w_k  │  w_j -= e_k U_kj          │     e_k = (w_k - w'_k) / U_kk
        └───────────────┴───────┴──────────────────────────┘

where w'_k is the nearest weight that has a code, or 0 if it is pruned. Of a block of M, when its
first column's turn comes, the N of greatest (w_k / U_kk)^2 are kept: what it costs to do without
them. A block that has at most N weights other than zero from the beginning keeps all of those, so
a model that was trained sparse stays what it is.

A group's grid (scale and zero point) is chosen at its first column, from its weights as they are
then, less those that would be pruned then. It is the grid that
:func:`flightllm_hw.formats.quantize_weights` has for the weights clipped to a share of their range,
the share being the one with the least squared error of them all. The row scale must be known
before: it is that of the weights as they come, with room for scales to grow twofold; u loses one of
its 16 bits to that.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.gram import Gram, check_gram
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.formats import (
    GROUP_SCALE_MAX,
    Pattern,
    QuantizedWeights,
    code_range,
    combine,
    prune_mask,
    quantize_weights,
    two_level,
)

__all__ = ["calibrated"]

DAMPING = 0.01
HEADROOM = 2
CHUNK = 128
"""Columns whose errors meet the rest of the matrix together; whole groups and blocks."""

CLIPPED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)
"""Shares of a group's range that its grid may span."""

Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.uint16]
Zeros = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def calibrated(w: npt.NDArray[Any], setting: Setting,
               gram: Gram) -> tuple[QuantizedWeights, Mask]:
    """Codes and mask of a matrix whose inputs are known.

    Parameters
    ----------
    w : ndarray of float16, float32 or float64, (rows, K)
    setting : Setting
    gram : ndarray of float64, (K, K)
        Of its inputs; inputs that are always zero have their weights rounded to nearest.

    Raises
    ------
    ValueError
        If an input is not as described, not finite, or too great for float32 scales.
    """
    s_row = _row_scales(w, setting)
    rows, columns = w.shape
    factor = _factor(check_gram(gram, columns))
    cost = factor.diagonal() ** 2
    forced = _already_sparse(w, setting.pattern).T
    m, group = setting.pattern.m, setting.group

    # Columns of the matrix are rows here: each is one piece of memory.
    rest = np.ascontiguousarray(w.astype(np.float64).T)
    codes = np.zeros(rest.shape, np.int16)
    mask = np.ones(rest.shape, np.bool_)
    steps = np.zeros((-(-columns // group), rows), np.uint16)
    zeros = np.zeros(steps.shape, np.uint8)
    for start in range(0, columns, CHUNK):
        stop = min(start + CHUNK, columns)
        errors = np.empty((stop - start, rows))
        for k in range(start, stop):
            if k % group == 0:
                own = slice(k, min(k + group, columns))
                likely = _choose(rest[own], cost[own], forced[own], setting.pattern)
                at = k // group
                steps[at], zeros[at] = _grid(np.where(likely, rest[own], 0), setting, s_row)
                scale = s_row * steps[at].astype(np.float64)
            if k % m == 0:
                own = slice(k, min(k + m, columns))
                mask[own] = _choose(rest[own], cost[own], forced[own], setting.pattern)
            code = np.where(mask[k], _code(rest[k], scale, zeros[at], setting), zeros[at])
            codes[k] = code
            errors[k - start] = (rest[k] - scale * (code - zeros[at])) / factor[k, k]
            rest[k + 1:stop] -= factor[k, k + 1:stop, None] * errors[k - start]
        rest[stop:] -= factor[start:stop, stop:].T @ errors
    weights = QuantizedWeights(
        codes=codes.T.astype(np.uint8) if setting.zero_point else codes.T.astype(np.int8),
        zero=np.ascontiguousarray(zeros.T) if setting.zero_point else None,
        row_scale=s_row, group_scale=np.ascontiguousarray(steps.T), bits=setting.bits, group=group)
    return weights, np.ascontiguousarray(mask.T)


def _divide(a: Floats, b: Floats) -> Floats:
    """The quotient a / b, and 0 where b is 0."""
    quotient: Floats = np.where(b == 0, 0.0, a) / np.where(b == 0, 1.0, b)
    return quotient


def _row_scales(w: npt.NDArray[Any], setting: Setting) -> npt.NDArray[np.float32]:
    kept = np.where(prune_mask(w, setting.pattern), w, w.dtype.type(0))
    plain = quantize_weights(kept, setting.bits, setting.group, setting.zero_point)
    return two_level(HEADROOM * combine(plain.row_scale, plain.group_scale))[0]


def _factor(gram: Gram) -> Floats:
    """U, upper triangular: U^T U is the inverse of the damped matrix.

    With R the upper triangle for which that matrix is R R^T, U is the inverse of R: no inverse of
    the matrix itself is ever formed.
    """
    mean = float(gram.diagonal().mean())
    damped = gram + (DAMPING * mean or 1.0) * np.eye(len(gram))
    try:
        upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError:
        raise ValueError("A Gram matrix must have no negative eigenvalue") from None
    inverse: Floats = np.triu(np.linalg.inv(upper))
    return inverse


def _already_sparse(w: npt.NDArray[Any], pattern: Pattern) -> Mask:
    """Weights to be kept: those other than zero, in blocks that have no more than N."""
    blocks = np.pad(w != 0, ((0, 0), (0, -w.shape[1] % pattern.m)))
    blocks = blocks.reshape(len(w), -1, pattern.m)
    few = blocks & (blocks.sum(axis=-1, keepdims=True) <= pattern.n)
    kept: Mask = few.reshape(len(w), -1)[:, :w.shape[1]]
    return kept


def _choose(rest: Floats, cost: Floats, forced: Mask, pattern: Pattern) -> Mask:
    """Which weights of whole blocks are kept, (columns, rows); of equals the first."""
    if pattern is Pattern.DENSE:
        return np.ones(rest.shape, np.bool_)
    score = np.where(forced, np.inf, np.abs(rest) / np.sqrt(cost)[:, None])
    # Below any score: what is past the last column takes no weight's place.
    score = np.pad(score, ((0, -len(score) % pattern.m), (0, 0)), constant_values=-1)
    blocks = score.reshape(-1, pattern.m, score.shape[1])
    order = np.argsort(-blocks, axis=1, kind="stable")
    mask = np.zeros(blocks.shape, np.bool_)
    np.put_along_axis(mask, order[:, :pattern.n], True, axis=1)
    return mask.reshape(score.shape)[:len(rest)]


def _grid(rest: Floats, setting: Setting,
          s_row: npt.NDArray[np.float32]) -> tuple[Steps, Zeros]:
    """Group scale and zero point of one group, (columns, rows), in each row."""
    least, most = np.minimum(rest.min(axis=0), 0), np.maximum(rest.max(axis=0), 0)
    if not setting.zero_point:
        most = np.maximum(most, -least)
        least = -most
    steps, zero = np.zeros(len(s_row), np.uint16), np.zeros(len(s_row), np.uint8)
    error = np.full(len(s_row), np.inf)
    for share in CLIPPED:
        new = _nearest_grid(np.clip(rest, share * least, share * most), setting, s_row)
        scale = s_row.astype(np.float64) * new[0]
        left = rest - scale * (_code(rest, scale, new[1], setting) - new[1])
        wrong = np.einsum("kr,kr->r", left, left)
        better = wrong < error
        error = np.where(better, wrong, error)
        steps, zero = np.where(better, new[0], steps), np.where(better, new[1], zero)
    return steps, zero


def _nearest_grid(rest: Floats, setting: Setting,
                  s_row: npt.NDArray[np.float32]) -> tuple[Steps, Zeros]:
    own = quantize_weights(np.ascontiguousarray(rest.T), setting.bits, setting.group,
                           setting.zero_point)
    steps = _divide(combine(own.row_scale, own.group_scale)[:, 0], s_row.astype(np.float64))
    zero = np.zeros(len(s_row), np.uint8) if own.zero is None else own.zero[:, 0]
    return np.minimum(np.rint(steps), GROUP_SCALE_MAX).astype(np.uint16), zero


def _code(rest: Floats, scale: Floats, zero: Zeros, setting: Setting) -> Floats:
    """The nearest codes, each row with its scale and zero point, (rows,) or (columns, rows)."""
    nearest = np.rint(_divide(rest, np.broadcast_to(scale, rest.shape))) + zero
    return np.clip(nearest, *code_range(setting.bits, not setting.zero_point))
