# SPDX-License-Identifier: Apache-2.0
"""What calibration knows of a matrix's inputs, and what errors of weights cost at its output.

Over calibration inputs x, the Gram matrix is H = mean(x x^T). Errors D of a matrix's weights then
cost, as the mean squared error of its outputs, summed over rows::

    mean |D x|^2  =  trace(D H D^T)
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Gram", "check_gram", "output_error", "relative_error"]

Gram = npt.NDArray[np.float64]


def check_gram(gram: npt.NDArray[Any], columns: int) -> Gram:
    """``gram`` in float64, if it can be one of inputs with ``columns`` elements.

    Raises
    ------
    ValueError
        If its shape is another, it is not finite, not symmetric, or has a negative diagonal.
    """
    if gram.shape != (columns, columns):
        raise ValueError(f"A Gram matrix of {columns} inputs must have the shape"
                         f" ({columns}, {columns}), not {gram.shape}")
    exact = gram.astype(np.float64)
    if not np.isfinite(exact).all():
        raise ValueError("A Gram matrix must be finite")
    if (exact.diagonal() < 0).any() or not np.allclose(
            exact, exact.T, rtol=1e-4, atol=1e-6 * float(np.abs(exact).max())):
        raise ValueError("A Gram matrix must be symmetric, with no negative diagonal")
    return exact


def output_error(error: npt.NDArray[Any], gram: Gram | None) -> float:
    """trace(D H D^T); without calibration H is the identity.

    Parameters
    ----------
    error : ndarray of floats, (rows, K)
        D.
    gram : ndarray of float64, (K, K), or None
        H.
    """
    exact = error.astype(np.float64)
    seen = exact if gram is None else exact @ gram
    # Rounding may leave what ought to be zero a little below.
    return max(0.0, float(np.vdot(seen, exact)))


def relative_error(w: npt.NDArray[Any], got: npt.NDArray[Any], gram: Gram | None) -> float:
    """|W x - W' x| / |W x| over calibration inputs, |W - W'| / |W| without; 0 where W is."""
    whole = output_error(w, gram)
    error = output_error(w.astype(np.float64) - got, gram)
    if whole == 0:
        return 0.0 if error == 0 else float("inf")
    return float((error / whole) ** 0.5)
