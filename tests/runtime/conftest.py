# SPDX-License-Identifier: Apache-2.0
"""A small model, compiled once."""

import numpy as np
import pytest

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import load
from flightllm_hw.presets import TINY
from flightllm_hw.runtime.models import DEFAULT_MODEL
from support.checkpoints import draw, write_hf


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """A random Llama of two layers."""
    folder = tmp_path_factory.mktemp("small")
    write_hf(folder / "hf", draw(np.random.default_rng(5)))
    return open_flm(compile_model(load(folder / "hf"), TINY, folder / "model.flm"))


@pytest.fixture(scope="session")
def default_model(tmp_path_factory):
    """The default model."""
    folder = tmp_path_factory.mktemp("default")
    return open_flm(compile_model(load(DEFAULT_MODEL), TINY, folder / "model.flm", context=256))
