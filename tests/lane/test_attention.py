# SPDX-License-Identifier: Apache-2.0
"""K and V as tapes: scores and weighted sums of any length, whatever lies behind the last position.

::

    K   a position a row:     rows 0 .. L-1 of row blocks of 2C rows    s_row = the position's
    V   a position a column:  columns 0 .. L-1 of tiles of 8 columns    s_row = 1

One image holds both for every length: K's first row blocks, the first beats of each row block of V.
Appends make that image position by position.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import Job
from support.full_size import U280, powered_up
from support.kv import Cache, tape_of

LANES = {"tiny": preset("tiny").lane, "u280": U280}
LENGTHS = 300
GROUP = 128
TILE = 8


def matrix(codes, row_scale):
    """An 8-bit dense matrix whose group scales are all 1."""
    rows, k = codes.shape
    return QuantizedWeights(codes=codes, zero=None, row_scale=row_scale, bits=8, group=GROUP,
                            group_scale=np.ones((rows, -(-k // GROUP)), np.uint16))


def tape(config, codes, row_scale):
    """(shape, beats by row block)."""
    shape, beats = encode(matrix(codes, row_scale), np.ones(codes.shape, bool), Pattern.DENSE,
                          config)
    return shape, beats.reshape(shape.row_blocks, -1, beats.shape[1])


def key_job(config, image, length):
    """The first positions of K: whole row blocks, the last of them up to its end."""
    shape, blocks = image
    blocks = blocks[:-(-length // config.tile_rows(Pattern.DENSE))]
    return Job(replace(shape, row_blocks=len(blocks)), blocks.reshape(-1, blocks.shape[-1]))


def value_beats(length):
    """Beats of a row block of V: row scales, then a scale beat a group and four beats a tile."""
    return 2 + -(-length // GROUP) + 4 * -(-length // TILE)


def value_job(image, length):
    """The first positions of V: whole tiles, the last of them up to its end."""
    shape, blocks = image
    groups = -(-length // GROUP)
    last = -(-(length - (groups - 1) * GROUP) // TILE)
    blocks = blocks[:, :value_beats(length)]
    return Job(replace(shape, groups=groups, last_tiles=last),
               np.ascontiguousarray(blocks).reshape(-1, blocks.shape[-1]))


def draw_cache(rng, head, length=LENGTHS):
    """K and V, (positions, head) each, and the scales of K's positions."""
    k, v = rng.integers(-128, 128, (2, length, head)).astype(np.int8)
    return k, v, rng.uniform(0.001, 0.1, length).astype(np.float32)


def draw_tokens(rng, low, k):
    """Codes from ``low`` on and scales: of a query, or of four that share a head."""
    tokens = int(rng.choice([1, 4]))
    x = rng.integers(low, 128, (tokens, k)).astype(np.int8)
    return x, rng.uniform(0.001, 0.1, tokens).astype(np.float32)


def plain(x, codes, row_scale, scales):
    """FP32 of the integer dot products of ``x`` and rows of codes, times both scales."""
    sums = x.astype(np.int64) @ codes.T.astype(np.int64)
    assert abs(sums).max() < 1 << 24
    return sums.astype(np.float32) * (row_scale[None] * scales[:, None])


def require(bench, job, x, scales, want, **options):
    """Every bit of the rows that count; what other rows give is nobody's business."""
    (found,), _ = bench.run([job], x, scales, **options)
    got = found["values"][:, :want.shape[1]]
    np.testing.assert_array_equal(got.view(np.uint32), want.view(np.uint32))


@pytest.mark.parametrize("name", LANES)
@settings(max_examples=25, deadline=None)
@given(length=st.integers(1, LENGTHS), head=st.sampled_from([8, 20, 48, 64, 128]),
       seed=st.integers(0, 1 << 30))
