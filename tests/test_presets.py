# SPDX-License-Identifier: Apache-2.0
"""Every preset becomes Verilog that other tools read, of the size that it should be."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from flightllm_hw.cli import main
from flightllm_hw.presets import PRESETS
from support.exported import exported
from support.lint import lint

pytestmark = pytest.mark.rtl


ALIKE = ("u50", "u55c", "u250", "vhk158")


def clean(text, top, folder, *, vendor):
    """Verilator says nothing of it but what lint.vlt explains, and Icarus Verilog reads it."""
    assert len(text) < 5_000_000
    assert lint(text, top, folder, vendor=vendor) == ""
    if shutil.which("iverilog") is not None:
        (folder / "kernel.v").write_text(text)
        # `-i`: the vendor's cells are not there.
        subprocess.run(["iverilog", "-g2005-sv", "-i", "-t", "null", "-s", top, "kernel.v"],
                       cwd=folder, check=True, timeout=300)


@pytest.mark.parametrize("flavour, name", [
    ("vendor", "tiny"), ("vendor", "small"), ("behavioural", "tiny"), ("behavioural", "small")])
def test_presets_are_exported_and_clean(flavour, name, tmp_path):
    design = exported(name, flavour)
    clean(design.text, design.top, tmp_path, vendor=flavour == "vendor")


@pytest.mark.parametrize("name", ALIKE)
def test_others_are_the_u280s_modules_in_other_numbers(name):
    other, u280 = PRESETS[name], PRESETS["u280"]
    same = {"name": name, "card": name, "lanes": other.lanes, "crossings": other.crossings,
            "clock_mhz": other.clock_mhz,
            "sfu": replace(u280.sfu, rows=other.sfu.rows)}
    assert other == replace(u280, **same)


def test_u280_is_clean_and_within_the_card(tmp_path):
    assert main(["verilog", "--preset", "u280", "-o", str(tmp_path)]) == 0
    clean((tmp_path / "flightllm_u280.v").read_text(), "flightllm_u280", tmp_path,
          vendor=True)
    report = json.loads((tmp_path / "report.json").read_text())
    u280 = PRESETS["u280"]
    assert report["dsp"] == u280.lanes * u280.lane.dsp_total + u280.sfu.dsp
    assert report["uram"] == u280.lanes * u280.lane.uram + u280.sfu.uram
    assert report["logic_levels"] <= 8
    for resource in ("lut", "ff", "bram", "uram", "dsp"):
        assert report[resource] <= report["card"][resource]["total"]
    own = report["modules"]["csd_chain"]
    assert own["dsp"] * own["count"] == u280.dsp
