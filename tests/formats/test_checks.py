# SPDX-License-Identifier: Apache-2.0
"""Complaints are one sentence: what, where, and what would be right."""

import numpy as np
import pytest

from flightllm_hw.formats import checks


def test_first_offender_is_named_by_its_index():
    x = np.array([[0, 1, 2], [3, 400, 500]])
    with pytest.raises(ValueError, match=r"^Codes must be in 0..9, but the element at \[1, 1\] "
                                         r"is 400$"):
        checks.require_within("Codes", x, 0, 9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_finite_are_named(bad):
    x = np.zeros((3, 4), np.float32)
    x[2, 1] = bad
    with pytest.raises(ValueError, match=rf"finite, but the element at \[2, 1\] is {bad}"):
        checks.require_finite("X", x)


@pytest.mark.parametrize("x, complaint", [
    ([1.0, 2.0], "must be a numpy array of float32, not list"),
    (np.zeros(3), "must be float32, not float64"),
    (np.zeros(3, ">f4"), "must be float32, not >f4"),
    (np.zeros((2, 2), np.float32), r"must have the shape \(K\), not \(2, 2\)"),
    (np.zeros(0, np.float32), r"at least one element, not have the shape \(0,\)"),
])
def test_arrays_of_another_kind_are_refused(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        checks.require_array("X", x, ("float32",), ("K",))


def test_scalars_are_no_arrays():
    with pytest.raises(ValueError, match="at least one element"):
        checks.require_array("X", np.array(1.0), ("float64",), None)


@pytest.mark.parametrize("value", [3, True, 4.0, "4", None])
def test_only_listed_numbers_are_chosen(value):
    with pytest.raises(ValueError, match="Bits must be one of 2, 4, not "):
        checks.require_choice("Bits", value, (2, 4))
    checks.require_choice("Bits", np.int64(4), (2, 4))


@pytest.mark.parametrize("value", [0, True, 1.0, None, 9])
def test_only_integers_in_range_are_taken(value):
    with pytest.raises(ValueError, match="N must be an integer in 1..8, not "):
        checks.require_integer("N", value, 1, 8)
    checks.require_integer("N", 8, 1, 8)


def test_integers_may_have_no_upper_end():
    checks.require_integer("N", 10 ** 30, 1)
    with pytest.raises(ValueError, match="N must be an integer of at least 1, not 0"):
        checks.require_integer("N", 0, 1)
