# SPDX-License-Identifier: Apache-2.0
"""Numbers for the special function unit."""

import numpy as np

from flightllm_hw.formats import flush

CORNERS = np.array([
    0x0000_0000, 0x8000_0000, 0x0000_0001, 0x807F_FFFF,  # zeros, subnormals
    0x0080_0000, 0x8080_0000, 0x3F80_0000, 0xBF80_0000,  # the smallest normal ones, one
    0x7F7F_FFFF, 0xFF7F_FFFF, 0x7F80_0000, 0xFF80_0000,  # the largest, infinity
    0x7FC0_0000, 0x42B1_0000, 0xC2AE_0000,               # NaN; where exp leaves float32
], np.uint32)


def ordinary(rng, shape):
    """Values as activations have them."""
    return (rng.standard_normal(shape) * np.exp(rng.normal(0, 1, shape))).astype(np.float32)


def anything(rng, shape):
    """Any bits, and corners among them; flushed, as a buffer that is read gives them."""
    x = rng.integers(1 << 32, size=shape, dtype=np.uint32)
    return flush(np.where(rng.random(shape) < 0.1, rng.choice(CORNERS, shape), x).view(np.float32))


def same_bits(a, b):
    """Assert that two float32 arrays are the same, to the bit; NaNs are all one."""
    a, b = (np.where(np.isnan(x), np.float32(np.nan), x).view(np.uint32) for x in (a, b))
    np.testing.assert_array_equal(a, b)
