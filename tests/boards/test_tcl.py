# SPDX-License-Identifier: Apache-2.0
"""What Vivado is told, in its order, by scripts that a Tcl interpreter runs."""

import shutil

import pytest

from flightllm_hw.boards import card
from flightllm_hw.boards.platforms import PLATFORMS, platform
from support.alveo import built, pins_of, single
from support.vivado_tcl import record

# What a query gives: the object that was asked for.
OBJECTS = {name: "return [lindex $args end]" for name in (
    "get_ports", "get_nets", "get_cells", "get_pins", "get_pin", "get_clocks")}
OBJECTS["current_design"] = "return design"


@pytest.fixture(params=PLATFORMS)
def files(request, tmp_path):
    built(request.param, "selftest").extract(tmp_path)
    return request.param, tmp_path


def test_the_steps_come_in_the_flows_order(files):
    name, folder = files
    commands = record(folder, "selftest.tcl")
    steps = [command[0] for command in commands
             if not command[0].startswith(("report_", "get_", "set_"))]
    assert steps == [
        "create_project", "add_files", "read_xdc", "read_xdc", "synth_design", "opt_design",
        "place_design", "route_design", "phys_opt_design", "write_checkpoint", "write_bitstream",
        "quit"]
    assert commands[0] == ("create_project", "-force", "-name", "selftest",
                           "-part", card(name).part)
    assert commands[1:5] == [
        ("add_files", "selftest.v"), ("read_xdc", "selftest.xdc"),
        ("read_xdc", "configuration.xdc"), ("synth_design", "-top", "selftest")]
    assert commands[-2:] == [
        ("write_bitstream", "-force", "-bin_file", "selftest.bit"), ("quit",)]
    for file in ("selftest.v", "selftest.xdc", "configuration.xdc"):
        assert (folder / file).exists()


def test_paths_between_clocks_are_excepted_once_there_is_a_netlist(files):
    """The synchronisers' marks are looked for after synthesis, and before anything is placed."""
    _, folder = files
    commands = record(folder, "selftest.tcl", {
        "get_cells": 'if {[lsearch $args "*false_path ==*"] >= 0} {return {a b}}; return'})
    names = [command[0] for command in commands]
    assert [command for command in commands if command[0] == "set_false_path"] == [
        ("set_false_path", "-to", "a"), ("set_false_path", "-to", "b")]
    assert names.index("synth_design") < names.index("set_false_path") < names.index("opt_design")


def test_the_constraints_are_commands_on_ports_that_exist(files):
    name, folder = files
    commands = [c for c in record(folder, "selftest.xdc", OBJECTS) if not c[0].startswith("get_")]
    known = {ball for pin in pins_of(platform(name)).values() for ball in single(pin)}
    verilog = (folder / "selftest.v").read_text()
    top = verilog.index("module selftest(")
    ports = set(verilog[top + len("module selftest("):verilog.index(");", top)]
                .replace(",", " ").split())
    placed, clocks = {}, {}
    for command, *words in commands:
        if command == "set_property":
            key, value, port = words
            assert key in ("LOC", "IOSTANDARD", "SLEW", "DRIVE", "PULLUP", "PULLDOWN")
            if key == "LOC":
                placed[port] = value
        else:
            assert command == "create_clock"
            name_flag, _, period_flag, period, net = words
            assert (name_flag, period_flag) == ("-name", "-period")
            clocks[net] = float(period)
    assert set(placed) == ports
    assert len(set(placed.values())) == len(placed) and set(placed.values()) <= known
    assert clocks == {
        f"{key[0]}_{key[1]}__p": pytest.approx(1e9 / resource.clock.frequency)
        for key, resource in platform(name).resources.items() if resource.clock}


def test_the_configuration_is_the_cards(files):
    name, folder = files
    commands = [c for c in record(folder, "configuration.xdc", OBJECTS) if c[0] != "current_design"]
    *properties, power = commands
    watts = {"u280": "160", "u50": "63", "u55c": "100", "u250": "160"}
    assert power == ("set_operating_conditions", "-design_power_budget", watts[name])
    assert properties == [("set_property", key, value, "design") for key, value in {
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


@pytest.mark.parametrize("interpreter", ["tclsh", "tkinter"])
def test_the_recorder_records_words_and_finds_mistakes(interpreter, tmp_path, monkeypatch):
    if interpreter == "tkinter":
        pytest.importorskip("tkinter")
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif shutil.which("tclsh") is None:
        pytest.skip("tclsh is not installed")
    script = tmp_path / "script.tcl"
    script.write_text('foreach c [get_cells {a [b] $c}] { set_false_path -to "$c x" }\nquit\n')
    assert record(tmp_path, "script.tcl", {"get_cells": "return {1 2}"}) == [
        ("get_cells", "a [b] $c"), ("set_false_path", "-to", "1 x"),
        ("set_false_path", "-to", "2 x"), ("quit",)]
    for wrong, complaint in (("set_propperty A B C", 'invalid command name "set_propperty"'),
                             ("set_property A {B", "missing close-brace"),
                             ("set_property A $b", "no such variable")):
        script.write_text(wrong + "\n")
        with pytest.raises(AssertionError, match=complaint):
            record(tmp_path, "script.tcl")
