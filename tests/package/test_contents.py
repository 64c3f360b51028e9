# SPDX-License-Identifier: Apache-2.0
"""What is in a package: nothing left open, the same every time, Makefiles that make."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.package.texts import filled, shipped
from flightllm_hw.presets import PRESETS
from support.packages import CASES, DESIGNS, VITIS, identify, package, written

TARGETS = {"vitis": ("xo", "xclbin", "run", "hw_emu", "clean"),
           "vivado": ("ip", "project", "bitstream", "clean"), "ip": ("ip", "clean")}


def targets(case):
    return TARGETS["ip" if case not in VITIS + DESIGNS else case[2]]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_texts_are_complete(case):
    files = package(case)
    for name, text in files.items():
        assert text.endswith("\n") and "%{" not in text and "\r" not in text, name
        assert text.isascii() or name.endswith((".md", ".tcl")), name
        assert "None" not in text and "/work" not in text and "/tmp" not in text
        if name.endswith((".tcl", ".xdc", ".cfg", "Makefile")):
            assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n"), name
    assert AcceleratorConfig.from_json(files["configuration.json"]) == PRESETS[case[0]]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_every_script_that_is_named_is_there(case):
    files = package(case)
    for name, text in files.items():
        if name.endswith((".tcl", "Makefile")):
            for script in re.findall(r"(?:scripts[ /]|scripts\) )(\w+\.tcl)", text):
                assert f"scripts/{script}" in files or script in ("hbm.tcl", "ddr4.tcl"), script
    readme = files["README.md"]
    for named in re.findall(r"^\| (`[^|]*) \|", readme, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", named):
            if "." in name and name != "package.json":
                assert any(path == name or path.endswith(f"/{name}") for path in files), name
    unnamed = [name for name in files if name not in ("README.md", "Makefile")
               and name.split("/")[-1] not in readme]
    assert unnamed == ([] if case in VITIS + DESIGNS else ["configuration.json"])


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_the_same_every_time(case):
    assert package(case) == package(case)


def test_the_same_in_any_process(tmp_path):
    """Whatever the order of sets and dictionaries is there."""
    program = ("import hashlib, json; from support.packages import CASES, package;"
               "print(hashlib.sha256(json.dumps([list(package(c).items()) for c in CASES])"
               ".encode()).hexdigest())")
    root = os.path.dirname(os.path.dirname(__file__))
    seen = set()
    for seed in ("1", "2"):
        path = os.pathsep.join([root, *sys.path])
        done = subprocess.run([sys.executable, "-c", program], check=True, text=True,
                              capture_output=True,
                              env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path})
        seen.add(done.stdout)
    assert len(seen) == 1


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_every_target_of_the_makefile_can_be_made(case, tmp_path):
    assert shutil.which("make")
    written(case, tmp_path)
    for target in targets(case):
        commands = make(tmp_path, target, "MODEL=my model.flm")
        assert commands
        for line in commands:
            subprocess.run(["bash", "-n"], input=line, text=True, check=True)
            assert shlex.split(line)


def make(folder, *arguments):
    """The commands that make would give."""
    done = subprocess.run(["make", "-n", "--no-print-directory", "--warn-undefined-variables",
                           *arguments], cwd=folder, text=True, capture_output=True, check=True,
                          env={"PATH": os.environ["PATH"]})
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_vitis_is_told_what_it_is_for(tmp_path):
    written(("u280", "u280", "vitis"), tmp_path)
    package_, link = (line for line in make(tmp_path, "xclbin") if not line.startswith("mkdir"))
    assert package_.split()[0] == "vivado" and package_.endswith("scripts/package_xo.tcl")
    words = shlex.split(link)
    assert words[:9] == ["v++", "--link", "--platform", "xilinx_u280_gen3x16_xdma_1_202211_1",
                         "--save-temps", "--config", "connectivity.cfg", "--config", "link.cfg"]
    assert words[words.index("--target") + 1] == "hw"
    assert words[words.index("--vivado.prop") + 1] == (
        f"run.impl_1.STEPS.PLACE_DESIGN.TCL.PRE={tmp_path}/scripts/place_lanes.tcl")
    assert words[-3:] == ["--output", "build/flightllm_u280.hw.xclbin", "build/flightllm_u280.xo"]
    emulated = make(tmp_path, "hw_emu", "PLATFORM=mine")
    assert any("--target hw_emu" in line and "PLACE_DESIGN" not in line for line in emulated)
    assert any(line.startswith("emconfigutil --platform mine ") for line in emulated)
    assert emulated[-1].split()[1:6] == [
        "XCL_EMULATION_MODE=hw_emu", "flightllm-hw", "run", "--config", "configuration.json"]
    *_, run = make(tmp_path, "run", "MODEL=my model.flm", "PROMPT=I am")
    assert shlex.split(run) == [
        "flightllm-hw", "run", "my model.flm", "--config", "configuration.json", "--device", "xrt",
        "--prompt", "I am", "--tokens", "50", "--xclbin", "build/flightllm_u280.hw.xclbin"]
    assert make(tmp_path, "clean") == ["rm -rf build .Xil .ipcache"]


@pytest.mark.parametrize("case", VITIS, ids=identify)
def test_the_clock_is_the_configurations(case):
    mhz = PRESETS[case[0]].clock_mhz
    assert f"\nfreqHz={mhz}000000:flightllm_{case[0]}_1\n" in package(case)["link.cfg"]


@pytest.mark.parametrize("case", CASES, ids=identify)
def test_snippets_of_the_readme_are_shell(case):
    readme = package(case)["README.md"]
    snippets = re.findall(r"^```bash\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert snippets
    for snippet in snippets:
        done = subprocess.run(["bash", "-n"], input=snippet, text=True, capture_output=True,
                              check=False)
        assert done.returncode == 0 and done.stderr == ""
        for target in re.findall(r"^make (\w+)", snippet, re.MULTILINE):
            assert target in targets(case)
    assert "**Nothing here has been run**" in readme


@pytest.mark.parametrize("case", [c for c in CASES if c not in VITIS + DESIGNS], ids=identify)
def test_versal_is_a_component_for_a_shell_and_says_so(case):
    files = package(case)
    assert set(files) == {f"rtl/flightllm_{case[0]}.v", "configuration.json", "README.md",
                          "Makefile", "scripts/facts.tcl", "scripts/package_ip.tcl"}
    assert "Versal" in files["README.md"] and "IP-XACT" in files["README.md"]
    assert ("AVED" in files["README.md"]) == (case[1] == "v80")


def test_a_name_that_is_not_filled_in_is_an_error():
    with pytest.raises(KeyError):
        filled("link.cfg", kernel="k")
    assert "%{hz}" in shipped("link.cfg")


def test_the_manifest_names_everything(tmp_path):
    written(VITIS[0], tmp_path)
    manifest = json.loads((tmp_path / "package.json").read_text())
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*manifest["files"], "package.json"}
