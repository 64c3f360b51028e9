# SPDX-License-Identifier: Apache-2.0
"""Arrays of payloads to words and back."""

import numpy as np
import pytest
from amaranth.hdl import Value, signed, unsigned
from amaranth.lib import data, enum
from numpy.testing import assert_array_equal

from flightllm_hw.sim.words import from_items, pack, to_items, unpack, word_count


class Kind(enum.Enum, shape=3):
    """Some choice."""

    A = 1
    B = 6


class Slot(data.Struct):
    """A structure with a hole-free odd width."""

    code: signed(5)
    kind: Kind
    pair: data.ArrayLayout(unsigned(3), 2)


TILE = data.StructLayout({"rows": data.ArrayLayout(data.ArrayLayout(Slot, 8), 16), "last": 1})


def draw_tiles(rng, count):
    grid = (count, 16, 8)
    return {"rows": {"code": rng.integers(-16, 16, grid), "kind": rng.choice([1, 6], grid),
                     "pair": rng.integers(0, 8, (*grid, 2))},
            "last": rng.integers(0, 2, count)}


def assert_equal_nested(got, want):
    assert type(got) is type(want)
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for key in want:
            assert_equal_nested(got[key], want[key])
    else:
        assert_array_equal(got, want)


def test_structures_pack_as_amaranth_lays_them_out(rng):
    tiles = draw_tiles(rng, 3)
    words = pack(TILE, tiles)
    assert words.shape == (3, word_count(TILE)) and words.dtype == np.uint32
    for n in range(3):
        rows = tiles["rows"]
        constant = TILE.const({
            "last": int(tiles["last"][n]),
            "rows": [[{"code": int(rows["code"][n, y, x]), "kind": Kind(rows["kind"][n, y, x]),
                       "pair": [int(p) for p in rows["pair"][n, y, x]]}
                      for x in range(8)] for y in range(16)]})
        assert int.from_bytes(words[n].tobytes(), "little") == Value.cast(constant).value
    assert_equal_nested(unpack(TILE, words), tiles)


@pytest.mark.parametrize("shape, values", [
    (8, [0, 255, 7]),
    (signed(8), [-128, 127, -1]),
    (1, [0, 1, 1]),
    (32, [0, 0xFFFFFFFF, 5]),
    (signed(33), [-1 << 32, (1 << 32) - 1, 0]),
    (64, [0, (1 << 64) - 1, 1]),
    (signed(64), [-1 << 63, (1 << 63) - 1, -1]),
])
def test_integers_come_back(shape, values):
    words = pack(shape, values)
    assert [int(x) for x in unpack(shape, words)] == values
    assert to_items(shape, words) == values
    assert_array_equal(from_items(shape, values), words)


def test_wide_fields_are_words_or_big_integers(rng):
    words = rng.integers(0, 1 << 32, (5, 4), dtype=np.uint32)
    words[:, 3] &= 0xF
    assert_array_equal(pack(100, words), words)
    assert_array_equal(unpack(100, words), words)
    assert_array_equal(pack(100, to_items(100, words)), words)
    assert_array_equal(pack(100, [1 << 99])[0], [0, 0, 0, 8])
    layout = data.StructLayout({"a": 3, "wide": signed(70)})
    got = unpack(layout, pack(layout, {"a": [5], "wide": [-1]}))
    assert got["a"] == 5
    assert_array_equal(got["wide"], [[0xFFFFFFFF, 0xFFFFFFFF, 0x3F]])


def test_absent_fields_and_axes():
    layout = data.StructLayout({"a": 4, "b": data.ArrayLayout(4, 3)})
    assert_array_equal(pack(layout, {"b": np.array([1, 2, 3])}), [0x3210])
    assert pack(layout, {"a": np.ones((2, 5), int)}).shape == (2, 5, 1)
    assert pack(layout, {"a": []}).shape == (0, 1)
    records = np.zeros(2, [("a", "u1"), ("b", "u1", (3,))])
    records["a"], records["b"][1] = 1, [4, 5, 6]
    assert_array_equal(pack(layout, records)[:, 0], [1, 0x6541])


def test_items_of_the_other_simulator():
    items = [{"code": -3, "kind": Kind.B, "pair": [1, 2]}, {"code": 15, "kind": Kind.A}]
    words = from_items(Slot, items)
    back = to_items(Slot, words)
    assert (back[0].code, back[0].kind, back[0].pair[1], back[1].code) == (-3, Kind.B, 2, 15)
    assert_array_equal(from_items(Slot, back), words)
    assert from_items(Kind, [Kind.B, Kind.A]).tolist() == [[6], [1]]


def test_unions_take_any_member():
    layout = data.UnionLayout({"whole": 16, "halves": data.ArrayLayout(8, 2)})
    got = unpack(layout, pack(layout, {"halves": [[1, 2]]}))
    assert got["whole"] == 0x201


@pytest.mark.parametrize("shape, values, sentence", [
    (signed(4), [8], r"must be in -8\.\.7, not in 8\.\.8"),
    (TILE, {"last": [2]}, r"Values\.last must be in 0\.\.1"),
    (TILE, {"lost": [2]}, "no field 'lost'; there are"),
    (TILE, {"rows": {"code": np.zeros((1, 8, 16), int)}}, r"must end in axes \(16, 8\)"),
    (Slot, {"code": [1, 2], "kind": [1]}, r"first axes \(1,\), but those before have \(2,\)"),
    (8, [0.5], "must be integers, not float64"),
    (40 + 30, np.full((1, 3), 0xFF, np.uint32), "must fit 70 bits"),
])
def test_what_does_not_fit_is_named(shape, values, sentence):
    with pytest.raises(ValueError, match=sentence):
        pack(shape, values)


def test_rows_of_the_wrong_length_are_named():
    with pytest.raises(ValueError, match="an axis of 2, not be of shape"):
        unpack(40, np.zeros((3, 1), np.uint32))
