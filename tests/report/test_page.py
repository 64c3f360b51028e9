# SPDX-License-Identifier: Apache-2.0
"""The page says what runs and estimates say, needs no other file, and names are but texts."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict

import pytest

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.cli import main
from flightllm_hw.presets import preset
from flightllm_hw.report.floorplan import floorplan
from flightllm_hw.report.resources import resources
from support.html import parse

from .conftest import MEASUREMENTS


def section(root, title):
    return next(one for one in root.all("section") if next(one.all("h2")).text == title)


def cells(element):
    """Texts of all tables' rows."""
    return [[cell.text for cell in row.inside if not isinstance(cell, str)]
            for row in element.all("tr")]


def run(name):
    return json.loads((MEASUREMENTS / f"{name}.json").read_text())


def estimated(capsys, *arguments):
    assert main(["estimate", *arguments, "--preset", "u280", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_needs_no_other_file(full, bare):
    for path in (full, bare):
        root = parse(path.read_text())
        names = {element.name for element in root.all("main").__next__().inside
                 if not isinstance(element, str)}
        assert names == {"header", "dl", "section", "footer"}
        for name in ("script", "link", "img", "iframe", "image", "use"):
            assert not list(root.all(name))
        style = "".join(one.text for one in root.all("style"))
        assert "url(" not in style and "@import" not in style and "prefers-color-scheme" in style
        assert path.read_text().count("http") == path.read_text().count(
            'xmlns="http://www.w3.org/2000/svg"')


def test_what_was_simulated_is_what_the_files_say(full):
    root = parse(full.read_text())
    decode, prefill = run("decode_128"), run("prefill_16")
    values = [one.text for one in root.all("dd") if one.attributes.get("class") == "value"]
    assert values == [f"{decode['tokens_per_second']:,.1f} tokens/s",
                      f"{decode['cycles_per_token']:,.0f} cycles",
                      f"{prefill['tokens_per_second']:,.1f} tokens/s",
                      f"{prefill['cycles_per_token']:,.0f} cycles"]
    _, *rows = cells(section(root, "Runs"))
    for row, name in zip(rows, ("decode_128", "prefill_16", "decode_2_4"), strict=True):
        found = run(name)
        assert row[0] == f"{name}.json" and row[5] == f"{found['cycles_per_token']:,.0f}"
        assert row[4] == f"{found['layers_simulated']} of {found['layers']}"
    assert rows[2][1] == "decode, W4 G128 2:4"


def test_what_is_estimated_is_what_estimate_says(full, capsys):
    root = parse(full.read_text())
    _, *rows = cells(section(root, "Runs"))
    assert rows[0][6] == f"{estimated(capsys, 'decode')['cycles_per_token']:,.0f}"
    prompt = estimated(capsys, "prefill", "--tokens", "16")
    assert rows[1][6] == f"{prompt['cycles_per_token']:,.0f}"
    table = cells(section(root, "Context and bits"))
    far = estimated(capsys, "decode", "--context", "2048")
    sparse = estimated(capsys, "decode", "--context", "2048", "--sparsity", "2:4")
    assert ["2,048", f"{far['cycles']:,}", f"{sparse['cycles']:,}"] in table
    short = estimated(capsys, "decode", "--bits", "3")
    assert ["3", f"{short['cycles']:,}"] in [row[:2] for row in table]


def test_causes_are_those_of_the_counters(full, capsys):
    pictures = list(section(parse(full.read_text()), "Cycles by cause").all("svg"))
    found, working = run("decode_128"), estimated(capsys, "decode")
    titles = [one.text for one in pictures[0].all("title")]
    share = found["counters"]["lanes"][5]["multiplying"] / found["cycles"]
    assert f"chains multiply, simulated: {share:.1%} of all cycles" in titles
    share = working["working_cycles"]["special"] / working["cycles"]
    assert f"special functions, estimated: {share:.1%} of all cycles" in titles
    assert f"memories deliver, simulated: {found['bandwidth_share']:.1%} of all cycles" in titles


def test_the_roofline_has_every_run_and_its_peak(full):
    picture = next(section(parse(full.read_text()), "Roofline").all("svg"))
    titles = [one.text for one in picture.all("title")]
    found = run("decode_128")
    rate = found["mac_per_dsp_per_cycle"] * preset("u280").dsp
    assert (f"decode W4, simulated: {rate:,.0f} a cycle,"
            f" {rate * found['cycles'] / found['bytes']:.2f} for each byte") in titles
    assert sum("simulated" in title for title in titles) == 3
    assert "8,192 multiply-accumulates a cycle at most" in next(picture.all("desc")).text


def test_resources_are_the_exports(full, bare):
    rows = cells(section(parse(full.read_text()), "Resources"))
    lut = next(row for row in rows if row[0] == "LUT")
    assert lut[1:4] + lut[5:] == ["800,001", "1,303,680", "61.4%", "736,000", "45,000", "19,001"]
    without = section(parse(bare.read_text()), "Resources")
    assert "flightllm-hw verilog --preset tiny" in without.text.replace("  ", " ")
    assert [row[0] for row in cells(without)] == ["", "DSP48E2", "RAMB36E2", "URAM288"]
    assert [one.total for one in resources(preset("u280"))] == [5979, 1024, 768]


@pytest.mark.parametrize("name, lanes, home", [
    ("u280", [10, 11, 11], 0), ("u55c", [10, 11, 11], 0), ("u50", [12, 12], 0),
    ("u250", [1, 1, 1, 1], 1), ("vhk158", [32], 0), ("tiny", [2], 0)])
def test_every_lane_is_on_a_die(name, lanes, home):
    config = preset(name)
    plan = floorplan(config)
    assert [len(die.lanes) for die in plan.dies] == lanes and plan.reached
    assert [lane for die in plan.dies for lane in die.lanes] == list(range(config.lanes))
    assert [die.borders == 0 for die in plan.dies].index(True) == home
    assert sum(die.bram for die in plan.dies) == config.sfu.bram
    assert sum(die.dsp for die in plan.dies) == (
        config.lanes * config.lane.dsp_total + config.sfu.dsp)
    for die in plan.dies:
        assert not plan.dsp or (die.dsp <= plan.dsp and die.uram <= plan.uram
                                and die.bram <= plan.bram)


def test_the_floorplan_names_every_lane(full):
    picture = next(section(parse(full.read_text()), "Floorplan").all("svg"))
    titles = [one.text for one in picture.all("title")]
    assert [f"lane {n}" in titles for n in range(33)] == [True] * 32 + [False]


def test_pictures_are_xml_with_a_title_and_a_description(full, bare):
    for path in (full, bare):
        text = path.read_text()
        pieces = text.split("<svg ")[1:]
        assert len(pieces) >= 6
        for piece in pieces:
            svg = ET.fromstring("<svg " + piece.split("</svg>")[0] + "</svg>")
            assert svg.find("{*}title").text
            assert svg.get("class") == "bar" or svg.find("{*}desc").text


def test_every_figure_has_the_command_that_makes_it(full):
    for figure in parse(full.read_text()).all("figure"):
        section_text = [one.text for one in figure.all("code")]
        title = next(figure.all("title")).text
        assert section_text or title.startswith("A floorplan"), title


def test_hostile_names_are_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = "<script>alert('1')&\"<b>.json"
    fields = {key: value for key, value in asdict(SHAPES["stories260k"]).items()
              if value is not None}
    (tmp_path / name).write_text(json.dumps(fields))
    assert main(["report", "--preset", "tiny", "--shape", name, "--group", "32", "--context", "64",
                 "--tokens", "4", "-o", "<i>.html"]) == 0
    capsys.readouterr()
    root = parse((tmp_path / "<i>.html").read_text())
    assert next(root.all("h1")).text == f"{name} on tiny"
    assert not list(root.all("script")) and not list(root.all("b")) and not list(root.all("i"))


def test_the_same_words_give_the_same_bytes(bare, tmp_path):
    again = tmp_path / "bare.html"
    assert main(["report", "--preset", "tiny", "--shape", "stories260k", "--bits", "8",
                 "--group", "32", "--context", "64", "--tokens", "8", "-o", str(again)]) == 0
    other = again.read_text().replace(str(again), "X")
    assert other == bare.read_text().replace(str(bare), "X")
