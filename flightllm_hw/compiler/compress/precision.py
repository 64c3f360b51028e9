# SPDX-License-Identifier: Apache-2.0
r"""Mixed precision: bits for each matrix, so that the least is lost at an average of bits.

A matrix's sensitivity is what its compression to b bits loses, for each b. Lines from a point to
the next on the lower convex hull of (bits, loss) are steps; steps of all matrices are taken in the
order of what a bit gains::

    loss  │ x
          │   \         x          points above the hull are never chosen:
          │    \                   5 bits here
          │     x___
          │         ▔▔▔▔x_____x
          └──2──3──4──5──6──8──► bits
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.compressed import compress
from flightllm_hw.compiler.compress.gram import Gram, output_error
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.formats import CODE_BITS

__all__ = ["Loss", "Sensitivity", "choose_bits", "mix_precision", "sensitivity"]

Sensitivity = Mapping[int, float]
"""What is lost, by bits."""

Loss = Callable[[str, npt.NDArray[np.float32]], float]
"""What a model loses when the matrix of that name is this one."""


def sensitivity(name: str, w: npt.NDArray[Any], setting: Setting, gram: Gram | None,
                choices: Iterable[int] = CODE_BITS, loss: Loss | None = None) -> dict[int, float]:
    """What a matrix loses at each number of bits.

    Without ``loss``, its codes times |W x - W' x|^2 / |W x|^2: relative to its outputs, since norms
    and sums with other vectors follow, and as much for each code, so that matrices that many codes
    make up are not let down for small ones (``docs/compression.md`` compares). 0 for a matrix of
    zeros.

    Parameters
    ----------
    name : str
        What complaints are about.
    w : ndarray of floats, (rows, K)
    setting : Setting
        Everything but the bits.
    gram : ndarray of float64, (K, K), or None
        Of calibration inputs x; None: the matrices themselves are compared.
    choices : iterable of int
    loss : callable, optional
        From name and weights to what the model loses with them.
    """
    found = {}
    whole = output_error(w, gram) or 1.0
    for bits in choices:
        got = compress(name, w, replace(setting, bits=bits), gram).dequantize()
        found[bits] = w.size * output_error(w - got, gram) / whole if loss is None else (
            loss(name, got))
    return found


def choose_bits(table: Mapping[str, Sensitivity], sizes: Mapping[str, int],
                average: float) -> dict[str, int]:
    """Bits for each matrix, of no more than ``average`` a code.

    Parameters
    ----------
    table : mapping of str to mapping of int to float
        Each matrix's loss by bits.
    sizes : mapping of str to int
        Codes of each matrix.
    average : float
        Bits of all codes over their number, at most.

    Returns
    -------
    dict of str to int
        No other choice of no more bits **in all than this one has** loses less, as long as every
        step fitted; a step that does not fit is left out with the matrix's later ones, and smaller
        ones are still tried. The loss is less than that of the best choice plus what the first
        step that did not fit would have gained. Equal gains go in the table's order.

    Raises
    ------
    ValueError
        If even the fewest bits are too many, or there are no matrices.
    """
    if not table:
        raise ValueError("Bits can be chosen for at least one matrix, not for none")
    chosen = {name: min(losses) for name, losses in table.items()}
    budget = average * sum(sizes[name] for name in table)
    spent = sum(sizes[name] * bits for name, bits in chosen.items())
    if not spent <= budget:
        least = spent / sum(sizes[name] for name in table)
        raise ValueError(f"Average bits must be at least {least:g}, not {average:g}")
    steps = [(gain / sizes[name], name, bits) for name, losses in table.items()
             for gain, bits in _steps(losses)]
    stuck = set()
    for _, name, bits in sorted(steps, key=lambda step: -step[0]):
        more = sizes[name] * (bits - chosen[name])
        if name in stuck or spent + more > budget:
            stuck.add(name)
        else:
            chosen[name], spent = bits, spent + more
    return chosen


def _steps(losses: Sensitivity) -> Sequence[tuple[float, int]]:
    """Gain of each bit, and bits afterwards, of the steps along the lower hull; gains fall."""
    steps, at = [], min(losses)
    while better := [(losses[at] - losses[bits]) / (bits - at) for bits in losses if bits > at]:
        gain = max(better)
        if gain <= 0:
            break
        # The farthest of those on one line.
        at = max(bits for bits in losses
                 if bits > at and (losses[at] - losses[bits]) / (bits - at) == gain)
        steps.append((gain, at))
    return steps


def mix_precision(recipe: Recipe, table: Mapping[str, Sensitivity], sizes: Mapping[str, int],
                  average: float) -> Recipe:
    """The recipe with bits of :func:`choose_bits` for the matrices of the table."""
    return recipe.with_bits(choose_bits(table, sizes, average))
