# SPDX-License-Identifier: Apache-2.0
"""What Vivado is told, in its order, by scripts that a Tcl interpreter runs."""

import pytest

from flightllm_hw.boards import card
from flightllm_hw.boards.platforms import PLATFORMS, platform
from support.alveo import built, pins_of, single
from support.tcl_recorder import Call, record

NOTHING = {"get_cells": "", "get_pins": ""}
"""A netlist in which there is nothing to be found."""


@pytest.fixture(params=PLATFORMS)
def files(request, tmp_path):
    built(request.param, "selftest").extract(tmp_path)
    return request.param, tmp_path


def test_the_steps_come_in_the_flows_order(files):
    name, folder = files
    calls = [call for call in record(folder / "selftest.tcl", results=NOTHING)
             if not call.name.startswith(("report_", "get_", "set_"))]
    steps = [call.name for call in calls]
    assert steps == [
        "create_project", "add_files", "read_xdc", "read_xdc", "synth_design", "opt_design",
        "place_design", "route_design", "phys_opt_design", "write_checkpoint", "write_bitstream",
        "quit"]
    assert calls[:5] == [
        Call("create_project", {"-force": "", "-name": "selftest", "-part": card(name).part}, ()),
        Call("add_files", {}, ("selftest.v",)), Call("read_xdc", {}, ("selftest.xdc",)),
        Call("read_xdc", {}, ("configuration.xdc",)),
        Call("synth_design", {"-top": "selftest"}, ())]
    assert calls[-2:] == [
        Call("write_bitstream", {"-force": "", "-bin_file": ""}, ("selftest.bit",)),
        Call("quit", {}, ())]
    for file in ("selftest.v", "selftest.xdc", "configuration.xdc"):
        assert (folder / file).exists()


def test_paths_between_clocks_are_excepted_once_there_is_a_netlist(files):
    """The synchronisers' marks are looked for after synthesis, and before anything is placed."""
    _, folder = files
    calls = record(folder / "selftest.tcl",
                   results=NOTHING | {"get_cells,*false_path ==*": "a b"})
    names = [call.name for call in calls]
    assert [call.options for call in calls if call.name == "set_false_path"] == [
        {"-to": "a"}, {"-to": "b"}]
    assert names.index("synth_design") < names.index("set_false_path") < names.index("opt_design")


def test_the_constraints_are_commands_on_ports_that_exist(files):
    name, folder = files
    calls = [c for c in record(folder / "selftest.xdc") if not c.name.startswith("get_")]
    known = {ball for pin in pins_of(platform(name)).values() for ball in single(pin)}
    verilog = (folder / "selftest.v").read_text()
    top = verilog.index("module selftest(")
    ports = set(verilog[top + len("module selftest("):verilog.index(");", top)]
                .replace(",", " ").split())
    placed, clocks = {}, {}
    for call in calls:
        if call.name == "set_property":
            key, value, port = call.args
            assert key in ("LOC", "IOSTANDARD", "SLEW", "DRIVE", "PULLUP", "PULLDOWN")
            if key == "LOC":
                placed[port.removeprefix("port:")] = value
        else:
            assert call.name == "create_clock"
            net, = call.args
            clocks[net.removeprefix("net:")] = float(call.options["-period"])
    assert set(placed) == ports
    assert len(set(placed.values())) == len(placed) and set(placed.values()) <= known
    assert clocks == {
        f"{key[0]}_{key[1]}__p": pytest.approx(1e9 / resource.clock.frequency)
        for key, resource in platform(name).resources.items() if resource.clock}


def test_the_configuration_is_the_cards(files):
    name, folder = files
    calls = record(folder / "configuration.xdc")
    *properties, power = [call for call in calls if call.name != "current_design"]
    watts = {"u280": "160", "u50": "63", "u55c": "100", "u250": "160"}
    assert power == Call("set_operating_conditions", {"-design_power_budget": watts[name]}, ())
    assert properties == [Call("set_property", {}, (key, value, "design:")) for key, value in {
        "CFGBVS": "GND",
        "CONFIG_VOLTAGE": "1.8",
        "CONFIG_MODE": "SPIx4",
        "BITSTREAM.GENERAL.COMPRESS": "TRUE",
        "BITSTREAM.CONFIG.CONFIGFALLBACK": "ENABLE",
        "BITSTREAM.CONFIG.SPI_BUSWIDTH": "4",
        "BITSTREAM.CONFIG.CONFIGRATE": "63.8" if name == "u250" else "85.0",
        "BITSTREAM.CONFIG.EXTMASTERCCLK_EN": "DISABLE",
        "BITSTREAM.CONFIG.SPI_FALL_EDGE": "YES",
        "BITSTREAM.CONFIG.SPI_32BIT_ADDR": "YES",
        "BITSTREAM.CONFIG.OVERTEMPSHUTDOWN": "ENABLE",
        "BITSTREAM.CONFIG.UNUSEDPIN": "PULLDOWN",
    }.items()]
