# SPDX-License-Identifier: Apache-2.0
"""A compiled model's recipe is read from its program."""

from dataclasses import replace

import pytest

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.weights import random_checkpoint
from flightllm_hw.cli import main
from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.report.errors import ReportError
from flightllm_hw.report.recipes import recipe_of
from support.html import parse

MODEL = replace(SHAPES["stories260k"], layers=3)


def compiled(folder, recipe):
    return compile_model(random_checkpoint(MODEL), preset("tiny"), folder / "model.flm",
                         context=40, recipe=recipe)


def settings(recipe):
    names = [f"layers.{n}.{name}" for n in range(MODEL.layers)
             for name, shape in MODEL.layer_shapes().items() if len(shape) == 2]
    return [recipe.of(name) for name in [*names, "head"]]


@pytest.mark.parametrize("recipe", [
    Recipe.uniform(Setting(bits=4, group=32)),
    Recipe.uniform(Setting(bits=2, group=64, pattern=Pattern.S2_4)),
    Recipe(default=Setting(bits=5, group=32, zero_point=True), overrides={
        "layers.1.down": Setting(bits=8), "o": Setting(bits=3, group=64)})],
    ids=["uniform", "2:4", "mixed"])
def test_the_recipe_is_the_one_that_was_compiled(recipe, tmp_path):
    found = recipe_of(open_flm(compiled(tmp_path, recipe)))
    assert settings(found) == settings(recipe)


def test_a_page_of_it(tmp_path, capsys):
    path = compiled(tmp_path, Recipe.uniform(Setting(bits=4, group=32)))
    page = tmp_path / "page.html"
    assert main(["report", str(path), "--tokens", "4", "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    root = parse(page.read_text())
    assert next(root.all("h1")).text == "model.flm on tiny"
    assert next(root.all("header")).text.startswith("model.flm on tinyW4 G32, a context of 40.")
    commands = [" ".join(one.text.split()) for one in root.all("code")]
    assert "flightllm-hw verilog --preset tiny -o DIR" in commands
    assert f"flightllm-hw report {path} --tokens 4 -o {page}" in commands


def test_another_program_is_refused(tmp_path):
    model = open_flm(compiled(tmp_path, Recipe.uniform(Setting(bits=4, group=32))), private=True)
    end = model.decode + 32 * 3
    model.host[model.decode:end] = 0
    with pytest.raises(ReportError, match="its program"):
        recipe_of(model)
