# SPDX-License-Identifier: Apache-2.0
"""Every preset becomes Verilog that other tools read, of the size that it should be."""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from flightllm_hw.cli import main
from flightllm_hw.export.files import export
from flightllm_hw.presets import PRESETS
from support.lint import lint

pytestmark = pytest.mark.rtl


ALIKE = ("u50", "u55c", "vhk158")


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ALIKE])
def test_every_preset_is_exported_and_clean(name, tmp_path):
    # Verilator says nothing but what lint.vlt explains.
    design = export(PRESETS[name], "vendor")
    assert len(design.text) < 5_000_000
    assert lint(design.text, design.top, tmp_path, vendor=True) == ""


@pytest.mark.parametrize("name", ALIKE)
def test_others_are_the_u280s_modules_in_other_numbers(name):
    other, u280 = PRESETS[name], PRESETS["u280"]
    same = {"name": name, "card": name, "lanes": other.lanes, "crossings": other.crossings}
    assert other == replace(u280, **same)


@pytest.mark.parametrize("flavour, name", [("vendor", "u280"), ("behavioural", "u250")])
def test_icarus_reads_the_largest(flavour, name, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    design = export(PRESETS[name], flavour)
    (tmp_path / "kernel.v").write_text(design.text)
    # `-i`: the vendor's cells are not there.
    subprocess.run(["iverilog", "-g2005-sv", "-i", "-t", "null", "-s", design.top, "kernel.v"],
                   cwd=tmp_path, check=True, timeout=300)


def test_u280_is_within_the_card(tmp_path):
    assert main(["verilog", "--preset", "u280", "-o", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    u280 = PRESETS["u280"]
    assert report["dsp"] == u280.lanes * u280.lane.dsp_total + u280.sfu.dsp
    assert report["uram"] == u280.lanes * u280.lane.uram + u280.sfu.uram
    assert report["logic_levels"] <= 8
    for resource in ("lut", "ff", "bram", "uram", "dsp"):
        assert report[resource] <= report["card"][resource]["total"]
    own = report["modules"]["csd_chain"]
    assert own["dsp"] * own["count"] == u280.dsp
