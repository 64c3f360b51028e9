# SPDX-License-Identifier: Apache-2.0
"""Homes of keys and values: what appends leave there is the encoder's tape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.compiler.kv import KeyHome, Place, ValueHome
from flightllm_hw.compiler.tape import encode
from flightllm_hw.config import LaneConfig
from flightllm_hw.formats import QuantizedWeights
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from support.kv import Cache, tape_of

LANES = {n: LaneConfig(chains=n) for n in (1, 2, 4, 8, 16)}


def tape(config, codes, row_scale, group):
    """Of an 8-bit dense matrix whose group scales are all 1."""
    rows, k = codes.shape
    weights = QuantizedWeights(codes=codes, zero=None, row_scale=row_scale, bits=8, group=group,
                               group_scale=np.ones((rows, -(-k // group)), np.uint16))
    return encode(weights, np.ones(codes.shape, bool), Pattern.DENSE, config)


def draw(rng, head, length):
    """Keys, their scales, values."""
    k, v = rng.integers(-128, 128, (2, length, head)).astype(np.int8)
    return k, rng.uniform(0.001, 0.1, length).astype(np.float32), v


def filled(config, head, context, k, scales, v, order, **options):
    cache = Cache(config, head, context, **options)
    for position in order:
        cache.append(int(position), k[position], scales[position], v[position])
    return cache


def whole(x, rows):
    """``x`` with zeros up to whole row blocks."""
    return np.pad(x, [(0, -len(x) % rows)] + [(0, 0)] * (x.ndim - 1))


def group_of_keys(head):
    return 128 if head <= 128 else 32


homes = {"chains": st.sampled_from(sorted(LANES)), "head": st.integers(1, 300),
         "context": st.integers(1, 400), "group": st.sampled_from([64, 128]),
         "seed": st.integers(0, 1 << 30)}


@settings(max_examples=150, deadline=None)
@given(**homes)
def test_appended_positions_are_the_encoders_tape(chains, head, context, group, seed):
    # In any order, and whatever the places have held before.
    config, rng = LANES[chains], np.random.default_rng(seed)
    rows = config.tile_rows(Pattern.DENSE)
    k, scales, v = draw(rng, head, context)
    old = draw(rng, head, context)
    cache = filled(config, head, context, *old, range(context), group=group)
    for position in rng.permutation(context):
        cache.append(int(position), k[position], scales[position], v[position])

    shape, want = tape(config, whole(k, rows), whole(scales, rows), group_of_keys(head))
    assert cache.k.beats == len(cache.keys)
    np.testing.assert_array_equal(cache.keys, want)
    assert cache.k.shape(context) == shape

    elements = whole(np.ascontiguousarray(v.T), rows)
    shape, want = tape(config, elements, np.ones(len(elements), np.float32), group)
    assert cache.v.beats == len(cache.values)
    np.testing.assert_array_equal(cache.values, want)
    assert cache.v.shape(context) == shape


@settings(max_examples=150, deadline=None)
@given(**homes, part=st.floats(0, 1))
def test_pieces_are_the_tape_of_any_length(chains, head, context, group, seed, part):
    config, rng = LANES[chains], np.random.default_rng(seed)
    rows = config.tile_rows(Pattern.DENSE)
    length = max(1, round(part * context))
    k, scales, v = draw(rng, head, length)
    cache = filled(config, head, context, k, scales, v, range(length), group=group)

    shape, want = tape(config, whole(k, rows), whole(scales, rows), group_of_keys(head))
    np.testing.assert_array_equal(tape_of(cache.keys, cache.k, length), want)
    assert cache.k.shape(length) == shape

    elements = whole(np.ascontiguousarray(v.T), rows)
    shape, want = tape(config, elements, np.ones(len(elements), np.float32), group)
    np.testing.assert_array_equal(tape_of(cache.values, cache.v, length), want)
    assert cache.v.shape(length) == shape


def test_groups_of_values_can_be_left_out(rng):
    config = LANES[4]
    k, scales, v = draw(rng, 20, 300)
    cache = filled(config, 20, 400, k, scales, v, range(300), group=64)
    # All but positions 64 to 191, region by region.
    regions = [cache.values[at:at + cache.v.region_beats]
               for at in range(0, cache.v.beats, cache.v.region_beats)]
    group, ends = cache.v.group_beats, cache.v.pieces(300)[0].beats
    found = [part for region in regions
             for part in (region[:2 + group], region[2 + 3 * group:ends])]
    elements = whole(np.ascontiguousarray(np.concatenate([v[:64], v[192:]]).T), 8)
    _, want = tape(config, elements, np.ones(len(elements), np.float32), 64)
    np.testing.assert_array_equal(np.concatenate(found), want)


def test_shapes_are_those_of_real_matrices():
    config = preset("u280").lane
    k, scales, v = draw(np.random.default_rng(0), 100, 45)
    home = KeyHome(config=config, head=100, context=64)
    assert home.shape(45) == tape(config, k, scales, 128)[0]
    values = ValueHome(config=config, head=100, context=64)
    ones = np.ones(100, np.float32)
    assert values.shape(45) == tape(config, np.ascontiguousarray(v.T), ones, 128)[0]


def test_where_things_lie_in_a_full_size_lane():
    # Position 77 is row 13 of row block 2, column 5 of tile 9 of group 0; 200 that of group 1.
    config = preset("u280").lane
    k = KeyHome(config=config, head=128, context=2048)
    assert (k.row_block_beats, k.beats) == (2 + 1 + 64, 64 * 67)
    assert k.place(77) == Place(address=2 * 67 + 3 + 1, high=16, low=4, place=5)
    assert k.scale_word(77) == (2 * 67 + 1) * 16 + 6
    v = ValueHome(config=config, head=128, context=2048)
    assert (v.region_beats, v.beats) == (2 + 16 + 1024, 4 * 1042)
    assert v.place(77) == Place(address=3 + 36, high=1042, low=1, place=5)
    assert v.place(200) == Place(address=4 + 100, high=1042, low=1, place=0)
    long = replace(k, head=256)
    assert long.place(0) == Place(address=3, high=17, low=4, place=0)


def test_a_position_touches_its_own_bytes_alone(rng):
    config = LANES[4]
    k, scales, v = draw(rng, 40, 30)
    cache = filled(config, 40, 30, k, scales, v, range(30))
    keys, values = cache.keys.copy(), cache.values.copy()
    cache.append(17, ~k[17], np.float32(2), ~v[17])
    # 40 bytes, and the four of 2.0 and a scale between 0.001 and 0.1.
    assert 40 < (cache.keys != keys).sum() <= 44
    assert (cache.values != values).sum() == 40


@pytest.mark.parametrize("home", [KeyHome, ValueHome])
def test_what_is_no_home_is_refused(home):
    for name in ("head", "context"):
        with pytest.raises(ValueError, match=f"Home's {name} must be at least 1, not 0"):
            home(**{"config": LANES[4], "head": 8, "context": 8, name: 0})
    with pytest.raises(ValueError, match="at most 16 chains, not 32"):
        home(config=LaneConfig(chains=32), head=8, context=8)
    some = home(config=LANES[4], head=8, context=8)
    for length in (0, 9):
        with pytest.raises(ValueError, match=f"length must be in 1..8, not {length}"):
            some.pieces(length)
    for position in (-1, 8):
        with pytest.raises(ValueError, match=f"position must be in 0..7, not {position}"):
            some.place(position)
