# SPDX-License-Identifier: Apache-2.0
"""``card.xdc``: it runs as Tcl, and has the pins that the facts have."""

import re

import pytest

from flightllm_hw.boards.flows import FLOWS
from support.packages import identify, written
from support.tcl_recorder import record

CARDS = [(name, name, "vivado") for name, flow in FLOWS.items() if flow.vivado]

PINS = {
    # PCIe's reference, PERST, the reference of HBM and kernel, the HBM's alarm.
    "u280": ("AR15", "AR14", "BH26", "BJ43", "BJ44", "D32"),
    "u50": ("AF9", "AF8", "AW27", "BB18", "BC18", "J18"),
    "u55c": ("AR15", "AR14", "BF41", "BK43", "BK44", "BE45"),
    "u250": ("AM11", "AM10", "BD21"),
}
"""Transcribed from the vendor's board files and public constraints, not from ours."""

PORTS = ("pcie_refclk_clk_p*", "pcie_refclk_clk_n*", "pcie_perstn", "reference_clk_clk_p*",
         "reference_clk_clk_n*", "hbm_cattrip")


def properties(case, folder):
    """What is set: object to properties."""
    found = {}
    for call in record(written(case, folder) / "constraints" / "card.xdc"):
        if call.name == "set_property":
            name, value, what = call.args
            assert name not in found.setdefault(what, {}), f"{name} is set twice"
            found[what][name] = value
    return found


@pytest.mark.parametrize("case", CARDS, ids=identify)
def test_pins_are_the_cards(case, tmp_path):
    found = properties(case, tmp_path)
    pins = PINS[case[0]]
    locations = {what.removeprefix("port:"): given["PACKAGE_PIN"] for what, given in found.items()
                 if what.startswith("port:")}
    assert locations == dict(zip(PORTS, pins, strict=False))
    assert len(set(pins)) == len(pins)
    standard = "LVCMOS12" if case[0] == "u250" else "LVCMOS18"
    assert found["port:pcie_perstn"]["IOSTANDARD"] == standard
    # A transceiver's clock has no I/O standard.
    assert "IOSTANDARD" not in found["port:pcie_refclk_clk_p*"]


@pytest.mark.parametrize("case", CARDS, ids=identify)
def test_pins_are_those_of_ports_of_the_block_design(case, tmp_path):
    calls = record(written(case, tmp_path) / "scripts" / "project.tcl")
    made = {call.args[0] for call in calls if call.name == "create_bd_port"}
    made |= {f"{call.args[0]}_clk_{way}*" for call in calls
             if call.name == "create_bd_intf_port" and "diff_clock" in call.options["-vlnv"]
             for way in "pn"}
    named = {what.removeprefix("port:") for what in properties(case, tmp_path)
             if what.startswith("port:")}
    assert named <= made
    # The others have their pins from the board's files.
    assert all(re.match(r"sysclk|default_300mhz_clk", name) for name in made - named)


@pytest.mark.parametrize("case", CARDS, ids=identify)
def test_the_alarm_is_pulled_down_and_nothing_is_pulled_up_by_default(case, tmp_path):
    found = properties(case, tmp_path)
    if case[0] != "u250":
        alarm = found["port:hbm_cattrip"]
        assert alarm["PULLDOWN"] == "TRUE" and "PULLUP" not in alarm
        assert alarm["IOSTANDARD"] == "LVCMOS18"
    design = found["design:"]
    assert design["BITSTREAM.CONFIG.UNUSEDPIN"] == "PULLDOWN"
    assert design["CONFIG_VOLTAGE"] == "1.8" and design["CFGBVS"] == "GND"
    assert design["BITSTREAM.CONFIG.CONFIGRATE"] == ("63.8" if case[0] == "u250" else "85.0")


@pytest.mark.parametrize("case, watts", [(("u280",) * 2, "160"), (("u50",) * 2, "63"),
                                         (("u55c",) * 2, "100"), (("u250",) * 2, "160")])
def test_the_power_budget_is_the_cards(case, watts, tmp_path):
    calls = record(written((*case, "vivado"), tmp_path) / "constraints" / "card.xdc")
    assert [call.options for call in calls if call.name == "set_operating_conditions"] == [
        {"-design_power_budget": watts}]
    clocks = {call.options["-name"]: call for call in calls if call.name == "create_clock"}
    assert set(clocks) == {"pcie_refclk"} | ({"reference_clk"} if case[0] != "u250" else set())
    for name, call in clocks.items():
        assert call.options["-period"] == "10.000" and call.args == (f"port:{name}_clk_p*",)
