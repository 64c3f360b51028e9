# SPDX-License-Identifier: Apache-2.0
"""Sums in the one order: against loops that follow its drawing, and against float64."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.arithmetic import add, bits
from flightllm_hw.formats.fp32 import QUIET_NAN
from flightllm_hw.formats.reduction import ACCUMULATORS, BLOCK, tree_sum

LENGTHS = [*range(0, 40), 127, 128, 129, 143, 144, 145, 255, 256, 257, 1000, 4096, 4097]


def neighbours(values):
    """A binary tree by recursion."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return add(neighbours(values[:half]), neighbours(values[half:]))


def by_loops(x):
    """A block after the other, an element after the other."""
    accumulators = [np.float32(0)] * ACCUMULATORS
    for block, first in enumerate(range(0, len(x), BLOCK)):
        values = list(x[first:first + BLOCK])
        values += [np.float32(0)] * (BLOCK - len(values))
        at = block % ACCUMULATORS
        accumulators[at] = add(accumulators[at], neighbours(values))
    return neighbours(accumulators)


def by_rows(x, width):
    """The same from rows of ``width`` elements, as a machine has them: a block is 16 / W rows."""
    rows = np.pad(x, (0, -len(x) % width)).reshape(-1, width)
    sums = [neighbours(list(row)) for row in rows]
    each = BLOCK // width
    blocks = [neighbours(part + [np.float32(0)] * (each - len(part)))
              for part in (sums[n:n + each] for n in range(0, len(sums), each))]
    accumulators = [np.float32(0)] * ACCUMULATORS
    for n, block in enumerate(blocks):
        accumulators[n % ACCUMULATORS] = add(accumulators[n % ACCUMULATORS], block)
    return neighbours(accumulators)


def draw(rng, n):
    return (rng.normal(size=n) * np.exp(rng.normal(0, 4, n))).astype(np.float32)


@pytest.mark.parametrize("n", LENGTHS)
def test_the_order_is_the_drawn_one(n, rng):
    x = draw(rng, n)
    assert bits(tree_sum(x)) == bits(by_loops(x))


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16])
def test_no_width_changes_a_bit(width, rng):
    for n in (1, 7, 16, 33, 130, 1000):
        x = draw(rng, n)
        assert bits(tree_sum(x)) == bits(by_rows(x, width))


def test_another_order_would_differ(rng):
    x = draw(rng, (50, 1000))
    got = bits(tree_sum(x))
    assert (got != bits(tree_sum(x[:, ::-1]))).any()
    assert (got != bits(np.add.accumulate(x, axis=1)[:, -1])).any()
    assert (got != bits(x.sum(axis=1))).any()


@pytest.mark.parametrize("n, bound", [(1, 0), (100, 4), (4096, 7), (40_000, 17)])
def test_errors_are_those_of_few_additions(n, bound, rng):
    """Of positive numbers: 7 + n / 128 additions, each off by 2^-24 at most."""
    x = np.abs(draw(rng, (200, n)))
    want = x.astype(np.float64).sum(1)
    error = np.abs(tree_sum(x) - want) / want
    print(f"{n}: {error.max() / 2 ** -24:.2f} * 2^-24")
    assert error.max() <= bound * 2.0 ** -24


def test_sums_are_over_the_last_axis(rng):
    x = draw(rng, (3, 5, 77))
    got = tree_sum(x)
    assert got.shape == (3, 5) and got.dtype == np.float32
    for index in np.ndindex(3, 5):
        assert bits(got[index]) == bits(tree_sum(x[index]))
    assert tree_sum(np.zeros((4, 0), np.float32)).shape == (4,)


def test_special_values():
    x = np.zeros(300, np.float32)
    assert_array_equal(bits(tree_sum(-x)), 0)  # minus zeros meet a plus zero
    x[299] = np.inf
    assert tree_sum(x) == np.inf
    x[0] = -np.inf
    assert bits(tree_sum(x)) == QUIET_NAN
    x[0] = np.nan
    assert bits(tree_sum(x)) == QUIET_NAN
    tiny = np.full(40, 2.0 ** -127, np.float32)
    assert bits(tree_sum(tiny)) == 0  # flushed before they could add up
