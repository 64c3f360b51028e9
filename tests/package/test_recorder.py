# SPDX-License-Identifier: Apache-2.0
"""The means of these tests are tested: mistakes in scripts and in block designs are found."""

import pytest

from support.block_design import BlockDesign
from support.packages import kernel_pins, written
from support.tcl_recorder import Call, TclFailedError, interpreters, record

U280 = ("u280", "u280", "vivado")
VLNV = "flightllm:kernel:flightllm_u280:1.0"


@pytest.fixture(params=interpreters())
def run(request, tmp_path):
    def run(text, **others):
        script = tmp_path / "script.tcl"
        script.write_text(text)
        return record(script, interpreter=request.param, **others)
    return run


def test_calls_are_recorded_word_by_word(run):
    calls = run("set cell [create_bd_cell -type ip -vlnv x:y:z {a b}]\n"
                "set_property -dict {CONFIG.A {1 2} CONFIG.B ä} $cell\n")
    assert calls == [
        Call("create_bd_cell", {"-type": "ip", "-vlnv": "x:y:z"}, ("a b",)),
        Call("set_property", {}, ("CONFIG.A", "1 2", "bd_cell:a b")),
        Call("set_property", {}, ("CONFIG.B", "ä", "bd_cell:a b"))]


def test_tests_say_what_commands_find(run):
    text = ("foreach cell [get_cells -hierarchical] {\n"
            "    if {[get_property IS $cell]} { open_run $cell$argv }\n}\n")
    calls = run(text, argv="!", results={"get_cells": "a b"}, properties={"IS": "1"})
    assert [call.args for call in calls if call.name == "open_run"] == [("a!",), ("b!",)]


def test_what_is_found_may_depend_on_what_is_looked_for(run):
    text = ("foreach cell [get_cells -filter {NAME =~ node*}] { open_run $cell }\n"
            "foreach cell [get_cells -filter {NAME =~ lane}] { open_run $cell }\n")
    calls = run(text, results={"get_cells,*node*": "a b", "get_cells": ""})
    assert [call.args for call in calls if call.name == "open_run"] == [("a",), ("b",)]


@pytest.mark.parametrize("text, message", [
    ("create_bd_sell x", "invalid command name"),
    ("create_bd_design -big x", "create_bd_design knows no option -big"),
    ("create_bd_design", "takes 1 to 1 arguments, not 0"),
    ("create_bd_design a b", "takes 1 to 1 arguments, not 2"),
    ("create_project x -part", "-part has no value"),
    ("get_property SIZE x", "x has no property SIZE"),
    ("set_property A x", "takes 3 to 3 arguments, not 2"),
    ("set_property -dict {A 1 B} x", "PAIRS OBJECT"),
    ("open_run $missing", "can't read \"missing\""),
])
def test_what_vivado_would_not_know_is_an_error(text, message, run):
    with pytest.raises(TclFailedError, match=message):
        run(text)


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    return record(written(U280, tmp_path_factory.mktemp("u280")) / "scripts" / "project.tcl")


def design(calls):
    return BlockDesign(calls, kernel_pins("u280"), VLNV)


def without(calls, *args):
    """All calls but the first with these arguments."""
    first = next(n for n, call in enumerate(calls) if call.args == args)
    return calls[:first] + calls[first + 1:]


@pytest.mark.parametrize("args, loose", [
    (("bd_pin:clocks/clk_out1", "bd_pin:kernel/ap_clk"), ["kernel/ap_clk"]),
    (("bd_pin:clocks/clk_out2", "bd_pin:hbm/AXI_07_ACLK"), ["hbm/AXI_07_ACLK"]),
    (("bd_pin:xdma/axi_aclk", "bd_pin:hbm_31_in/aclk2"), ["hbm_31_in/aclk2"]),
    (("bd_intf_pin:kernel/m_axi_7", "bd_intf_pin:hbm_07_in/S00_AXI"),
     ["hbm_07_in/S00_AXI", "kernel/m_axi_7"]),
    (("bd_intf_pin:control/M00_AXI", "bd_intf_pin:kernel/s_axi_control"),
     ["control/M00_AXI", "kernel/s_axi_control"]),
])
def test_what_is_not_tied_is_found(args, loose, calls):
    assert design(calls).loose() == []
    assert sorted(design(without(calls, *args)).loose()) == loose


def test_a_clock_of_another_domain_is_found(calls):
    wrong = [Call(c.name, c.options, ("bd_pin:clocks/clk_out2", c.args[1]))
             if c.args == ("bd_pin:clocks/clk_out1", "bd_pin:hbm_03_in/aclk") else c for c in calls]
    made = design(wrong)
    assert not made.clocks("kernel/m_axi_3") & made.clocks("hbm_03_in/S00_AXI")


@pytest.mark.parametrize("call, message", [
    (Call("connect_bd_net", {}, ("bd_pin:clocks/locked", "bd_pin:kernel/ap_clk")), "driven twice"),
    (Call("connect_bd_net", {}, ("bd_pin:clocks/locked", "bd_pin:kernel/clk")), "has no pin clk"),
    (Call("connect_bd_net", {}, ("bd_pin:clock/locked", "bd_pin:kernel/ap_clk")),
     "no cell clock"),
    (Call("connect_bd_intf_net", {}, ("bd_intf_pin:kernel/m_axi_32",
                                      "bd_intf_pin:hbm/SAXI_00")), "no interface m_axi_32"),
    (Call("set_property", {}, ("CONFIG.USER_HBM_SIZE", "8", "bd_cell:hbm")),
     "hbm has no setting CONFIG.USER_HBM_SIZE"),
])
def test_what_cannot_be_tied_or_set_is_found(call, message, calls):
    with pytest.raises(AssertionError, match=message):
        design([*calls, call])
