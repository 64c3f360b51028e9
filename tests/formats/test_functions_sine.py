# SPDX-License-Identifier: Apache-2.0
"""Sine and cosine against float64, and the phases of rotary embeddings against long decimals."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.formats.functions import rotary_phase, rotary_steps, sine_cosine

TWO_PI = Decimal("6.28318530717958647692528676655900576839433879875021")


def assert_near(phase):
    # To the nearest half turn first: float64 is as exact as can be.
    sine, cosine = sine_cosine(phase)
    angle = phase.view(np.int32).astype(np.float64) * (2 * np.pi / 2 ** 32)
    errors = [np.abs(sine - np.sin(angle)).max(), np.abs(cosine - np.cos(angle)).max()]
    print(f"sine 2^{np.log2(errors[0]):.2f}, cosine 2^{np.log2(errors[1]):.2f}")
    assert max(errors) <= 2.0 ** -24


def test_error_of_random_phases(rng):
    assert_near(rng.integers(1 << 32, size=4_000_000, dtype=np.uint32))


def test_error_at_the_borders_of_all_segments():
    borders = np.arange(4 * 512, dtype=np.int64) << 21
    near = (borders[:, None] + np.arange(-200, 200)).ravel()
    assert_near((near & 0xFFFF_FFFF).astype(np.uint32))


def test_quarters_are_exact_and_zeros_positive():
    sine, cosine = sine_cosine(np.arange(4, dtype=np.uint32) << np.uint32(30))
    assert_array_equal(sine.view(np.uint32), [0, 0x3F80_0000, 0, 0xBF80_0000])
    assert_array_equal(cosine.view(np.uint32), [0x3F80_0000, 0, 0xBF80_0000, 0])


def test_never_beyond_one(rng):
    peaks = (np.arange(4, dtype=np.int64)[:, None] << 30) + np.arange(-100_000, 100_000)
    for value in sine_cosine((peaks & 0xFFFF_FFFF).astype(np.uint32)):
        assert np.abs(value).max() <= 1


def test_phase_is_the_exact_product(rng):
    position = rng.integers(1 << 20, size=2000, dtype=np.uint32)
    step = rng.integers(1 << 48, size=2000, dtype=np.uint64)
    position[:3], step[:3] = (1 << 20) - 1, (1 << 48) - 1
    want = [(int(p) * int(s) + (1 << 15) >> 16) % (1 << 32)
            for p, s in zip(position, step, strict=True)]
    assert_array_equal(rotary_phase(position, step), want)


@pytest.mark.parametrize("base, dim", [(10000.0, 128), (500000.0, 64), (1.0, 2), (10000.0, 8)])
def test_angles_are_off_by_less_than_is_said(base, dim, rng):
    steps = rotary_steps(base, dim)
    assert steps.shape == (dim // 2,)
    positions = np.append(rng.integers(1 << 20, size=20, dtype=np.uint32), np.uint32((1 << 20) - 1))
    phases = rotary_phase(positions[:, None], steps[None])
    with localcontext() as context:
        context.prec = 50
        for i in range(dim // 2):
            angle = Decimal(base) ** (Decimal(-2 * i) / Decimal(dim))
            for position, phase in zip(positions, phases[:, i], strict=True):
                turns = int(position) * angle / TWO_PI - Decimal(int(phase)) / 2 ** 32
                assert abs(turns - round(turns)) <= Decimal(2) ** -29 + Decimal(2) ** -33


def test_rotary_angles_in_float64():
    position = np.arange(0, 1 << 20, 997, dtype=np.uint32)
    steps = rotary_steps(10000.0, 128)
    angle = position[:, None] * 10000.0 ** (-np.arange(64) / 64)
    sine, cosine = sine_cosine(rotary_phase(position[:, None], steps))
    assert np.abs(sine - np.sin(angle)).max() <= 2.0 ** -24 + 2.0 ** -26
    assert np.abs(cosine - np.cos(angle)).max() <= 2.0 ** -24 + 2.0 ** -26


def test_wrong_arguments_are_named():
    good = np.zeros(2, np.uint32), np.zeros(2, np.uint64)
    with pytest.raises(ValueError, match="must be uint32, not int64"):
        sine_cosine(np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="Positions must be in 0..1048575"):
        rotary_phase(good[0] + np.uint32(1 << 20), good[1])
    with pytest.raises(ValueError, match="Steps must be below 2\\^48"):
        rotary_phase(good[0], good[1] + np.uint64(1 << 48))
    with pytest.raises(ValueError, match="must be even, not 3"):
        rotary_steps(10000.0, 3)
    with pytest.raises(ValueError, match="at least 1 and finite, not 0.5"):
        rotary_steps(0.5, 4)
