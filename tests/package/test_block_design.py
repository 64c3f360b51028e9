# SPDX-License-Identifier: Apache-2.0
"""The block designs, made by a Tcl interpreter without Vivado and replayed on a model of the IP."""

import re
from itertools import pairwise

import pytest

from flightllm_hw.boards import card
from flightllm_hw.boards.flows import flow
from flightllm_hw.presets import PRESETS
from support.block_design import BlockDesign
from support.packages import DESIGNS, identify, kernel_pins, written
from support.tcl_recorder import TclFailedError, record

WELL = {"PROGRESS": "100%", "SLACK": "0.012", "STATUS": "write_bitstream Complete!"}


@pytest.fixture(params=DESIGNS, ids=identify, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    return written(case, tmp_path_factory.mktemp("package") / "folder")


@pytest.fixture(scope="module")
def calls(folder):
    return record(folder / "scripts" / "project.tcl")


@pytest.fixture(scope="module")
def design(case, calls):
    return BlockDesign(calls, kernel_pins(case[0]), f"flightllm:kernel:flightllm_{case[0]}:1.0")


def test_nothing_is_loose_but_the_interrupt(design):
    assert design.loose() == []
    assert "kernel/interrupt" not in design.drivers.values()


def test_both_ends_of_every_axi_link_have_a_clock_in_common(design):
    checked = 0
    for master, slave in design.links.items():
        cell, pin = (master if not master.startswith("/") else slave).split("/")
        if design.ip(cell).interfaces[pin][1] == "axi":
            assert design.clocks(master) & design.clocks(slave), (master, slave)
            checked += 1
    assert checked >= len(design.kernel.interfaces)
    for pin in design.kernel.interfaces:
        assert design.clocks(f"kernel/{pin}") == {"clocks/clk_out1"}


def test_every_port_of_the_kernel_sees_its_memory_and_no_other(case, design):
    config, memory = PRESETS[case[0]], card(case[1]).memory
    dimms = flow(case[1]).vivado.dimms
    seen = {pin: [row for row in design.addresses if row[0] == f"kernel/{pin}"]
            for pin in design.kernel.interfaces}
    for n in range(config.lanes):
        (_, base, size, segment), = seen[f"m_axi_{n}"]
        if memory.kind == "HBM":
            assert (base, size) == (n * memory.bytes_each, memory.bytes_each)
            assert re.fullmatch(rf"hbm/SAXI_{n:02}(_8HI)?/HBM_MEM{n:02}", segment)
        else:
            assert segment.startswith(f"ddr4_{n}/") and size == memory.bytes_each
    assert seen["m_axi_host"]
    if memory.kind == "HBM" and dimms:
        assert [row[3].split("/")[0] for row in seen["m_axi_host"]] == ["ddr4_0"]
    if config.lanes < memory.count or memory.kind == "HBM" and dimms:
        lanes = {row[3] for pin, rows in seen.items() if pin != "m_axi_host" for row in rows}
        assert not lanes & {row[3] for row in seen["m_axi_host"]}


def test_the_dma_sees_all_that_the_kernel_sees_at_the_same_addresses(case, design):
    dma = {(base, size) for space, base, size, _ in design.addresses if space == "xdma/M_AXI"}
    for space, base, size, _ in design.addresses:
        if space.startswith("kernel/"):
            assert (base, size) in dma
    if card(case[1]).hbm_gb:
        hbm = sum(size for base, size in dma if base < 1 << 36)
        assert hbm == card(case[1]).hbm_gb << 30


def test_addresses_do_not_overlap_and_are_aligned_and_behind_what_they_name(design):
    for space in {row[0] for row in design.addresses}:
        rows = sorted(row[1:] for row in design.addresses if row[0] == space)
        assert all(base + size <= after for (base, size, _), (after, _, _) in pairwise(rows))
        reached = design.reached(space)
        for base, size, segment in rows:
            assert size and size & size - 1 == 0 and base % size == 0 and base + size <= 1 << 64
            owner = segment.rsplit("/", 1)[0]
            if owner.endswith("C0_DDR4_MEMORY_MAP"):
                owner = owner.split("/")[0] + "/C0_DDR4_S_AXI"
            assert owner in reached
    assert [row[1:] for row in design.addresses if row[0] == "xdma/M_AXI_LITE"] == [
        (0, 4096, "kernel/s_axi_control/reg0")]


def test_whatever_can_be_reached_is_assigned_or_excluded(design):
    assigned = {(space, segment) for space, _, _, segment in design.addresses}
    assert len(assigned) == len(design.addresses) and not assigned & design.excluded
    spaces = {"xdma/M_AXI", *(f"kernel/{pin}" for pin in design.kernel.interfaces)}
    reached = {(space, f"{slave}/HBM_MEM{n:02}") for space in spaces - {"kernel/s_axi_control"}
               for slave in design.reached(space) if slave.startswith("hbm/") for n in range(32)}
    there = {row for row in assigned | design.excluded if row[1].startswith("hbm/")}
    assert there == reached


def test_the_kernel_runs_when_clocks_and_memories_are_ready(design):
    assert design.drivers["kernel/ap_rst_n"] == "kernel_reset/peripheral_aresetn"
    assert design.drivers["kernel_reset/dcm_locked"] == "ready/Res"
    conditions = {pin for name, pin in design.drivers.items() if name.startswith("conditions/In")}
    want = {"clocks/locked"}
    for cell, ip in design.cells.items():
        if ip == "hbm":
            want |= {"hbm/apb_complete_0", "hbm/apb_complete_1"}
        elif ip == "ddr4":
            want.add(f"{cell}/c0_init_calib_complete")
    assert conditions == want
    assert int(design.settings["ready"]["C_SIZE"]) == len(want)


def test_the_alarm_is_driven_by_the_hbm_alone(case, design):
    if card(case[1]).memory.kind == "DDR":
        assert "hbm_cattrip" not in design.ports
        return
    assert design.ports["hbm_cattrip"] == "O"
    assert design.drivers["/hbm_cattrip"] == "cattrip/Res"
    assert design.settings["cattrip"]["C_OPERATION"] == "or"
    assert {design.drivers[f"cattrip/Op{n}"] for n in (1, 2)} == {
        "hbm/DRAM_0_STAT_CATTRIP", "hbm/DRAM_1_STAT_CATTRIP"}


def test_clocks_are_those_of_the_configuration(case, design):
    clocks = design.settings["clocks"]
    assert float(clocks["CLKOUT1_REQUESTED_OUT_FREQ"]) == PRESETS[case[0]].clock_mhz
    if "hbm" in design.cells:
        assert float(clocks["CLKOUT2_REQUESTED_OUT_FREQ"]) == 450
        assert design.settings["hbm"]["USER_HBM_DENSITY"] == (
            f"{card(case[1]).memory.bytes_each * 32 >> 30}GB")
    source = design.drivers["clocks/clk_in1"]
    assert source == ("ddr4_0/addn_ui_clkout1" if case[1] == "u250" else "reference_bufg/BUFG_O")


def test_settings_of_pcie_are_in_the_order_in_which_they_can_be_made(case, calls):
    names = [call.args[0].removeprefix("CONFIG.") for call in calls
             if call.name == "set_property" and call.args[2] == "bd_cell:xdma"]
    assert names[0] == "mode_selection"
    if case[1] == "u250":
        assert names[1] == "PCIE_BOARD_INTERFACE"
    else:
        assert names[1:4] == ["pcie_blk_locn", "en_gt_selection", "select_quad"]


def test_steps_are_in_order(case, folder, calls):
    names = [call.name for call in calls]
    order = ["create_project", "update_ip_catalog", "create_bd_design", "create_bd_cell",
             "assign_bd_address", "validate_bd_design", "save_bd_design", "make_wrapper",
             "close_project"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    # Nothing is changed once it has been validated, nor assigned before all is tied.
    last = max(n for n, name in enumerate(names) if name.startswith("connect_bd"))
    assert last < names.index("assign_bd_address")
    assert names[-1] == "close_project" and names.count("validate_bd_design") == 1
    given = {call.args[:2] for call in calls if call.name == "set_property"}
    # Two cards need no board files.
    boards = {value for name, value in given if name == "board_part"}
    assert boards == ({card(case[1]).board_part} if case[1] in ("u280", "u250") else set())
    assert ("STEPS.PLACE_DESIGN.TCL.PRE", str(folder / "scripts" / "place_lanes.tcl")) in given
    assert ("top", "system_wrapper") in given


@pytest.mark.parametrize("argv, jobs", [("", "4"), ("9", "9")])
def test_a_bitstream_is_written_if_all_is_well(argv, jobs, tmp_path):
    script = written(DESIGNS[0], tmp_path) / "scripts" / "bitstream.tcl"
    calls = record(script, argv=argv, properties=WELL)
    names = [call.name for call in calls]
    assert [c.args[0] for c in calls if c.name == "launch_runs"] == ["synth_1", "impl_1"]
    assert {c.options["-jobs"] for c in calls if c.name == "launch_runs"} == {jobs}
    assert names.index("get_timing_paths") < names.index("write_bitstream")
    assert calls[names.index("write_bitstream")].args == (
        str(tmp_path / "build" / f"flightllm_{DESIGNS[0][0]}.bit"),)


@pytest.mark.parametrize("trouble, message", [
    ({"SLACK": "-0.3"}, "Timing is missed by 0.3 ns"),
    ({"PROGRESS": "34%", "STATUS": "place_design ERROR"}, "synth_1 did not come to its end: place"),
])
def test_no_bitstream_is_written_of_a_failure(trouble, message, tmp_path):
    script = written(DESIGNS[0], tmp_path) / "scripts" / "bitstream.tcl"
    with pytest.raises(TclFailedError, match=message):
        record(script, properties=WELL | trouble)
