# SPDX-License-Identifier: Apache-2.0
"""Trained models on the golden machine: the greedy tokens of an FP32 model."""

from pathlib import Path

import pytest

import flightllm_hw
from flightllm_hw.compiler.load import load
from flightllm_hw.presets import preset
from support.checkpoints import MODELS, needs_models
from support.compiled import Golden, compiled, greedy

DEFAULT = Path(flightllm_hw.__file__).parent / "models" / "default"

CLOSE = 0.02
"""Where the best two are as close, either may be taken."""


def check(path, name, count, folder, **options):
    checkpoint = load(path)
    model = compiled(checkpoint, preset(name), folder, **options)
    got, want, gaps = greedy(Golden(model), checkpoint, checkpoint.config.bos, count)
    differ = [n for n in range(count) if got[n] != want[n]]
    print(f"{len(differ)} of {count} tokens differ", [(n, gaps[n]) for n in differ])
    assert all(gaps[n] < CLOSE for n in differ)
    assert len(differ) <= 1


@needs_models
@pytest.mark.parametrize("name", ["tiny", "small"])
def test_stories260k(name, tmp_path):
    # Eight heads share four of keys and values: two homes a lane of two, one of four.
    check(MODELS / "stories260K.bin", name, 40, tmp_path)


@needs_models
def test_more_lanes_than_heads(tmp_path):
    # Heads shorter than a row block: padded.
    check(MODELS / "stories260K.bin", "u280", 8, tmp_path, context=32)


@needs_models
@pytest.mark.parametrize("name, count", [("tiny", 12), ("small", 24)])
def test_tinystories(name, count, tmp_path):
    check(MODELS / "tinystories656k", name, count, tmp_path)


@pytest.mark.parametrize("name, count", [("tiny", 12), ("small", 24)])
def test_default_model(name, count, tmp_path):
    check(DEFAULT, name, count, tmp_path)
