# SPDX-License-Identifier: Apache-2.0
"""Tapes are read back as they were written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.golden.tape import read_matrix
from flightllm_hw.presets import preset
from support.tapes import draw_tape

LANES = {name: preset(name).lane for name in ("tiny", "small", "u280")}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_was_written_is_read(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    config = LANES[data.draw(st.sampled_from(sorted(LANES)))]
    pattern = data.draw(st.sampled_from(config.patterns))
    bits = data.draw(st.sampled_from([2, 3, 4, 5, 6, 8]))
    columns = config.tile_columns(pattern)
    least = columns * (4 if bits % 2 else 2)
    group = data.draw(st.sampled_from([g for g in (16, 32, 64, 128) if g >= min(128, least)]))
    rows, k = data.draw(st.integers(1, 80)), data.draw(st.integers(1, 700))
    zero, masked = data.draw(st.booleans()), data.draw(st.booleans())
    weights, mask, shape, beats = draw_tape(rng, config, pattern, rows, k, bits, group, zero,
                                            masked)
    behind = rng.integers(0, 256, (5, beats.shape[1])).astype(np.uint8)
    matrix = read_matrix(np.concatenate([beats, behind]), shape, config)
    assert matrix.beats == len(beats)
    kept = np.where(mask, weights.centered(), 0)
    np.testing.assert_array_equal(matrix.codes[:rows, :k], kept)
    assert not matrix.codes[rows:].any()
    assert not matrix.codes[:, k:].any()
    np.testing.assert_array_equal(matrix.row_scale[:rows], weights.row_scale)
    group_of = np.arange(k) // weights.group
    held = np.stack([kept[:, group_of == g].any(1) for g in range(weights.groups)], 1)
    # Headers of nothing but zeros may be left out, with their scales.
    wanted = np.where(held | (not masked), weights.group_scale, 0)
    found = matrix.group_scale[:rows, :weights.groups]
    np.testing.assert_array_equal(np.where(held | (not masked), found, 0), wanted)


def test_a_tape_that_ends_early(rng):
    config = LANES["tiny"]
    _, _, shape, beats = draw_tape(rng, config, config.patterns[0], 9, 100, 4, 32, False)
    with pytest.raises(ValueError, match=f"Tape ends after {len(beats) - 1} beats"):
        read_matrix(beats[:-1], shape, config)
