# SPDX-License-Identifier: Apache-2.0
"""Two products in one DSP."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import pack_pair, unpack_sums

INT8 = st.integers(-128, 127)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(st.tuples(INT8, INT8, INT8), min_size=1, max_size=8))
@example([(-128, -128, -128)] * 8)
@example([(-128, 127, -128)] * 8)
@example([(127, -128, -128)] * 8)
@example([(127, 127, -128)] * 8)
@example([(-128, -128, 127)] * 8)
def test_eight_products_unpack_exactly(products):
    lo, hi, x = (np.array(column) for column in zip(*products, strict=True))
    packed = pack_pair(lo.astype(np.int8), hi.astype(np.int8))
    p = sum(a * b for a, b in zip(packed.tolist(), x.tolist(), strict=True))
    got_lo, got_hi = unpack_sums(np.array([p]))
    assert got_lo[0] == sum(a * c for a, _, c in products)
    assert got_hi[0] == sum(b * c for _, b, c in products)


def test_every_lower_sum_with_a_remainder_unpacks():
    lo = np.arange(-130048, 131072 + 1023 + 1)
    for hi in (-130048, -1, 0, 1, 131072, 2 ** 29 - 1, -2 ** 29 + 1):
        got_lo, got_hi = unpack_sums(lo + hi * 2 ** 18)
        assert_array_equal(got_lo, lo)
        assert_array_equal(got_hi, np.full(lo.shape, hi))


def test_sums_just_outside_are_not_told_apart():
    lo, hi = unpack_sums(np.array([-130049, 132096]))
    assert lo.tolist() == [132095, -130048]
    assert hi.tolist() == [-1, 1]


def test_all_codes_pack_into_27_bits():
    lo, hi = (a.astype(np.int8) for a in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    packed = pack_pair(lo, hi)
    assert packed.dtype == np.int64
    assert packed.min() >= -2 ** 26 and packed.max() < 2 ** 26
    assert packed[0, 0] == -128 * 2 ** 18 - 128 and packed[0, 255] == -128 * 2 ** 18 + 127
    assert len(np.unique(packed)) == 2 ** 16


def test_bad_input_is_refused():
    codes = np.zeros(4, np.int8)
    with pytest.raises(ValueError, match="Upper codes must be int8, not int64"):
        pack_pair(codes, codes.astype(np.int64))
    with pytest.raises(ValueError, match=r"Upper codes must have the shape \(4,\) \(as the lower"):
        pack_pair(codes, codes[:3])
    for bad in (2 ** 47, -2 ** 47 - 1):
        with pytest.raises(ValueError, match=rf"Accumulators must be in .*\[1\] is {bad}"):
            unpack_sums(np.array([0, bad]))
    with pytest.raises(ValueError, match="Accumulators must be int64, not int32"):
        unpack_sums(np.zeros(2, np.int32))
