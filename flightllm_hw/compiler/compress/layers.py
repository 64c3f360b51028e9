# SPDX-License-Identifier: Apache-2.0
"""Mixed precision by layer: bits for a few runs of layers, so that the least is lost.

Programs have a loop for each run of layers that are compressed alike, so there may be few. Within a
run each fused matrix has bits of its own::

    layer     0  1  2 │ 3  4  5  6  7
    k, v      4  4  4 │ 3  3  3  3  3
    q         4  4  4 │ 4  4  4  4  4
    o         4  4  4 │ 4  4  4  4  4     bits
    gate, up  3  3  3 │ 3  3  3  3  3
    down      6  6  6 │ 5  5  5  5  5

Where runs begin is found by a price for a bit. At a given price every matrix of a run has the bits
for which loss and price are least in all, and the cheapest runs follow from those of fewer layers::

    cheapest(runs, layers) = min over n of cheapest(runs - 1, n) + cost of layers n .. as one run

The higher the price, the fewer bits; the right one is the least at which they fit the average.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.precision import Sensitivity, choose_bits

__all__ = ["FUSED", "choose_bits_of_runs"]

FUSED = (("k", "v"), ("q",), ("o",), ("gate", "up"), ("down",))
"""Matrices of a layer that lanes have as one, and that are compressed alike."""

_HALVINGS = 60

Table = Mapping[str, Sensitivity]
Sizes = Mapping[str, int]
Array = npt.NDArray[Any]


def choose_bits_of_runs(table: Table, sizes: Sizes, average: float, runs: int) -> dict[str, int]:
    """Bits for each matrix, of no more than ``average`` a code, in at most ``runs`` runs of layers.

    Parameters
    ----------
    table : mapping of str to mapping of int to float
        Each matrix's loss by bits: of all layers, and of what else there is. All have the same
        choices.
    sizes : mapping of str to int
        Codes of each matrix.
    average : float
        Bits of all codes over their number, at most.
    runs : int

    Returns
    -------
    dict of str to int
        Of the choices at the corners of the lower hull of (bits, loss), the one of most bits that
        fits: no other of as many bits loses less. Bits that are left over are given away as
        :func:`~flightllm_hw.compiler.compress.precision.choose_bits` does. More runs never lose
        more.

    Raises
    ------
    ValueError
        If even the fewest bits are too many, or there are no runs.
    """
    if runs < 1:
        raise ValueError(f"Runs must be at least 1, not {runs}")
    found = []
    for most in range(1, runs + 1):
        for cuts in _cuts(table, sizes, average, most):
            together = _together(table, cuts)
            bits = choose_bits(*_summed(table, sizes, together), average)
            found.append({name: bits[first] for first, names in together.items()
                          for name in names})
    return min(found, key=lambda bits: sum(table[name][own] for name, own in bits.items()))


def _cuts(table: Table, sizes: Sizes, average: float, runs: int) -> Iterator[Sequence[int]]:
    """Where runs begin at the least price at which their bits fit, and at one that is too low."""
    budget = average * sum(sizes[name] for name in table)
    layers = _layers(table, sizes)
    # At the highest price no bit is worth it.
    low = 0.0
    high = sum(max(losses.values()) for losses in table.values()) / min(sizes.values())
    for _ in range(_HALVINGS):
        price = (low + high) / 2
        cuts = _cheapest(_costs(*layers, price), runs)
        fits = _spent(*_summed(table, sizes, _together(table, cuts)), price) <= budget
        low, high = (low, price) if fits else (price, high)
    for price in (high, low):
        yield _cheapest(_costs(*layers, price), runs)


def _cheapest(costs: Array, runs: int) -> Sequence[int]:
    """First layers of the cheapest runs, and the end; a run may be empty."""
    least, begins = costs[0], []
    for _ in range(runs - 1):
        longer = least[:, None] + costs
        begins.append(longer.argmin(axis=0))
        least = longer.min(axis=0)
    cuts = [len(costs) - 1]
    for begin in reversed(begins):
        cuts.append(int(begin[cuts[-1]]))
    return sorted({0, *cuts})


def _costs(bits: Array, losses: Array, codes: Array, price: float) -> Array:
    """What the layers from one to before another cost as one run."""
    paid = losses + price * codes[..., None] * bits
    before = np.concatenate([np.zeros_like(paid[:1]), paid.cumsum(axis=0)])
    costs = (before[None] - before[:, None]).min(axis=-1).sum(axis=-1)
    first, stop = np.indices(costs.shape)
    return np.where(first <= stop, costs, np.inf)


def _spent(losses: Table, codes: Sizes, price: float) -> int:
    """Bits that are worth their price."""
    return sum(codes[name] * min((loss + price * codes[name] * bits, bits)
                                 for bits, loss in own.items())[1]
               for name, own in losses.items())


# Matrices that have the same bits.

def _together(table: Table, cuts: Sequence[int]) -> dict[str, list[str]]:
    """Those of each run that are fused, and others alone, by the first of them."""
    found = [[f"layers.{n}.{tensor}" for n in range(*run) for tensor in names]
             for run in pairwise(cuts) for names in FUSED]
    found += [[name] for name in table if not name.startswith("layers.")]
    there = [[name for name in names if name in table] for names in found]
    return {names[0]: names for names in there if names}


def _summed(table: Table, sizes: Sizes, together: Mapping[str, Sequence[str]]
            ) -> tuple[dict[str, dict[int, float]], dict[str, int]]:
    """Their losses and codes."""
    losses = {first: {bits: sum(table[name][bits] for name in names) for bits in table[first]}
              for first, names in together.items()}
    return losses, {first: sum(sizes[name] for name in names) for first, names in together.items()}


def _layers(table: Table, sizes: Sizes) -> tuple[Array, Array, Array]:
    """Bits; what each layer's fused matrices lose at them; and their codes."""
    inside = {name: losses for name, losses in table.items() if name.startswith("layers.")}
    count = 1 + max(int(name.split(".")[1]) for name in inside)
    bits = sorted(next(iter(inside.values())))
    layers = [_summed(inside, sizes, _together(inside, (n, n + 1))) for n in range(count)]
    return (np.array(bits), np.array([[[own[b] for b in bits] for own in losses.values()]
                                      for losses, _ in layers]),
            np.array([list(codes.values()) for _, codes in layers]))
