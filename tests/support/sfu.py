# SPDX-License-Identifier: Apache-2.0
"""Numbers for the special function unit, and a unit that is compared with its golden machine."""

import numpy as np

from flightllm_hw.formats import flush
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.sim.sfu import SfuBench

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


def draws(rng, n, segments):
    """Ordinary vectors and hostile ones."""
    shape = segments, n
    yield ordinary(rng, shape)
    yield anything(rng, shape)
    yield np.zeros(shape, np.float32)
    yield np.full(shape, np.float32(-3.7))
    one = np.zeros(shape, np.float32)
    one[:, n // 2] = 1e30
    yield one
    masked = ordinary(rng, shape)
    masked[rng.random(shape) < 0.5] = -np.inf
    yield masked


class Unit:
    """Runs operations on both, and compares everything that they give."""

    def __init__(self, config):
        self.config = config
        self.bench = SfuBench(config)
        self.machine = VectorMachine(config)

    def write(self, row, x):
        width = self.config.width
        rows = -(-x.shape[1] // width)
        padded = np.pad(x, ((0, 0), (0, rows * width - x.shape[1]))).reshape(-1, width)
        self.bench.write(row, x)
        self.machine.buffer[row:row + len(padded)] = padded

    def run(self, passes):
        """What both gave; cycles as the schedule says."""
        self.machine.codes.clear()
        self.machine.out.clear()
        self.machine.run(*passes)
        given = self.bench.run(passes)
        if self.machine.codes:
            np.testing.assert_array_equal(given.codes, np.concatenate(self.machine.codes))
        if self.machine.out:
            same_bits(given.rows, np.concatenate(self.machine.out))
        last = dict(zip(*given.scalars.T.tolist(), strict=True)) if len(given.scalars) else {}
        for at, value in last.items():
            assert value == self.machine.scalars[at], f"scalar {at}"
        return given

    def read(self, row, n, segments):
        """Segments of the vector buffer; the padding is zero."""
        rows = -(-n // self.config.width)
        got = self.bench.read(row, rows * segments)
        same_bits(got, self.machine.buffer[row:row + rows * segments])
        got = got.reshape(segments, -1)
        assert not got[:, n:].any()
        return got[:, :n]

    def scalars(self, at, segments):
        return self.machine.scalars[at:at + segments].view(np.float32)
