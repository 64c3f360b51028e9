# SPDX-License-Identifier: Apache-2.0
"""The reference card's lane: right for every shape and format, and as fast as the docs say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.compiler.tape import block_tiles, header_groups
from flightllm_hw.estimate.tape import Product
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.weight import CODE_BITS, GROUP_SIZES
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import Job
from flightllm_hw.sim.lane_measure import drain, measure, pause
from flightllm_hw.sim.traffic import TRAFFIC
from support.full_size import HBM, MEMORIES, U280, powered_up
from support.lanes import check, draw_scales
from support.tapes import draw_tape


def fits(pattern, bits, group):
    """Whether the tape has a place for a format."""
    tiles = group // U280.tile_columns(pattern)
    pairs = header_groups(pattern, U280) * tiles % (2 * block_tiles(pattern)) == 0
    return tiles >= 2 and (bits % 2 == 0 or pairs)


FORMATS = [(pattern, bits, group) for pattern in U280.patterns for bits in CODE_BITS
           for group in GROUP_SIZES if fits(pattern, bits, group)]


def draw_jobs(rng, sizes, formats, extras):
    """(weights, mask, Job) of random matrices: (rows, K), formats, (zero point, masked) each."""
    drawn = []
    for (rows, k), (pattern, bits, group), (zero_point, masked) in zip(sizes, formats, extras,
                                                                       strict=True):
        *matrix, shape, beats = draw_tape(rng, U280, pattern, rows, k, bits, group, zero_point,
                                          masked)
        drawn.append((*matrix, Job(shape, beats)))
    return drawn


def draw_tokens(rng, tokens, k):
    """Activations, extremes among them."""
    some = rng.integers(-127, 128, (tokens, k))
    return np.where(rng.random((tokens, k)) < 0.2, rng.choice([-127, 127], (tokens, k)),
                    some).astype(np.int8)


@pytest.mark.parametrize("memory", MEMORIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_shapes_one_after_another(memory, data):
    timing, options = MEMORIES[memory]
    bench = powered_up(timing, **options)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    count = data.draw(st.integers(1, 4))
    sizes = [(data.draw(st.integers(1, 200)), data.draw(st.integers(1, 1100)))
             for _ in range(count)]
    formats = [data.draw(st.sampled_from(FORMATS)) for _ in range(count)]
    extras = [(data.draw(st.booleans()), data.draw(st.booleans())) for _ in range(count)]
    drawn = draw_jobs(rng, sizes, formats, extras)
    # Behind a matrix's last column are activations of others.
    x = draw_tokens(rng, data.draw(st.integers(1, 16)), max(k for _, k in sizes))
    check(bench, drawn, x, draw_scales(rng, len(x)), address=64 * data.draw(st.integers(0, 2000)),
          word=data.draw(st.integers(0, U280.window_words - 1)),
          scale_bank=data.draw(st.integers(0, 1)), pieces=data.draw(st.integers(1, 5)),
          traffic=data.draw(st.sampled_from(TRAFFIC)))


@pytest.mark.parametrize("zero_point", [False, True], ids=["signed", "zero-point"])
@pytest.mark.parametrize("pattern", U280.patterns, ids=str)
def test_every_format(pattern, zero_point, rng):
    formats = [f for f in FORMATS if f[0] is pattern]
    assert {bits for _, bits, _ in formats} == set(CODE_BITS)
    masked = rng.random(len(formats)) < 0.5
    sizes = [(int(rng.integers(1, 80)), int(rng.integers(1, 600))) for _ in formats]
    drawn = draw_jobs(rng, sizes, formats, [(zero_point, bool(m)) for m in masked])
    x = draw_tokens(rng, int(rng.integers(1, 17)), 600)
    check(powered_up(HBM), drawn, x, draw_scales(rng, len(x)))


def test_dense_matrices_take_every_group():
    assert {(bits, group) for pattern, bits, group in FORMATS if pattern is Pattern.DENSE} == {
        (bits, group) for bits in CODE_BITS for group in GROUP_SIZES}


# The figures of docs/lane.md.

@pytest.mark.parametrize("pattern, bits, rows", [
    (Pattern.DENSE, 4, 4096), (Pattern.DENSE, 2, 1024), (Pattern.DENSE, 3, 1024),
    (Pattern.DENSE, 5, 1024), (Pattern.DENSE, 6, 1024), (Pattern.DENSE, 8, 1024),
    (Pattern.S2_4, 4, 1024), (Pattern.S2_16, 4, 4096)], ids=str)
def test_a_token_takes_all_that_memory_delivers(pattern, bits, rows, rng):
    figures = measure(powered_up(HBM), rng, pattern, bits, rows, 4096, 1)
    assert 0.98 <= figures.share <= 1.005


@pytest.mark.parametrize("pattern, bits, macs", [
    (Pattern.DENSE, 4, 2), (Pattern.DENSE, 8, 2), (Pattern.S2_4, 4, 4), (Pattern.S1_4, 4, 8)],
    ids=str)
def test_many_tokens_keep_every_dsp_busy(pattern, bits, macs, rng):
    figures = measure(powered_up(HBM), rng, pattern, bits, 512, 4096, 16)
    assert 0.98 * macs <= figures.macs <= macs


@pytest.mark.parametrize("pattern, bits, cycles", [
    (Pattern.DENSE, 2, 17), (Pattern.DENSE, 3, 17), (Pattern.DENSE, 4, 17), (Pattern.DENSE, 5, 25),
    (Pattern.DENSE, 6, 33), (Pattern.DENSE, 8, 33),
    (Pattern.S2_4, 2, 8), (Pattern.S2_4, 3, 8.5), (Pattern.S2_4, 4, 8.5), (Pattern.S2_4, 5, 10.5),
    (Pattern.S2_4, 6, 8.5), (Pattern.S2_4, 8, 12.5),
    (Pattern.S1_4, 2, 4), (Pattern.S1_4, 4, 4.5), (Pattern.S8_16, 2, 8.5), (Pattern.S8_16, 4, 8.5),
    (Pattern.S8_16, 8, 12.5), (Pattern.S2_16, 4, 5)], ids=str)
def test_what_has_piled_up_leaves_at_a_tile_a_cycle(pattern, bits, cycles, rng):
    # A group of 128 columns takes so many cycles, a row scale beat one more; estimates know.
    blocks = {n: drain(powered_up(), rng, pattern, bits, row_blocks=n, k=2048) for n in (1, 3)}
    row_block = 16 * cycles + U280.tile_rows(pattern) // U280.chains
    assert blocks[3] - blocks[1] == 2 * row_block
    tiles = 128 // U280.tile_columns(pattern)
    assert row_block == Product.of(
        preset("u280"), pattern=pattern, bits=bits, zero_point=0, row_blocks=1, group_tiles=tiles,
        groups=16, last_tiles=tiles, tokens=1).engine


def test_a_pause_at_the_output_costs_nothing():
    steady, _ = pause(powered_up(HBM), 0)
    paused, held = pause(powered_up(HBM), 2000)
    assert paused == steady
    # What came meanwhile, less what the results under way took: half the depth would have done.
    assert 1000 < held < 4096


def test_a_pause_longer_than_the_fifo_is_deep_costs_cycles():
    steady, _ = pause(powered_up(HBM), 0)
    paused, held = pause(powered_up(HBM), 20_000)
    assert U280.fifo_beats - 16 <= held <= U280.fifo_beats
    assert paused > steady + 20_000 - 2 * held
