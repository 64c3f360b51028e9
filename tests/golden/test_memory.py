# SPDX-License-Identifier: Apache-2.0
"""Memories that the machine does not copy, and matrices that it does not keep."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.load import load
from flightllm_hw.golden.memory import Image
from flightllm_hw.presets import TINY
from support.checkpoints import write_hf
from support.compiled import Golden, any_shape, compiled


def test_adopted_bytes_are_written_to():
    image, own = Image(64, 8), np.arange(64, dtype=np.uint8)
    before = image.version(0, 64)
    image.adopt(own)
    assert image.version(0, 64) != before
    image.store(8, np.full(8, 7, np.uint8))
    assert_array_equal(own[8:16], 7)
    assert_array_equal(image.load(0, 8), np.arange(8))


@pytest.mark.parametrize("data", [np.zeros(63, np.uint8), np.zeros(65, np.uint8),
                                  np.zeros(64, np.int16), np.zeros((8, 8), np.uint8)])
def test_only_as_many_bytes_are_adopted(data):
    with pytest.raises(ValueError, match="Memory has 64 bytes, not"):
        Image(64, 8).adopt(data)


def test_matrices_that_are_not_kept_are_read_again(tmp_path, rng):
    model = compiled(load(write_hf(tmp_path / "model", any_shape(rng))), TINY, tmp_path)
    kept, read = Golden(model), Golden(model, keep=False)
    for position, token in enumerate((5, 17, 3)):
        assert_array_equal(kept.step(token, position), read.step(token, position))
    assert any(lane._known for lane in kept.machine.lanes)
    assert not any(lane._known for lane in read.machine.lanes)
