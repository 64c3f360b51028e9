# SPDX-License-Identifier: Apache-2.0
"""Bits that texts choose."""

from itertools import pairwise

import pytest

from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.load import load
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.presets import preset
from flightllm_hw.runtime import calibrated
from support.checkpoints import LLAMA, write_hf
from support.compiled import any_shape

TENSORS = ("q", "k", "v", "o", "gate", "up", "down")


@pytest.mark.parametrize("measured, asked, most", [(True, None, calibrated.RUNS), (True, 2, 2),
                                                   (False, None, 1), (False, 4, 4)])
def test_bits_change_no_more_often_than_asked(measured, asked, most, tmp_path, rng, monkeypatch):
    if not measured:
        monkeypatch.setattr(calibrated, "MEASURED", 0)
    model = load(write_hf(tmp_path / "model", any_shape(rng, layers=6)))
    texts = [rng.integers(0, LLAMA.vocab, 20).tolist() for _ in range(3)]
    base = Setting(group=64, zero_point=True)
    recipe = calibrated.mixed(model, Recipe(default=base), texts, 3.7, asked)
    layers = [[recipe.of(f"layers.{n}.{tensor}") for tensor in TENSORS] for n in range(6)]
    runs = 1 + sum(a != b for a, b in pairwise(layers))
    assert 1 <= runs <= most and (runs > 1 or most == 1)
    assert {(s.group, s.zero_point) for own in layers for s in own} == {(64, True)}
    shapes = {name: shape for name, shape in model.config.shapes().items()
              if name == "head" or name.rsplit(".", 1)[-1] in TENSORS}
    codes = {name: rows * columns for name, (rows, columns) in shapes.items()}
    bits = sum(codes[name] * recipe.of(name).bits for name in codes)
    assert 3.4 < bits / sum(codes.values()) <= 3.7
    assert len(Plan.of(model.config, preset("tiny"), recipe=recipe).split.runs) == runs