def test_scores_and_sums_are_those_of_plain_integers(name, length, head, seed):
    config, rng = LANES[name], np.random.default_rng(seed)
    bench = powered_up(config=config)
    k, v, s_k = draw_cache(rng, head, length)
    q, s_q = draw_tokens(rng, -127, head)
    require(bench, key_job(config, tape(config, k, s_k), length), q, s_q, plain(q, k, s_k, s_q))
    p, s_p = draw_tokens(rng, 0, length)
    ones = np.ones(head, np.float32)
    require(bench, value_job(tape(config, np.ascontiguousarray(v.T), ones), length), p, s_p,
            plain(p, v.T, ones, s_p))


@pytest.mark.parametrize("name", LANES)
def test_one_image_serves_every_length(name, rng):
    # Later positions stay where they are, in the last tile among them.
    config = LANES[name]
    bench = powered_up(config=config)
    head = 64
    k, v, s_k = draw_cache(rng, head)
    ones = np.ones(head, np.float32)
    keys, values = tape(config, k, s_k), tape(config, np.ascontiguousarray(v.T), ones)
    for length in [*range(1, 20), *(int(n) for n in rng.integers(20, LENGTHS, 20)), LENGTHS]:
        q, s_q = draw_tokens(rng, -127, head)
        require(bench, key_job(config, keys, length), q, s_q,
                plain(q, k[:length], s_k[:length], s_q))
        p, s_p = draw_tokens(rng, 0, length)
        require(bench, value_job(values, length), p, s_p, plain(p, v[:length].T, ones, s_p))


