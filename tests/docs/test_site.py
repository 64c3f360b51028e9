# SPDX-License-Identifier: Apache-2.0
"""The documentation site is built without a warning, and has what it should have."""

import subprocess
import sys
from pathlib import Path

import docstrings
import instances
import ports
import pytest
import references

import flightllm_hw
from flightllm_hw.compute.chain import CsdChain
from flightllm_hw.kernel.handshake import Handshake

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "trees"),
         str(ROOT / "docs"), str(folder / "html")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "html"


def test_every_page_and_component_is_there(site):
    for page in ("index", "architecture", "numerics", "waveforms", "quickstart/card",
                 "extend/operation", "isa", "registers", "presets"):
        assert (site / f"{page}.html").exists()
    sources = Path(flightllm_hw.__file__).parent.rglob("*.py")
    names = {str(path.relative_to(ROOT))[:-3].replace("/", ".").removesuffix(".__init__")
             for path in sources}
    made = {path.stem for path in (site / "api").glob("*.html")}
    assert names <= made
    chain = (site / "api" / "flightllm_hw.compute.chain.html").read_text(encoding="utf-8")
    assert "CsdChain" in chain and "Members" in chain


def test_waveforms_are_in_the_pages(site):
    assert (site / "_images" / "read_burst.svg").exists()


def test_every_component_shows_its_ports(site):
    for module in ports.modules():
        page = site / "api" / f"{module.__name__}.html"
        for kind in instances.components(module):
            name = f"{ports.name_of(kind)}.svg"
            assert f"_images/{name}" in page.read_text(encoding="utf-8")
            assert (site / "_images" / name).exists()


def test_components_show_their_waveforms(site):
    page = (site / "api" / "flightllm_hw.memory.reader.html").read_text(encoding="utf-8")
    assert "_images/read_burst.svg" in page and "waveforms.html" in page


def test_docstrings_become_restructured_text():
    lines = docstrings.translated(["The sum of |x|.", "", "Picture::", "", "    |x|", "", "|y|"])
    assert [line for line in lines if line] == [r"The sum of \|x\|.", "Picture::", "    |x|",
                                                r"\|y\|"]
    assert docstrings.translated(["Beats: some."], "attribute") == ["Beats: some."]


def test_what_follows_members_is_none_of_them():
    text = ["Adds.", "", "Members", "-------", "i : In", "    It.", "busy", "    Is.", "",
            "Reset: forgets.", "It does.", "", "Raises", "------", "ValueError", "    If."]
    noted = list(docstrings.noted(text))
    assert noted[9:12] == ["Notes", "-----", "Reset: forgets."]
    assert noted[:9] + noted[11:] == text


def test_a_component_takes_its_configuration():
    assert docstrings.signature("class", CsdChain) == "(config)"
    assert docstrings.signature("class", Handshake) is None


def test_names_are_found_as_python_finds_them():
    module = "flightllm_hw.lane.lane"
    assert references.found("LaneEngine", module) == "flightllm_hw.lane.engine.LaneEngine"
    assert references.found("flightllm_hw.formats.flush") == "flightllm_hw.formats.fp32.flush"
    assert references.found("NoSuchThing", module) is None
