# SPDX-License-Identifier: Apache-2.0
"""Every preset becomes Verilog that other tools read, of the size that it should be."""

import json
import shutil
import subprocess

import pytest

from flightllm_hw.cli import main
from flightllm_hw.export.files import FLAVOURS, export
from flightllm_hw.presets import PRESETS
from support.lint import lint

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_exported_and_clean(name, tmp_path):
    # Verilator says nothing but what lint.vlt explains.
    design = export(PRESETS[name], "vendor")
    assert len(design.text) < 4_000_000
    assert lint(design.text, design.top, tmp_path, vendor=True) == ""


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_icarus_reads_the_largest(flavour, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    design = export(PRESETS["u280"], flavour)
    (tmp_path / "u280.v").write_text(design.text)
    # `-i`: the vendor's cells are not there.
    subprocess.run(["iverilog", "-g2005-sv", "-i", "-t", "null", "-s", design.top, "u280.v"],
                   cwd=tmp_path, check=True, timeout=300)


def test_u280_has_exactly_the_dsps_of_its_chains(tmp_path):
    assert main(["verilog", "--preset", "u280", "-o", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["dsp"] == 4096
    assert report["logic_levels"] <= 8
    for resource in ("lut", "ff", "bram", "uram", "dsp"):
        assert report[resource] <= report["card"][resource]["total"]
    # Nothing but the chains multiplies.
    own = report["modules"]["csd_chain"]
    assert own["dsp"] * own["count"] == 4096
