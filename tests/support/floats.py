# SPDX-License-Identifier: Apache-2.0
"""Float32 words that leave nothing out, and how far results are from the truth."""

import numpy as np

__all__ = ["SPECIALS", "every_exponent", "ulps"]

SPECIALS = np.array([
    0x0000_0000, 0x0000_0001, 0x007F_FFFF,               # zero, subnormal
    0x0080_0000, 0x0080_0001, 0x00FF_FFFF,               # the smallest normal ones
    0x3F7F_FFFF, 0x3F80_0000, 0x3F80_0001,               # around one
    0x7F7F_FFFF, 0x7F80_0000,                            # the largest, infinity
    0x7F80_0001, 0x7FBF_FFFF, 0x7FC0_0000, 0x7FFF_FFFF,  # NaN, signalling and quiet
], np.uint32)
SPECIALS = np.concatenate([SPECIALS, SPECIALS | 0x8000_0000])


def every_exponent(rng, count, segments=128):
    """Words of every exponent and both signs: ``count`` random fractions of each.

    In addition the borders of all segments and their neighbours, and :data:`SPECIALS`.
    """
    exponents = np.arange(256, dtype=np.uint32)[:, None] << np.uint32(23)
    border = np.arange(segments) * ((1 << 23) // segments)
    border = np.concatenate([border, border + 1, (border - 1) % (1 << 23)]).astype(np.uint32)
    drawn = rng.integers(1 << 23, size=(256, count), dtype=np.uint32)
    fractions = np.concatenate([np.broadcast_to(border, (256, border.size)), drawn], 1)
    words = (exponents | fractions).ravel()
    return np.concatenate([words, words | np.uint32(0x8000_0000), SPECIALS])


def ulps(got, truth):
    """The distance in units of the last place that a float32 near ``truth`` has; all normal."""
    unit = np.ldexp(1.0, np.frexp(truth)[1] - 24)
    return np.abs(got.astype(np.float64) - truth) / unit
