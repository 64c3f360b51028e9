# SPDX-License-Identifier: Apache-2.0
"""Block masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import block_mask, pack_mask, unpack_mask


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2 ** 32 - 1), st.integers(1, 5), st.integers(1, 9))
def test_blocks_hold_what_any_of_their_codes_is(seed, rows, columns):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 30, 2))
    x = (rng.integers(-8, 8, shape) * (rng.random(shape) < 0.05)).astype(np.int8)
    got = block_mask(x, rows, columns)
    assert got.shape == (-(-shape[0] // rows), -(-shape[1] // columns))
    for i in range(got.shape[0]):
        for j in range(got.shape[1]):
            block = x[i * rows:(i + 1) * rows, j * columns:(j + 1) * columns]
            assert got[i, j] == any(c != 0 for c in block.ravel().tolist())
    assert_array_equal(block_mask(x != 0, rows, columns), got)


def test_the_least_code_counts():
    x = np.zeros((4, 4), np.int8)
    x[3, 3] = -128
    assert block_mask(x, 2, 2).tolist() == [[False, False], [False, True]]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_bits_are_little_endian(mask):
    packed = pack_mask(np.array(mask))
    assert int.from_bytes(packed.tobytes(), "little") == sum(m << i for i, m in enumerate(mask))
    assert len(packed) == -(-len(mask) // 8)
    assert unpack_mask(packed, len(mask)).tolist() == mask


def test_rows_are_packed_apart(rng):
    mask = rng.random((3, 11)) < 0.5
    packed = pack_mask(mask)
    assert packed.shape == (3, 2)
    assert_array_equal(packed[1], pack_mask(mask[1]))
    assert_array_equal(unpack_mask(packed, 11), mask)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="Block rows must be an integer of at least 1, not 0"):
        block_mask(np.ones((2, 2), bool), 0, 2)
    with pytest.raises(ValueError, match="Block columns must be an integer of at least 1, not 2.0"):
        block_mask(np.ones((2, 2), bool), 2, 2.0)
    with pytest.raises(ValueError, match="Codes or mask must be bool or .*, not float64"):
        block_mask(np.ones((2, 2)), 2, 2)
    with pytest.raises(ValueError, match="Mask must be bool, not uint8"):
        pack_mask(np.ones(8, np.uint8))
    with pytest.raises(ValueError, match="Packed mask must have 2 bytes for 9 elements, not 1"):
        unpack_mask(np.ones(1, np.uint8), 9)
    with pytest.raises(ValueError, match="no bit set past its 3 elements"):
        unpack_mask(np.array([0b1000], np.uint8), 3)
