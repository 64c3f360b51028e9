# SPDX-License-Identifier: Apache-2.0
"""Tiles as bit-planes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from flightllm_hw.formats import code_range, pack_planes, unpack_planes


@st.composite
def tiles(draw):
    bits, signed = draw(st.integers(1, 8)), draw(st.booleans())
    n, width = draw(st.integers(1, 3)), 8 * draw(st.integers(1, 5))
    low, high = code_range(bits, signed)
    codes = draw(st.lists(st.integers(low, high), min_size=n * width, max_size=n * width))
    return np.array(codes).reshape(n, width).astype(np.int8 if signed else np.uint8), bits


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tiles())
def test_planes_hold_each_bit_in_its_place(drawn):
    codes, bits = drawn
    planes = pack_planes(codes, bits)
    assert planes.dtype == np.uint8 and planes.shape == (len(codes), bits, codes.shape[1] // 8)
    for tile, packed in zip(codes.tolist(), planes, strict=True):
        for j in range(bits):
            want = sum((code >> j & 1) << i for i, code in enumerate(tile))
            assert int.from_bytes(packed[j].tobytes(), "little") == want


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tiles())
def test_unpacking_gives_the_codes_back(drawn):
    codes, bits = drawn
    got = unpack_planes(pack_planes(codes, bits), bits, signed=codes.dtype == np.int8)
    assert got.dtype == codes.dtype
    assert_array_equal(got, codes)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_every_code_of_every_width_survives(bits, signed):
    low, high = code_range(bits, signed)
    codes = np.resize(np.arange(low, high + 1), (1, 256)).astype(np.int8 if signed else np.uint8)
    assert_array_equal(unpack_planes(pack_planes(codes, bits), bits, signed), codes)


def test_a_tile_by_hand():
    codes = np.array([[1, -2, 0, 0, 0, 0, 0, -1]], np.int8)
    assert pack_planes(codes, 2).tolist() == [[[0b1000_0001], [0b1000_0010]]]


def test_strided_tiles_are_taken(rng):
    codes = rng.integers(-4, 4, (16, 6)).astype(np.int8).T
    assert_array_equal(unpack_planes(pack_planes(codes, 3), 3, True), codes)


@pytest.mark.parametrize("codes, bits, complaint", [
    (np.zeros((2, 12), np.int8), 4, "width that is a multiple of 8, not 12"),
    (np.full((1, 8), 8, np.int8), 4, r"Signed 4-bit codes must be in -8..7, .* \[0, 0\] is 8"),
    (np.full((1, 8), -9, np.int8), 4, "in -8..7, .* is -9"),
    (np.full((1, 8), 16, np.uint8), 4, "Unsigned 4-bit codes must be in 0..15, .* is 16"),
    (np.zeros((1, 8), np.int8), 9, "Code bits must be an integer in 1..8, not 9"),
    (np.zeros((1, 8), np.int16), 4, "must be int8 or uint8, not int16"),
    (np.zeros(8, np.int8), 4, r"must have the shape \(n, width\), not \(8,\)"),
    (np.zeros((0, 8), np.int8), 4, "at least one element"),
])
def test_bad_tiles_are_refused(codes, bits, complaint):
    with pytest.raises(ValueError, match=complaint):
        pack_planes(codes, bits)


def test_bad_planes_are_refused():
    with pytest.raises(ValueError, match="Planes of 4-bit codes must number 4 in a tile, not 3"):
        unpack_planes(np.zeros((1, 3, 2), np.uint8), 4, True)
    with pytest.raises(ValueError, match="Planes must be uint8, not int8"):
        unpack_planes(np.zeros((1, 3, 2), np.int8), 3, True)
