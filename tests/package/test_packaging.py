# SPDX-License-Identifier: Apache-2.0
"""The kernel as a component and as an ``.xo``: what IP Packager is told, in which order."""

import shutil

import pytest

from flightllm_hw.boards import card
from flightllm_hw.presets import PRESETS
from support.packages import CASES, DESIGNS, VITIS, identify, kernel_pins, ports, written
from support.tcl_recorder import TclFailedError, record


@pytest.fixture(params=CASES, ids=identify, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    return written(case, tmp_path_factory.mktemp("package") / "folder")


@pytest.fixture(scope="module")
def calls(case, folder):
    name = "package_xo.tcl" if case[2] == "vitis" else "package_ip.tcl"
    return record(folder / "scripts" / name)


def settings(calls, kind):
    """What properties of objects of a kind were set to: (object, property) to value."""
    return {(call.args[2].removeprefix(f"{kind}:"), call.args[0]): call.args[1] for call in calls
            if call.name == "set_property" and call.args[2].startswith(f"{kind}:")}


def test_steps_are_in_the_vendors_order(case, calls):
    names = [call.name for call in calls]
    order = ["create_project", "add_files", "update_compile_order", "ipx::package_project",
             "ipx::unload_core", "ipx::edit_ip_in_project", "ipx::remove_user_parameter",
             "ipx::associate_bus_interfaces", "ipx::add_memory_map", "ipx::add_address_block",
             "ipx::add_register", "ipx::create_xgui_files", "ipx::update_checksums",
             "ipx::check_integrity", "ipx::save_core", "close_project"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    assert names.count("ipx::remove_user_parameter") == 2
    assert names[-1] == ("package_xo" if case[2] == "vitis" else "close_project")
    checked = calls[names.index("ipx::check_integrity")]
    assert checked.options == {"-kernel": ""}
    for name in ("sdx_kernel", "sdx_kernel_type", "xpm_libraries", "slave_memory_map_ref"):
        at = [n for n, c in enumerate(calls) if c.name == "set_property" and c.args[0] == name]
        assert len(at) == 1 and at[0] < names.index("ipx::check_integrity")


def test_the_project_is_for_the_card_and_has_the_kernel(case, calls, folder):
    assert calls[0].options["-part"] == card(case[1]).part
    kernel = f"flightllm_{case[0]}"
    added = next(call for call in calls if call.name == "add_files")
    assert added.args == (str(folder / "rtl" / f"{kernel}.v"),)
    assert ("fileset:", "top") in {(c.args[2], c.args[0]) for c in calls
                                   if c.name == "set_property" and c.args[1] == kernel}
    packaged = next(call for call in calls if call.name == "ipx::package_project")
    assert packaged.options["-vendor"] == "flightllm"
    assert packaged.options["-root_dir"] == str(folder / "build" / "ip")


def test_every_bus_has_the_clock_and_masters_make_whole_bursts(case, calls):
    buses = kernel_pins(case[0]).interfaces
    tied = [call.options["-busif"] for call in calls
            if call.name == "ipx::associate_bus_interfaces" and "-busif" in call.options]
    assert sorted(tied) == sorted(buses)
    for call in calls:
        if call.name == "ipx::associate_bus_interfaces":
            assert call.options["-clock"] == "ap_clk"
    assert {"-clock": "ap_clk", "-reset": "ap_rst_n"} in [
        call.options for call in calls if call.name == "ipx::associate_bus_interfaces"]
    given = settings(calls, "bus_parameter")
    for bus, (mode, _) in buses.items():
        if mode == "master":
            for name in ("HAS_BURST", "SUPPORTS_NARROW_BURST"):
                assert given[f"{name}:bus:{bus}@core:", "value"] == "0"
                assert given[f"{name}:bus:{bus}@core:", "value_source"] == "constant"
    assert given["FREQ_HZ:bus:ap_clk@core:", "value"] == str(
        PRESETS[case[0]].clock_mhz * 1_000_000)


def test_every_argument_is_a_register_and_every_pointer_has_its_bus(case, calls):
    config = PRESETS[case[0]]
    given = settings(calls, "register")
    names = [call.args[0] for call in calls if call.name == "ipx::add_register"]
    pointers = ["host", *(f"lane_{n}" for n in range(config.lanes))]
    scalars = ["host_pages", "lane_pages", "program", "watchdog",
               *(f"r{n}" for n in range(1, 17))]
    assert names == ["CTRL", "GIER", "IP_IER", "IP_ISR", *pointers, *scalars]
    offsets = {name: int(given[name, "address_offset"], 0) for name in names}
    assert [offsets[name] for name in names[:4]] == [0, 4, 8, 12]
    assert [offsets[name] for name in names[4:]] == [16 + 8 * n for n in range(len(names) - 4)]
    for name in names:
        assert given[name, "size"] == ("64" if name in pointers else "32")
        assert given[name, "description"]
    buses = {name: value for (name, _), value in settings(calls, "register_parameter").items()}
    want = {"host": "m_axi_host", **{f"lane_{n}": f"m_axi_{n}" for n in range(config.lanes)}}
    assert buses == {f"ASSOCIATED_BUSIF:register:{name}": bus for name, bus in want.items()}
    assert set(want.values()) <= set(kernel_pins(case[0]).interfaces)


def test_no_pin_belongs_to_no_bus(case):
    kernel = kernel_pins(case[0])
    assert kernel.inputs == {"ap_clk", "ap_rst_n"} and kernel.outputs == {"interrupt"}
    assert len(ports(case[0])) > 3


@pytest.mark.parametrize("card_", ["u280", "u250"])
def test_the_xo_says_what_the_kernel_does(card_, tmp_path):
    *_, last = record(written((card_, card_, "vitis"), tmp_path) / "scripts" / "package_xo.tcl")
    kernel = f"flightllm_{card_}"
    assert last.options == {
        "-xo_path": str(tmp_path / "build" / f"{kernel}.xo"), "-kernel_name": kernel,
        "-ip_directory": str(tmp_path / "build" / "ip"),
        "-kernel_xml": str(tmp_path / "kernel.xml"), "-ctrl_protocol": "ap_ctrl_hs"}
    assert (tmp_path / "kernel.xml").exists()


@pytest.mark.parametrize("placed", VITIS + DESIGNS, ids=identify)
def test_every_lane_is_placed_by_a_script_that_is_complete_in_itself(placed, tmp_path):
    config, slr = PRESETS[placed[0]], card(placed[1]).slr
    # The tools may run a copy of it elsewhere.
    alone = tmp_path / "alone.tcl"
    shutil.copy(written(placed, tmp_path / "package") / "scripts" / "place_lanes.tcl", alone)
    calls = record(alone)
    cells = [call.options["-filter"] for call in calls if call.name == "get_cells"]
    assert cells == [f"NAME =~ */kernel/core/node_{n}" for n in range(config.lanes)]
    where = [call.args[1] for call in calls if call.name == "set_property"]
    assert len(where) == config.lanes and set(where) <= {f"SLR{n}" for n in range(slr)}


def test_a_lane_that_is_not_there_is_an_error(tmp_path):
    script = written(VITIS[0], tmp_path) / "scripts" / "place_lanes.tcl"
    with pytest.raises(TclFailedError, match="one cell of lane 0 to be placed, not 0"):
        record(script, results={"get_cells": ""})
