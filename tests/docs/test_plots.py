# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documents are what their script draws."""

import xml.etree.ElementTree as ET

import plots as script
import pytest


@pytest.fixture(scope="module")
def drawn():
    return script.pictures(script.runs())


def test_pictures_are_those_that_are_drawn(drawn):
    for name, text in drawn.items():
        assert (script.PICTURES / name).read_text(encoding="utf-8") == text, (
            f"{name}: python docs/examples/plots.py")


def test_they_stand_in_the_page_and_alone(drawn):
    page = (script.PICTURES.parent / "bench.md").read_text(encoding="utf-8")
    for name, text in drawn.items():
        assert f"](pictures/{name})" in page
        root = ET.fromstring(text)
        assert root.find("{*}style") is not None
        assert not [one for one in root.iter() if one.tag.endswith(("}image", "}script", "}use"))]


def test_another_measurement_gives_another_picture(drawn):
    found = script.runs()
    other = found["decode_128"] | {"cycles_per_token": 3e6}
    assert script.pictures(found | {"decode_128": other})["context.svg"] != drawn["context.svg"]
