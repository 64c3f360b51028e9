# SPDX-License-Identifier: Apache-2.0
"""Mistakes are one sentence and status 2, and leave no file behind."""

import json

import pytest

from flightllm_hw.cli import main

from .conftest import MEASUREMENTS

U280 = ["--preset", "u280"]


def changed(**fields):
    return json.dumps(json.loads((MEASUREMENTS / "decode_128.json").read_text()) | fields)


FILES = {
    "broken.json": '{"mode": "decode"', "list.json": "[1]", "deep.json": "[" * 100_000,
    "binary.json": "\xff", "short.json": '{"mode": "decode"}', "good.json": changed(),
    "guess.json": json.dumps({"mode": "decode", "estimated": True}),
    "text.json": changed(cycles="many"), "nan.json": changed(cycles=float("nan")),
    "none.json": changed(tokens=0), "half.json": changed(context=1.5),
    "mode.json": changed(mode="x"), "shape.json": changed(shape=7),
    "counters.json": changed(counters={"global": {}, "lanes": []}),
    "lanes.json": changed(counters={"global": {"memory_busy": 1, "vector_busy": 1}, "lanes": [
        {"beats": 1, "starved": 1, "full": 1, "multiplying": 1}]}),
    "own.json": changed(preset="own"), "sparsity.json": changed(sparsity="3:4"),
    "bytes.json": changed(bytes=123), "bad.flm": "no model",
    "report.json": json.dumps({"logic_levels": 8}),
    "page.html": "as it was"}


@pytest.mark.parametrize("arguments, message", [
    ([], "Say of which accelerator"),
    (["--preset", "u281"], "Preset must be one of"),
    ([*U280, "--shape", "gpt"], "Shape must be one of"),
    ([*U280, "--context", "5000"], "Context must be in 1..4096"),
    (["--preset", "tiny"], "but tiny has"),
    ([*U280, "--tokens", "200"], "Tokens must be in 1..128"),
    ([*U280, "--run", "missing.json"], "missing.json: No such file"),
    ([*U280, "--run", "broken.json"], "broken.json: a run must be JSON"),
    ([*U280, "--run", "deep.json"], "deep.json: a run must be JSON"),
    ([*U280, "--run", "binary.json"], "binary.json: a run must be JSON"),
    ([*U280, "--run", "list.json"], "list.json: a run must be an object, not list"),
    ([*U280, "--run", "short.json"], "short.json: a run of flightllm-hw bench --json has 'shape'"),
    ([*U280, "--run", "guess.json"], "guess.json: an estimate is no run"),
    ([*U280, "--run", "text.json"], "a run's cycles must be a number greater than 0, not 'many'"),
    ([*U280, "--run", "nan.json"], "a run's cycles must be a number greater than 0, not nan"),
    ([*U280, "--run", "none.json"], "a run's tokens must be a number greater than 0, not 0"),
    ([*U280, "--run", "half.json"], "a run's context must be an integer, not 1.5"),
    ([*U280, "--run", "mode.json"], "a run's mode must be decode or prefill, not 'x'"),
    ([*U280, "--run", "shape.json"], "a run's shape must be a text, not 7"),
    ([*U280, "--run", "counters.json"], "a run's counters must be those of the core and of each"),
    ([*U280, "--run", "lanes.json"], "lanes.json is a run of u280, 1 lanes at 225 MHz, not of"),
    ([*U280, "--run", "sparsity.json"], "Sparsity must be one of"),
    ([*U280, "--run", "bytes.json"], "bytes.json: lanes read 123 bytes, but of llama2-7b"),
    (["--preset", "u55c", "--run", "good.json"], "good.json is a run of u280, 32 lanes at 225 MHz"),
    ([*U280, "--shape", "llama3-8b", "--run", "good.json"],
     "good.json is a run of llama2-7b, not of llama3-8b"),
    (["--run", "own.json"], "own.json is a run of own, which is no preset: give its --config"),
    ([*U280, "--resources", "missing.json"], "missing.json: No such file"),
    ([*U280, "--resources", "broken.json"], "broken.json: a resource report must be JSON"),
    ([*U280, "--resources", "report.json"], "report.json is no report.json of flightllm-hw"),
    (["bad.flm"], "bad.flm: is no .flm file"),
    (["bad.bin"], "must end in .flm, not 'bad.bin'"),
    (["bad.flm", "--bits", "4"], "A compiled model has a shape, a compression and a context"),
])
def test_mistakes_are_one_sentence(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(SystemExit) as exit_:
        main(["report", *arguments, "-o", "page.html"])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1 and message in output.err
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert (tmp_path / "page.html").read_text() == "as it was"


def test_a_report_of_other_lanes_is_refused(exported, tmp_path, capsys):
    other = tmp_path / "report.json"
    whole = json.loads(exported.read_text())
    whole["modules"]["lane_node"]["count"] = 31
    other.write_text(json.dumps(whole))
    for path, preset, message in ((other, "u280", "flightllm_u280 with 31 lanes, not of"),
                                  (exported, "u55c", "not of flightllm_u55c with 32")):
        with pytest.raises(SystemExit) as exit_:
            main(["report", "--preset", preset, "--resources", str(path), "-o",
                  str(tmp_path / "page.html")])
        assert exit_.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_a_place_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "folder.html").mkdir()
    for place in ("none/page.html", "folder.html"):
        with pytest.raises(SystemExit) as exit_:
            main(["report", "--preset", "tiny", "--shape", "stories260k", "--group", "32",
                  "--context", "16", "--tokens", "2", "-o", str(tmp_path / place)])
        output = capsys.readouterr()
        assert exit_.value.code == 2 and output.err.count("\n") == 1 and output.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]
    assert not list((tmp_path / "folder.html").iterdir())
