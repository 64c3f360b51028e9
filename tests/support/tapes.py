# SPDX-License-Identifier: Apache-2.0
"""Random quantized matrices and their tapes."""

import numpy as np

from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights, prune_mask
from flightllm_hw.formats.pattern import Pattern


def draw_weights(rng, rows, k, bits, group, zero_point):
    """Codes, zero points and scales that need not come of any weights: extremes are common."""
    groups = -(-k // group)
    top = (1 << bits) - 1
    row_scale = rng.uniform(0.5, 2, rows).astype(np.float32)
    scale = rng.choice([0, 1, 65535, int(rng.integers(65536))], (rows, groups)).astype(np.uint16)
    if zero_point:
        codes = rng.choice([0, top, int(rng.integers(top + 1))], (rows, k)).astype(np.uint8)
        zero = rng.integers(0, top + 1, (rows, groups)).astype(np.uint8)
        if bits == 8:
            zero[:] = 128  # q - z must be an int8
        return QuantizedWeights(codes=codes, zero=zero, row_scale=row_scale,
                                group_scale=scale, bits=bits, group=group)
    low = -(1 << bits - 1)
    codes = rng.integers(low, low + top + 1, (rows, k)).astype(np.int8)
    codes[rng.random((rows, k)) < 0.2] = low
    return QuantizedWeights(codes=codes, zero=None, row_scale=row_scale,
                            group_scale=scale, bits=bits, group=group)


def draw_tape(rng, config, pattern, rows, k, bits, group, zero_point, masked=False):
    """(weights, mask, shape, beats) of a random matrix; None if the lane refuses its shape."""
    weights = draw_weights(rng, rows, k, bits, group, zero_point)
    mask = np.ones((rows, k), bool)
    if pattern is not Pattern.DENSE:
        mask = prune_mask(rng.standard_normal((rows, k)).astype(np.float32), pattern)
    if masked:
        # Most blocks of a row block and a group hold nothing.
        height = config.tile_rows(pattern)
        empty = rng.random((-(-rows // height), -(-k // group))) < 0.6
        mask &= ~np.kron(empty, np.ones((height, group), bool))[:rows, :k]
    shape, beats = encode(weights, mask, pattern, config, masked)
    return weights, mask, shape, beats


def payload(shape):
    """A TapeShape as the hardware takes it."""
    return {"pattern": shape.pattern.value, "bits": shape.bits, "zero_point": shape.zero_point,
            "masked": shape.masked,
            "row_blocks": shape.row_blocks, "group_tiles": shape.group_tiles,
            "groups": shape.groups, "last_tiles": shape.last_tiles}


def words(beats):
    """Beats as integers."""
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]
