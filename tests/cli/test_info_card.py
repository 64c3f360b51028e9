# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw info --card``: what is said to fit does, one more does not."""

import json

import pytest

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.work import Work
from flightllm_hw.boards import CARDS
from flightllm_hw.cli import main
from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import PRESETS

ALWAYS = {"shape", "bits", "group", "sparsity", "fits"}
FITS = {"context", "model_context", "prefill_tile", "lane_bytes", "host_bytes", "short_context",
        "prompt_tokens", "tokens_per_second", "tokens_per_second_at_context",
        "prompt_tokens_per_second"}


def described(capsys, *arguments):
    assert main(["info", *arguments, "--json"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out)


def recipe_of(model):
    return Recipe.uniform(Setting(bits=model["bits"], group=model["group"],
                                  pattern=Pattern.parse(model["sparsity"])))


def test_what_fits_does_and_one_more_does_not(capsys):
    found = described(capsys, "--card", "u280", "--shape", "llama2-13b", "--shape", "llama3-8b")
    assert found["estimated"] is True and found["preset"] == "u280" and found["lanes"] == 32
    assert [(m["shape"], m["bits"], m["sparsity"]) for m in found["models"]] == [
        (shape, bits, sparsity) for shape in ("llama2-13b", "llama3-8b")
        for bits, sparsity in ((8, "dense"), (4, "dense"), (4, "2:4"), (3, "dense"))]
    for model in found["models"]:
        shape, recipe = SHAPES[model["shape"]], recipe_of(model)
        if not model["fits"]:
            assert set(model) == ALWAYS | {"why"} and "of each lane's memory" in model["why"]
            with pytest.raises(CompileError):
                Plan.of(shape, PRESETS["u280"], 1, recipe)
            continue
        assert set(model) == ALWAYS | FITS
        plan = Plan.of(shape, PRESETS["u280"], model["context"], recipe)
        assert plan.lane.size == model["lane_bytes"] <= found["channel_bytes"]
        with pytest.raises(CompileError):
            Plan.of(shape, PRESETS["u280"], model["context"] + 1, recipe)
    assert [model["fits"] for model in found["models"]] == [False] + [True] * 7


def test_rates_are_the_estimates(capsys):
    model = described(capsys, "--card", "u280", "--shape", "stories110m")["models"][1]
    shape = SHAPES["stories110m"]
    for key, mode, context, tokens in (
            ("tokens_per_second", "decode", 128, 1),
            ("tokens_per_second_at_context", "decode", shape.context, 1),
            ("prompt_tokens_per_second", "prefill", shape.context, 64)):
        work = Work(mode=mode, name="stories110m", model=shape, config=PRESETS["u280"],
                    recipe=recipe_of(model), context=context, tokens=tokens, layers=shape.layers)
        assert model[key] == estimate(work)["tokens_per_second"]
    assert model["prefill_tile"] == 8 and model["context"] == shape.context


@pytest.mark.parametrize("card", [card for card in CARDS if card in PRESETS])
def test_people_are_told_that_it_is_estimated(card, capsys):
    assert main(["info", "--card", card, "--shape", "stories260k"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith(f"{card}, xc") and "W4 G128 2:4 512" in told
    assert "Rates are estimated" in told and "nothing was simulated or measured" in told


def test_what_does_not_fit_is_said(capsys):
    assert main(["info", "--card", "u50", "--shape", "llama2-13b"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "W8 G128 does not fit" in told and "but a channel of the u50 has 256 MiB" in told


@pytest.mark.parametrize("arguments, message", [
    (["--card", "u281"], "Card must be one of u50,"),
    (["--card", "u280", "--shape", "gpt"], "Shape must be one of"),
    (["tiny", "--card", "u280"], "Info is of --card u280 or of tiny, not of both"),
    (["tiny", "--json"], "Only info of a --card takes --shape and --json"),
    (["--shape", "llama2-7b"], "Only info of a --card takes --shape and --json"),
    (["--card", "u50"], "The card u50 has no preset, so that nothing is known to fit it"),
])
def test_mistakes_are_a_sentence(arguments, message, capsys, monkeypatch):
    if "no preset" in message:
        others = {name: config for name, config in PRESETS.items() if name != "u50"}
        monkeypatch.setattr("flightllm_hw.cli.card.PRESETS", others)
    with pytest.raises(SystemExit) as stopped:
        main(["info", *arguments])
    told = capsys.readouterr()
    assert stopped.value.code == 2 and told.out == ""
    assert message in told.err and told.err.count("\n") == 1
