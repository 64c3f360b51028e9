# SPDX-License-Identifier: Apache-2.0
"""Sampling draws what the probabilities say, and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightllm_hw.runtime.sampling import Sampler

LOGITS = np.log(np.array([0.5, 0.05, 0.25, 0.2], np.float32))


def draws(count=4000, **options):
    sampler = Sampler(**options)
    found = [sampler.choose(LOGITS) for _ in range(count)]
    return np.bincount(found, minlength=4) / count


def test_without_temperature_the_first_of_the_likeliest_is_taken():
    assert Sampler().choose(np.array([1, 3, 3, 2], np.float32)) == 1


def test_tokens_come_as_often_as_they_are_likely():
    np.testing.assert_allclose(draws(temperature=1.0), [0.5, 0.05, 0.25, 0.2], atol=0.03)


def test_temperature_sharpens():
    squares = np.array([0.5, 0.05, 0.25, 0.2]) ** 2
    np.testing.assert_allclose(draws(temperature=0.5), squares / squares.sum(), atol=0.03)


@pytest.mark.parametrize("top_p, kept", [(0.3, [0]), (0.5, [0]), (0.6, [0, 2]), (0.94, [0, 2, 3]),
                                         (1.0, [0, 1, 2, 3])])
def test_top_p_keeps_the_likeliest_that_reach_it(top_p, kept):
    assert np.flatnonzero(draws(temperature=1.0, top_p=top_p)).tolist() == kept


def test_a_seed_is_a_sequence():
    first, again, other = (draws(20, temperature=1.0, seed=seed).tolist() for seed in (5, 5, 6))
    assert first == again != other


@given(st.lists(st.floats(-2.0 ** 90, 2.0 ** 90, width=32), min_size=1, max_size=40),
       st.floats(1e-3, 100), st.floats(1e-6, 1))
def test_any_logits_give_a_token(logits, temperature, top_p):
    values = np.array(logits, np.float32)
    assert 0 <= Sampler(temperature, top_p).choose(values) < len(values)


@pytest.mark.parametrize("options, message", [
    ({"temperature": -1.0}, "Temperature must be 0 or more"),
    ({"temperature": float("nan")}, "Temperature must be 0 or more"),
    ({"top_p": 0.0}, "Top-p must be more than 0"), ({"top_p": 1.5}, "Top-p must be more than 0"),
    ({"seed": -1}, "Seed must be 0 or more"),
])
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**options)
