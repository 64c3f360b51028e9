# SPDX-License-Identifier: Apache-2.0
"""Bits of float32 for units with two operands, and what an operation on them gives."""

import numpy as np

from flightllm_hw.formats import flush
from flightllm_hw.formats.fp32 import QUIET_NAN

__all__ = [
    "CORNERS",
    "anything",
    "corners",
    "flushed",
    "one_corner",
    "ordinary",
    "significands",
    "signs",
    "subnormals",
    "swapped",
    "word",
]

CORNERS = np.array([
    0x0000_0000, 0x0000_0001, 0x007F_FFFF,               # zero, subnormal
    0x0080_0000, 0x0080_0001, 0x00FF_FFFF, 0x0100_0000,  # the smallest normal ones
    0x3F00_0000, 0x3F7F_FFFF, 0x3F80_0000, 0x3F80_0001,  # around one
    0x3FFF_FFFF, 0x4000_0000, 0x42FE_0000,
    0x1F80_0000, 0x5F80_0000,                            # squares: the smallest, the largest
    0x3300_0000, 0x3380_0000, 0x3380_0001,               # half a unit of one
    0x72FF_FFFF, 0x7300_0000, 0x7300_0001,               # half a unit of the largest
    0x7F00_0000, 0x7F7F_FFFF,                            # the largest
    0x7F80_0000, 0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF,  # infinity, NaN
], np.uint32)
CORNERS = np.concatenate([CORNERS, CORNERS | 0x8000_0000])


def flushed(operation, a, b):
    """Bits of numpy's operation, its operands and result flushed; NaN is one."""
    with np.errstate(all="ignore"):
        o = flush(operation(flush(a.view(np.float32)), flush(b.view(np.float32))))
    return np.where(np.isnan(o), np.uint32(QUIET_NAN), o.view(np.uint32))


def word(sign, exponent, significand):
    """Bits of a float32; ``significand`` has its leading one."""
    return (sign.astype(np.uint32) << 31 | exponent.astype(np.uint32) << 23
            | significand.astype(np.uint32) & 0x7F_FFFF)


def signs(rng, n):
    return rng.integers(2, size=(2, n))


def significands(rng, n):
    return rng.integers(1 << 23, 1 << 24, (2, n))


def swapped(rng, a, b):
    """Each pair in either order."""
    return rng.permuted(np.stack([a, b]), axis=0)


def anything(rng, n):
    return rng.integers(1 << 32, size=(2, n), dtype=np.uint32)


def ordinary(rng, n):
    return word(signs(rng, n), rng.integers(64, 191, (2, n)), significands(rng, n))


def corners(rng, n):
    """Every pair of corners, and more of them."""
    a, b = np.meshgrid(CORNERS, CORNERS)
    pairs = np.stack([a.ravel(), b.ravel()])
    return np.concatenate([pairs, rng.choice(CORNERS, (2, n - pairs.shape[1]))], 1)


def one_corner(rng, n):
    return swapped(rng, rng.choice(CORNERS, n), anything(rng, n)[0])


def subnormals(rng, n):
    tiny = rng.integers(1 << 23, size=n) | rng.integers(2, size=n) << 31
    return swapped(rng, tiny.astype(np.uint32), anything(rng, n)[0])
