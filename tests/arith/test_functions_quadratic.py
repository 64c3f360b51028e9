# SPDX-License-Identifier: Apache-2.0
"""Polynomials in hardware against their definition, whatever signs and widths."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.arith.quadratic import PolynomialConfig, QuadraticPolynomial, polynomial
from flightllm_hw.formats.functions.quadratic import Quadratic, Table
from flightllm_hw.sim import verilator

SHORT = Quadratic(d_bits=12, point_0=20, point_1=20, point_2=22, slope_point=24)
EDGE = Quadratic(d_bits=18, point_0=26, point_1=25, point_2=26, slope_point=27)
LONG = Quadratic(d_bits=23, point_0=25, point_1=25, point_2=24, slope_point=26)


def draw(quadratic, signs, rng):
    """A table of random rows within the slices' widths, their extremes among them."""
    limits = [(1 << bits) - 1 for bits in (24, 21, 12)]
    columns = []
    for limit, signed in zip(limits, signs, strict=True):
        low = -limit - 1 if signed else 0
        column = rng.integers(low, limit + 1, 64)
        column[:8] = np.tile([low, limit], 4)
        columns.append(rng.permutation(column).tolist())
    return Table(quadratic, tuple(zip(*columns, strict=True)))


@pytest.mark.parametrize("quadratic", [SHORT, EDGE, LONG], ids=["short", "edge", "long"])
@pytest.mark.parametrize("signs", [(False, False, False), (True, True, True), (False, True, False),
                                   (True, False, True)])
def test_every_row_and_inverted(quadratic, signs, rng):
    table = draw(quadratic, signs, rng)
    dut = QuadraticPolynomial(polynomial(table))
    assert dut.latency == (7 if quadratic.is_split else 6)
    sim = verilator.compile(dut)

    n, half = 20_000, 1 << quadratic.d_bits - 1
    row, invert = rng.integers(len(table.rows), size=n), rng.integers(2, size=n)
    d = np.where(rng.random(n) < 0.2, rng.choice([-half, -1, 0, half - 1], n),
                 rng.integers(-half, half, n))
    words = np.array([[word & 0xFFFF_FFFF, word >> 32] for word in table.words], np.uint32)[row]
    if dut.config.width <= 32:
        words = words[:, :1]
    late = dut.latency

    def padded(x):
        return np.concatenate([x, np.zeros((late, *x.shape[1:]), x.dtype)])

    got = sim.run({"word": padded(words), "d": padded((d % (2 * half)).astype(np.uint32)),
                   "invert": padded(invert.astype(np.uint32))})["o"][late:]
    f = table.evaluate(row, d)
    want = np.where(invert == 1, ~f, f) & (1 << 48) - 1
    assert_array_equal(got[:, 0] | got[:, 1].astype(np.int64) << 32, want)


def test_a_parabola_is_fitted_exactly():
    """x^2 from 0 to 2 is (d + 1)^2; the rounding's half is another 2^-5."""
    assert SHORT.fit(lambda x: x * x, Decimal(0), Decimal(2)) == (1 << 20, 2 << 20, 1 << 22)
    assert replace(SHORT, round_to=4).fit(lambda x: x * x, Decimal(0), Decimal(2)) == (
        (1 << 20) + (1 << 15), 2 << 20, 1 << 22)


def test_widths_are_checked():
    with pytest.raises(ValueError, match="d of 2 to 34 bits, not 35"):
        PolynomialConfig(quadratic=Quadratic(d_bits=35, point_0=25, point_1=25, point_2=24,
                                             slope_point=26), shapes=((9, False),) * 3)
    with pytest.raises(ValueError, match="c2 of less than 27 bits and a sign, not 27"):
        PolynomialConfig(quadratic=SHORT, shapes=((9, False), (9, False), (27, False)))
