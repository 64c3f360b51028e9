# SPDX-License-Identifier: Apache-2.0
"""Real models: whole stories on the simulated kernel, and prompts in tiles."""

import numpy as np
import pytest

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import load
from flightllm_hw.presets import preset
from flightllm_hw.runtime.device import HOST
from flightllm_hw.runtime.golden import GoldenDevice
from flightllm_hw.runtime.models import DEFAULT_MODEL
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.simulated import SimulatedDevice
from support.checkpoints import MODELS, needs_models


def compiled(path, name, folder, **options):
    return open_flm(compile_model(load(path), preset(name), folder / f"{name}.flm", **options))


def memories(session):
    model = session.model
    return [session.device.read(HOST, 0, model.host_bytes),
            *(session.device.read(n, 0, model.lane_bytes) for n in range(model.config.lanes))]


@needs_models
@pytest.mark.rtl
@pytest.mark.parametrize("name, count", [("stories260K.bin", 50), ("tinystories656k", 25)])
def test_a_story_is_the_golden_machines(name, count, tmp_path, pytestconfig):
    # `--programs 4`: 200 tokens.
    count *= pytestconfig.getoption("programs")
    model = compiled(MODELS / name, "tiny", tmp_path)
    prompt = model.tokenizer.encode("")
    found = []
    for device in (GoldenDevice(model.config), SimulatedDevice(model.config)):
        session = Session(model, device)
        found.append((list(session.generate(prompt, Sampler(), count)), memories(session)))
    (golden, images), (simulated, others) = found
    assert len(golden) == count and golden == simulated
    for one, other in zip(images, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["small", "u280"])
def test_a_long_prompt_is_the_same_in_tiles(name, tmp_path, rng):
    model = compiled(DEFAULT_MODEL, name, tmp_path, context=128)
    assert model.prefill is not None
    prompt = [int(token) for token in rng.integers(0, model.model.vocab, 100)]
    found = []
    for tiles in (True, False):
        session = Session(model, GoldenDevice(model.config))
        logits = session.feed(prompt, tiles=tiles)
        found.append((logits, memories(session)[1:], len(session.runs)))
    (logits, lanes, few), (others, same, many) = found
    assert few <= 100 // model.tile + model.tile < many == 100
    np.testing.assert_array_equal(logits, others)
    for one, other in zip(lanes, same, strict=True):
        np.testing.assert_array_equal(one, other)