def codes_of(beats):
    """Codes of tile beats, by row and column: (tiles, rows, 8)."""
    return beats.reshape(-1, beats.shape[1] // 2, TILE)


def spoil_rows(rng, block, first):
    """Random bits wherever a row block of one group holds something of rows from ``first`` on."""
    spoilt = block.copy()
    rows = block.shape[1] // 2
    scales = spoilt[:2].view(np.uint32).T.reshape(-1)
    scales[first:] = rng.integers(0, 1 << 32, rows - first, dtype=np.uint32)
    spoilt[:2] = np.ascontiguousarray(scales.reshape(-1, 2).T).view(np.uint8)
    spoilt[2].view(np.uint16)[first:] = rng.integers(0, 1 << 16, rows - first, dtype=np.uint16)
    tiles = codes_of(spoilt[3:])
    tiles[:, first:] = rng.integers(0, 256, tiles[:, first:].shape)
    return spoilt


def spoil_columns(rng, block, first):
    """Random bits for columns from ``first`` on of a row block's last tile."""
    spoilt = block.copy()
    tile = codes_of(spoilt[-4:])
    tile[..., first:] = rng.integers(0, 256, tile[..., first:].shape)
    return spoilt


@pytest.mark.parametrize("name", LANES)
def test_what_no_position_has_written_does_not_matter(name, rng):
    config = LANES[name]
    bench = powered_up(config=config)
    head, rows = 48, config.tile_rows(Pattern.DENSE)
    ones = np.ones(head, np.float32)
    for length in (int(n) for n in rng.integers(1, LENGTHS, 30)):
        k, v, s_k = draw_cache(rng, head, length)
        # Row and group scales of any bits, NaN and infinities among them.
        shape, blocks = tape(config, k, s_k)
        spoilt = blocks.copy()
        spoilt[-1] = spoil_rows(rng, blocks[-1], length - (len(blocks) - 1) * rows)
        assert length % rows == 0 or not np.array_equal(spoilt, blocks)
        q, s_q = draw_tokens(rng, -127, head)
        require(bench, key_job(config, (shape, spoilt), length), q, s_q, plain(q, k, s_k, s_q))

        shape, blocks = tape(config, np.ascontiguousarray(v.T), ones)
        used = length % TILE or TILE
        spoilt = np.stack([spoil_columns(rng, block, used) for block in blocks])
        assert used == TILE or not np.array_equal(spoilt, blocks)
        p, s_p = draw_tokens(rng, 0, length)
        require(bench, value_job((shape, spoilt), length), p, s_p, plain(p, v.T, ones, s_p))


def test_garbage_in_a_position_that_counts_does_matter(rng):
    # The helpers reach what they name, and the comparison sees it.
    config = LANES["tiny"]
    bench = powered_up(config=config)
    head = 48
    k, v, s_k = draw_cache(rng, head, 4)
    x, one = np.full((1, head), 127, np.int8), np.ones(1, np.float32)
    shape, blocks = tape(config, k, s_k)
    spoilt = spoil_rows(rng, blocks[0], 3)[None]
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 4 "):
        require(bench, key_job(config, (shape, spoilt), 4), x, one, plain(x, k, s_k, one))
    x, ones = x[:, :4], np.ones(head, np.float32)
    shape, blocks = tape(config, np.ascontiguousarray(v.T), ones)
    spoilt = np.stack([spoil_columns(rng, block, 3) for block in blocks])
    with pytest.raises(AssertionError, match="Mismatched elements: 4[5-8] / 48 "):
        require(bench, value_job((shape, spoilt), 4), x, one, plain(x, v.T, ones, one))


@pytest.mark.parametrize("name", LANES)
@pytest.mark.parametrize("head", [20, 128])
def test_positions_that_bytes_have_written_are_seen(name, head, rng):
    # In the home of a sequence that came before, which nobody has cleared.
    config = LANES[name]
    bench = powered_up(config=config)
    cache = Cache(config, head, LENGTHS)
    for position, (key, value, scale) in enumerate(zip(*draw_cache(rng, head), strict=True)):
        cache.append(position, key, scale, value)
    k, v, s_k = draw_cache(rng, head)
    ones = np.ones(head, np.float32)
    lengths = {1, 2, 8, 9, 33, 128, 129, LENGTHS, *(int(n) for n in rng.integers(1, LENGTHS, 5))}
    for position in range(LENGTHS):
        cache.append(position, k[position], s_k[position], v[position])
        length = position + 1
        if length not in lengths:
            continue
        q, s_q = draw_tokens(rng, -127, head)
        job = Job(cache.k.shape(length), tape_of(cache.keys, cache.k, length))
        require(bench, job, q, s_q, plain(q, k[:length], s_k[:length], s_q))
        p, s_p = draw_tokens(rng, 0, length)
        job = Job(cache.v.shape(length), tape_of(cache.values, cache.v, length))
        require(bench, job, p, s_p, plain(p, v[:length].T, ones, s_p))


def quantize(x):
    """(codes, scales) of rows."""
    scale = (abs(x).max(axis=1) / 127).astype(np.float32)
    return np.rint(x / scale[:, None]).astype(np.int8), scale


@pytest.mark.parametrize("length", [1, 37, 300])
def test_attention_comes_close_to_that_of_floats(length, rng):
    # Four queries that share a head; the softmax in one pass, as the numeric contract has it.
    head, config = 128, U280
    bench = powered_up(config=config)
    q, k, v = (rng.standard_normal((n, head)) for n in (4, length, length))
    (q_codes, s_q), (k_codes, s_k), (v_codes, s_v) = quantize(q), quantize(k), quantize(v)
    (scores,), _ = bench.run([key_job(config, tape(config, k_codes, s_k), length)], q_codes,
                             (s_q / np.sqrt(head)).astype(np.float32))
    scores = scores["values"][:, :length]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    c = s_v.max() / 127
    p = np.rint(e * s_v / c).astype(np.int8)
    image = tape(config, np.ascontiguousarray(v_codes.T), np.ones(head, np.float32))
    (sums,), _ = bench.run([value_job(image, length)], p, (c / e.sum(axis=1)).astype(np.float32))
    exact = q @ k.T / np.sqrt(head)
    exact = np.exp(exact - exact.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    assert abs(sums["values"][:, :head] - exact @ v).max() < 0.05
