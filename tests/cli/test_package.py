# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw package`` as users type it."""

import re

import pytest

from flightllm_hw.cli import main
from flightllm_hw.presets import PRESETS, TINY, U280


@pytest.mark.rtl
def test_a_package_is_written_with_its_verilog(tmp_path, capsys):
    target = tmp_path / "package"
    assert main(["package", "--card", "u280", "--flow", "vitis", "--preset", "tiny",
                 "-o", str(target)]) == 0
    output = capsys.readouterr()
    told = output.out.splitlines()
    assert output.err == "" and sorted(told) == sorted(
        str(path) for path in target.rglob("*") if path.is_file())
    text = (target / "rtl" / "flightllm_tiny.v").read_text()
    assert f"configuration tiny ({TINY.digest():08x}), vendor" in text
    assert "  DSP48E2 #(" in text


def test_the_cards_own_preset_is_taken(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr("flightllm_hw.cli.package.write",
                        lambda *args: taken.append(args) or [])
    assert main(["package", "--card", "u280", "--flow", "vivado", "-o", str(tmp_path)]) == 0
    (config, card, flow, directory), = taken
    assert (config, card.name, flow, directory) == (U280, "u280", "vivado", tmp_path)


@pytest.mark.parametrize("arguments, message", [
    (["--card", "u9", "--flow", "vitis"], "invalid choice: 'u9'"),
    (["--card", "u280", "--flow", "x"], "invalid choice: 'x'"),
    (["--flow", "vitis"], "the following arguments are required: --card"),
    (["--card", "u280"], "the following arguments are required: --flow"),
    (["--card", "u280", "--flow", "vitis", "--preset", "u50"],
     "The configuration u50 is for the u50, not for the u280"),
    (["--card", "u280", "--flow", "vitis", "--preset", "big"], "Preset must be one of tiny, "),
    (["--card", "v80", "--flow", "vivado"], "The v80 has no preset of its own"),
    (["--card", "v80", "--flow", "vitis", "--preset", "tiny"], "no Vitis platform for the v80"),
    (["--card", "vhk158", "--flow", "vitis"], "no Vitis platform for the vhk158"),
    (["--card", "u280", "--flow", "vitis", "--config", "no.json"], "no.json: No such file"),
    (["--card", "u250", "--flow", "vitis", "--config", "many.json"],
     "lanes must be at most 4, the DDR channels of the u250, not 8"),
    (["--card", "u280", "--flow", "vitis", "--preset", "tiny", "-o", "mine"],
     "mine: there are files in it, and they are no package: name another folder"),
    (["--card", "u280", "--flow", "vitis", "--preset", "tiny", "-o", "many.json"],
     "many.json: there is a file of that name"),
])
def test_mistakes_are_one_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.json").write_text(
        PRESETS["small"].to_json().replace('"lanes": 4', '"lanes": 8'))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    if "-o" not in arguments:
        arguments = [*arguments, "-o", "new"]
    with pytest.raises(SystemExit) as exit_:
        main(["package", *arguments])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("flightllm-hw")
    assert output.err.count("\n") == 1
    assert re.search(re.escape(message), output.err)
    assert not (tmp_path / "new").exists()


def test_an_unwritable_place_is_a_sentence(tmp_path, monkeypatch, capsys):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("flightllm_hw.package.files.export", lambda config, flavour: _nothing())
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(SystemExit) as exit_:
        main(["package", "--card", "u280", "--flow", "vitis", "--preset", "tiny",
              "-o", str(tmp_path / "new")])
    assert exit_.value.code == 2
    assert re.search(": Permission denied\n$", capsys.readouterr().err)


def _nothing():
    from flightllm_hw.export.verilog import Design
    return Design(top="flightllm_tiny", text="", rtlil="", counts={})
