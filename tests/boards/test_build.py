# SPDX-License-Identifier: Apache-2.0
"""``python -m flightllm_hw.boards``: what it writes and says, and what it makes of mistakes."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from flightllm_hw.boards import CARDS, card
from flightllm_hw.boards.build import main
from flightllm_hw.boards.platforms import PLATFORMS, platform
from support.alveo import built, elaborated

FILES = ["build_selftest.sh", "build_selftest.bat", "build_selftest.json", "selftest.v",
         "selftest.debug.v", "selftest.tcl", "selftest.xdc", "configuration.xdc"]
VERSAL = [name for name in CARDS if card(name).versal]


def python(*arguments, cwd, **env):
    return subprocess.run([sys.executable, *arguments], cwd=cwd, text=True, capture_output=True,
                          check=False, env={**os.environ, **env})


def refused(arguments, capsys):
    """The sentence that a mistake gets; it comes with status 2, and nothing else is said."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    said = capsys.readouterr()
    assert caught.value.code == 2 and said.out == "" and said.err.count("\n") == 1
    return said.err.removeprefix("python -m flightllm_hw.boards: ").rstrip("\n")


@pytest.mark.parametrize("name", PLATFORMS)
def test_files_are_written_and_the_next_command_is_said(name, tmp_path, capsys):
    folder = tmp_path / "a folder"
    assert main([name, "-o", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{name}, {card(name).part}: {folder}"
    assert said[1:9] == [f"  {file}" for file in FILES]
    assert said[-1] == f"Go on with: cd '{folder}' && sh build_selftest.sh"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    commands = json.loads((folder / "build_selftest.json").read_text())["commands"]
    assert commands == [["vivado", "-mode", "batch", "-log", "selftest.log",
                         "-source", "selftest.tcl"]]
    # What is shown is said, for the card that it is.
    leds = [f"LED {n}: " for n in range({"u50": 3, "u55c": 6, "u250": 3, "u280": 0}[name])]
    assert [line[:7] for line in said if line.startswith("LED")] == leds
    assert any(line.startswith("UART, 115200 baud") for line in said) == (name in ("u250", "u280"))


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_verilog_elaborates_with_the_cells_that_it_should_have(name, tmp_path):
    netlist = elaborated(built(name, "selftest").files["selftest.v"], "selftest", tmp_path)
    cells = Counter(cell["type"] for cell in netlist["cells"].values()
                    if not cell["type"].startswith("$"))
    resources = platform(name).resources
    clocks = [resource for resource in resources.values() if resource.clock]
    quads = sum("IOSTANDARD" not in clock.attrs for clock in clocks)
    hbm = ("hbm_cattrip", 0) in resources
    leds = sum(key[0] == "led" for key in resources)
    assert cells == +Counter({
        "IBUFDS": len(clocks) - quads, "BUFG": len(clocks) - quads - 1,  # One is the default's:
        "BUFGCE": 1, "STARTUPE3": 1,
        "IBUFDS_GTE4": quads, "BUFG_GT": quads,
        "OBUFT": leds + hbm + (("uart", 0) in resources)})


def test_files_depend_on_the_card_alone(tmp_path):
    program = ("import hashlib; from flightllm_hw.boards.build import selftest;"
               "print(hashlib.sha256(repr(selftest('u280')[0].files).encode()).hexdigest())")
    digests = {hashlib.sha256(repr(built("u280", "selftest").files).encode()).hexdigest()}
    for seed in ("0", "1"):
        done = python("-c", program, cwd=tmp_path, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout.strip())
    assert len(digests) == 1


@pytest.mark.parametrize("name", PLATFORMS)
def test_no_path_of_this_machine_is_in_the_files(name):
    for text in built(name, "selftest").files.values():
        assert not re.search(r"\.py\b|src =|/home/|/work/|/tmp/", text)


def test_a_cards_own_module_writes_its_selftest(tmp_path):
    done = python("-W", "error", "-m", "flightllm_hw.boards.u280", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Go on with: cd build/u280-selftest && sh build_selftest.sh" in done.stdout
    text = (tmp_path / "build" / "u280-selftest" / "selftest.v").read_text()
    assert text == built("u280", "selftest").files["selftest.v"]


@pytest.mark.parametrize("name", VERSAL)
def test_versal_cards_are_refused_with_what_to_do_instead(name, tmp_path, capsys):
    sentence = (rf"Card {name} is a Versal device \({card(name).part}\), and Amaranth has no flow"
                r" for these: export Verilog for it \(flightllm-hw verilog\), and package that for"
                " a shell")
    assert re.fullmatch(sentence, refused([name, "-o", str(tmp_path / "x")], capsys))
    with pytest.raises(ValueError, match=sentence):
        platform(name)
    done = python("-m", f"flightllm_hw.boards.{name}", cwd=tmp_path)
    assert done.returncode == 2 and re.search(sentence, done.stderr) and not done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["u999", "U280", "", "../u280", "card", "platforms", "é"])
def test_unknown_cards_are_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert refused([name], capsys) == (
        f"Card must be one of u50, u55c, u250, u280, v80, vhk158, not {name!r}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments, sentence", [
    ([], "the following arguments are required: card"),
    (["u280", "u50"], "unrecognized arguments: u50"),
    (["u280", "--output"], "argument -o/--output: expected one argument"),
])
def test_wrong_arguments_are_refused(arguments, sentence, capsys):
    assert refused(arguments, capsys) == sentence


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_folder_that_cannot_be_written_is_named(inside, tmp_path, capsys):
    """A file in its place; permissions do not stop everyone."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / inside if inside else tmp_path / "file"
    reason = "Not a directory" if inside else "File exists"
    assert refused(["u50", "-o", str(folder)], capsys) == f"{folder}: {reason}"
    assert (tmp_path / "file").read_text() == ""


def test_a_file_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "selftest.v").mkdir()
    assert refused(["u50", "-o", str(tmp_path)], capsys).startswith(f"{tmp_path}: Is a directory")


def test_building_without_vivado_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("VIVADO", "AMARANTH_ENV_VIVADO"):
        monkeypatch.delenv(variable, raising=False)
    assert refused(["u50", "--build", "-o", str(tmp_path / "x")], capsys) == (
        "--build needs Vivado: put vivado on the PATH, or name a script that does in"
        " AMARANTH_ENV_VIVADO")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("status, end", [
    (0, "Program the card with {}/selftest.bit, over JTAG: it is gone with the power\n"),
    (3, "Vivado failed with status 3: see {}/selftest.log\n"),
])
def test_building_runs_vivado_and_says_how_it_went(status, end, tmp_path, monkeypatch, capsys):
    """A program of that name stands in for it, and writes down what it is called with."""
    stand_in = tmp_path / "vivado"
    stand_in.write_text(f'#!/bin/sh\npwd > called\necho "$@" >> called\nexit {status}\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for variable in ("VIVADO", "AMARANTH_ENV_VIVADO"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "out"
    assert main(["u50", "--build", "-o", str(folder)]) == (1 if status else 0)
    said = capsys.readouterr()
    assert (said.err if status else said.out).endswith(end.format(folder))
    assert (folder / "called").read_text().splitlines() == [
        str(folder), "-mode batch -log selftest.log -source selftest.tcl"]


def test_facts_of_a_card_come_without_amaranth(tmp_path):
    done = python("-c", "import sys; from flightllm_hw.boards import CARDS, card;"
                  "[card(name) for name in CARDS];"
                  "sys.exit('amaranth' in sys.modules)", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
