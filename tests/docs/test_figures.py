# SPDX-License-Identifier: Apache-2.0
"""The figures are those that their scripts draw, and waveforms those of a simulation of today."""

import json

import figures
import pytest
import waveforms
import waves


@pytest.mark.parametrize("name", figures.DRAWINGS)
def test_figures_are_drawn_by_the_script(name):
    committed = (figures.PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert committed == figures.drawings()[name], (
        f"docs/pictures/{name}.svg is not what docs/examples/figures.py draws; run it")


@pytest.mark.parametrize("name", waveforms.FIGURES)
def test_waveforms_are_those_of_the_simulation(name):
    committed = (waveforms.PICTURES / f"{name}.json").read_text(encoding="utf-8")
    assert committed == waveforms.text(waveforms.FIGURES[name]()), (
        f"docs/pictures/waves/{name}.json is not what docs/examples/waveforms.py finds; run it")


def test_a_waveform_is_drawn():
    figure = json.loads((waveforms.PICTURES / "stream.json").read_text(encoding="utf-8"))
    picture = waves.drawn(json.dumps(figure))
    assert picture.startswith("<svg") and "i.valid" in picture and "#fff" in picture


def test_waves_tell_values_apart():
    assert waveforms.lane("a", [0, 0, 1, 0]) == {"name": "a", "wave": "0.10"}
    assert waveforms.lane("b", [1, 1, 2, 3], [0, 1, 1, 0]) == {
        "name": "b", "wave": "x==x", "data": ["1", "2"]}
