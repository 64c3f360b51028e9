# SPDX-License-Identifier: Apache-2.0
"""The one order in which float32 vectors are summed.

A vector is cut into blocks of 16. A block is summed as a binary tree of neighbours, blocks are
added up in eight accumulators in turn, and the accumulators are summed as a tree again::

    x0 x1 x2 x3 ... x15      block j:  ((x0 + x1) + (x2 + x3)) + ...
     '(+)'  '(+)'            A[j mod 8] = A[j mod 8] + block j,   from A = +0
       '-(+)-'               sum = ((A0 + A1) + (A2 + A3)) + ((A4 + A5) + (A6 + A7))

What is missing in the last block counts as +0. The order does not depend on how many elements a
machine takes per cycle, so that all presets give the same bits; eight accumulators are as many as
an adder of seven cycles needs to take a block in every cycle.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.formats.arithmetic import add

__all__ = ["ACCUMULATORS", "BLOCK", "tree_sum"]

BLOCK = 16
"""Elements that are summed as one tree."""

ACCUMULATORS = 8
"""Blocks j and j + 8 meet in one accumulator."""


def _tree(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    while x.shape[-1] > 1:
        x = add(x[..., 0::2], x[..., 1::2])
    return x[..., 0]


def tree_sum(x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Sums over the last axis.

    Parameters
    ----------
    x : ndarray of float32, (..., n)
        Anything, of any n from 0 on.

    Returns
    -------
    ndarray of float32, (...)
    """
    x = np.asarray(x, np.float32)
    n = x.shape[-1]
    turns = max(1, -(-n // (BLOCK * ACCUMULATORS)))
    padded = np.zeros((*x.shape[:-1], turns * ACCUMULATORS * BLOCK), np.float32)
    padded[..., :n] = x
    blocks = _tree(padded.reshape(*x.shape[:-1], turns, ACCUMULATORS, BLOCK))
    # Accumulators that get no further block stay as they are: x + 0 = x, from +0 on.
    totals = np.zeros((*x.shape[:-1], ACCUMULATORS), np.float32)
    for turn in range(turns):
        totals = add(totals, blocks[..., turn, :])
    return _tree(totals)
