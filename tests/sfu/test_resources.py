# SPDX-License-Identifier: Apache-2.0
"""The unit of `u280` as Verilog: what it takes of the card, its paths, and what a linter says."""

import re

import pytest

from flightllm_hw.config import SfuConfig
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.presets import preset
from flightllm_hw.sfu.unit import SpecialFunctionUnit
from support.lint import lint

WIDTHS = [SfuConfig(width=width, rows=64) for width in (2, 4, 8, 16)]


@pytest.mark.rtl
def test_costs_what_the_configuration_says_with_short_paths():
    config = preset("u280").sfu
    report = resource_report(design(SpecialFunctionUnit(config), platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.total.dsp == config.dsp
    assert report.total.uram == config.uram
    assert report.total.bram == 35 + config.bram
    assert report.total.lut <= 48_000
    assert report.total.ff <= 46_000
    assert report.logic_levels <= 8


@pytest.mark.rtl
@pytest.mark.parametrize("config", WIDTHS, ids=lambda config: f"W={config.width}")
def test_every_dsp_slice_is_there(config):
    made = design(SpecialFunctionUnit(config), platform=VendorPlatform())
    slices = re.findall(r"^module (\S+) ?\((?:(?!^endmodule).)*?^  DSP48E2 #\(", made.text,
                        re.MULTILINE | re.DOTALL)
    assert sum(made.counts[name] for name in slices) == config.dsp


@pytest.mark.rtl
@pytest.mark.parametrize("platform", [BehaviouralPlatform, VendorPlatform])
def test_a_linter_finds_nothing(platform, tmp_path):
    made = design(SpecialFunctionUnit(preset("tiny").sfu), platform=platform())
    assert lint(made.text, made.top, tmp_path, vendor=platform is VendorPlatform) == ""
