# SPDX-License-Identifier: Apache-2.0
"""The vendor's IP in block designs: pins and settings of those that packages use.

Transcribed from the product guides (PG065 clk_wiz, PG150 ddr4, PG164 proc_sys_reset, PG195 xdma,
PG247 smartconnect, PG276 hbm) and public block designs, not taken from our scripts.
"""

import re
from dataclasses import dataclass, field

__all__ = ["IPS", "Ip", "kernel_ip"]


@dataclass
class Ip:
    """Pins of a cell with certain settings.

    ``inputs`` must be driven, ``may`` need not. ``interfaces`` by name: ``master`` or ``slave``,
    and the kind. ``clocks``: the pins, any of which an AXI interface may be synchronous to.
    """

    inputs: set = field(default_factory=set)
    may: set = field(default_factory=set)
    outputs: set = field(default_factory=set)
    interfaces: dict = field(default_factory=dict)
    optional: set = field(default_factory=set)
    clocks: dict = field(default_factory=dict)


def _util_ds_buf(p):
    kind = p.get("C_BUF_TYPE", "IBUFDS")
    if kind == "BUFG":
        return Ip({"BUFG_I"}, set(), {"BUFG_O"})
    outputs = {"IBUFDS": {"IBUF_OUT"}, "IBUFDSGTE": {"IBUF_OUT", "IBUF_DS_ODIV2"}}[kind]
    return Ip(set(), set(), outputs, {"CLK_IN_D": ("slave", "diff_clock")})


def _xdma(p):
    ip = Ip({"sys_clk", "sys_clk_gt", "sys_rst_n", "usr_irq_req"}, set(),
            {"axi_aclk", "axi_aresetn", "usr_irq_ack", "user_lnk_up"},
            {"pcie_mgt": ("master", "pcie_7x_mgt")})
    assert p["xdma_axi_intf_mm"] == "AXI_Memory_Mapped"
    ip.interfaces["M_AXI"] = ("master", "axi")
    if p.get("axilite_master_en") == "true":
        ip.interfaces["M_AXI_LITE"] = ("master", "axi")
    ip.clocks = {"M_AXI": {"axi_aclk"}, "M_AXI_LITE": {"axi_aclk"}}
    return ip


def _clk_wiz(p):
    assert p["PRIM_SOURCE"] == "No_buffer" and p["USE_LOCKED"] == "true"
    count = 2 if p.get("CLKOUT2_USED") == "true" else 1
    for n in range(1, count + 1):
        assert 10 <= float(p[f"CLKOUT{n}_REQUESTED_OUT_FREQ"]) <= 775
    return Ip({"clk_in1"} | ({"reset"} if p.get("USE_RESET", "true") == "true" else set()), set(),
              {"locked", *(f"clk_out{n}" for n in range(1, count + 1))})


def _proc_sys_reset(p):
    return Ip({"slowest_sync_clk", "ext_reset_in"},
              {"aux_reset_in", "mb_debug_sys_rst", "dcm_locked"},
              {"mb_reset", "bus_struct_reset", "peripheral_reset", "interconnect_aresetn",
               "peripheral_aresetn"})


def _smartconnect(p):
    sources, sinks, clocks = (int(p.get(name, 1)) for name in ("NUM_SI", "NUM_MI", "NUM_CLKS"))
    assert 1 <= sources <= 16 and 1 <= sinks <= 16
    pins = {"aclk", *(f"aclk{n}" for n in range(1, clocks))}
    interfaces = {**{f"S{n:02}_AXI": ("slave", "axi") for n in range(sources)},
                  **{f"M{n:02}_AXI": ("master", "axi") for n in range(sinks)}}
    return Ip(pins | {"aresetn"}, set(), set(), interfaces, set(), dict.fromkeys(interfaces, pins))


def _hbm(p):
    suffix = {"8GB": "", "16GB": "_8HI"}[p["USER_HBM_DENSITY"]]
    assert p["USER_HBM_STACK"] == "2" and p["USER_APB_EN"] == "false"
    # Behind one switch each port reaches every channel.
    assert p["USER_SWITCH_ENABLE_00"] == p["USER_SWITCH_ENABLE_01"] == "TRUE"
    used = [n for n in range(32) if p.get(f"USER_SAXI_{n:02}", "true") == "true"]
    for n, stack in enumerate((range(16), range(16, 32))):
        if any(k in used for k in stack):
            clock = re.fullmatch(r"AXI_(\d\d)_ACLK", p[f"USER_CLK_SEL_LIST{n}"])
            assert int(clock[1]) in used and int(clock[1]) in stack
    names = [f"{n:02}" for n in used]
    ip = Ip({"HBM_REF_CLK_0", "HBM_REF_CLK_1", "APB_0_PCLK", "APB_1_PCLK", "APB_0_PRESET_N",
             "APB_1_PRESET_N"}, {f"AXI_{n}_WDATA_PARITY" for n in names},
            {f"{name}_{n}" for name in ("apb_complete",) for n in range(2)}
            | {f"DRAM_{n}_STAT_{name}" for name in ("CATTRIP", "TEMP") for n in range(2)})
    for n in names:
        ip.inputs |= {f"AXI_{n}_ACLK", f"AXI_{n}_ARESET_N"}
        ip.interfaces[f"SAXI_{n}{suffix}"] = ("slave", "axi")
        ip.clocks[f"SAXI_{n}{suffix}"] = {f"AXI_{n}_ACLK"}
    return ip


def _ddr4(p):
    assert p["C0_DDR4_BOARD_INTERFACE"] and p["C0_CLOCK_BOARD_INTERFACE"]
    outputs = {"c0_ddr4_ui_clk", "c0_ddr4_ui_clk_sync_rst", "c0_init_calib_complete"}
    if "ADDN_UI_CLKOUT1_FREQ_HZ" in p:
        outputs.add("addn_ui_clkout1")
    return Ip({"sys_rst", "c0_ddr4_aresetn"}, set(), outputs,
              {"C0_DDR4": ("master", "ddr4"), "C0_SYS_CLK": ("slave", "diff_clock"),
               "C0_DDR4_S_AXI": ("slave", "axi"), "C0_DDR4_S_AXI_CTRL": ("slave", "axi")},
              {"C0_DDR4_S_AXI_CTRL"}, {"C0_DDR4_S_AXI": {"c0_ddr4_ui_clk"}})


def _vector_logic(p):
    assert p["C_OPERATION"] in ("and", "or", "not", "xor")
    return Ip({"Op1"} | ({"Op2"} if p["C_OPERATION"] != "not" else set()), set(), {"Res"})


IPS = {
    "util_ds_buf": (_util_ds_buf, r"C_BUF_TYPE"),
    "xdma": (_xdma, r"mode_selection|pcie_blk_locn|select_quad|en_gt_selection|PCIE_BOARD_INTERFACE"
             r"|pl_link_cap_max_link_(width|speed)|axi_data_width|axisten_freq|xdma_axi_intf_mm"
             r"|xdma_[rw]num_chnl|axilite_master_(en|scale|size)|pf0_msix_enabled"
             r"|xdma_num_usr_irq"),
    "clk_wiz": (_clk_wiz, r"PRIM_SOURCE|PRIM_IN_FREQ|USE_RESET|USE_LOCKED|CLKOUT2_USED"
                r"|CLKOUT[12]_REQUESTED_OUT_FREQ"),
    "proc_sys_reset": (_proc_sys_reset, r"C_EXT_RESET_HIGH"),
    "smartconnect": (_smartconnect, r"NUM_SI|NUM_MI|NUM_CLKS"),
    "hbm": (_hbm, r"USER_HBM_DENSITY|USER_HBM_STACK|USER_SWITCH_ENABLE_0[01]|USER_APB_EN"
            r"|USER_XSDB_INTF_EN|USER_AXI_INPUT_CLK_FREQ|USER_HBM_REF_CLK_[01]|USER_SAXI_\d\d"
            r"|USER_CLK_SEL_LIST[01]"),
    "ddr4": (_ddr4, r"C0_DDR4_BOARD_INTERFACE|C0_CLOCK_BOARD_INTERFACE|ADDN_UI_CLKOUT1_FREQ_HZ"),
    "xlconstant": (lambda p: Ip(set(), set(), {"dout"}), r"CONST_WIDTH|CONST_VAL"),
    "xlconcat": (lambda p: Ip({f"In{n}" for n in range(int(p["NUM_PORTS"]))}, set(), {"dout"}),
                 r"NUM_PORTS"),
    "util_reduced_logic": (lambda p: Ip({"Op1"}, set(), {"Res"}), r"C_OPERATION|C_SIZE"),
    "util_vector_logic": (_vector_logic, r"C_OPERATION|C_SIZE"),
}
"""By name: what makes the pins of the settings, and the settings that it has."""


def kernel_ip(ports):
    """The kernel as a cell, from the ports of its Verilog: (name, whether it is an input)."""
    ip = Ip()
    for name, is_input in ports:
        bus = re.match(r"([ms]_axi_\w+?)_(aw|w|b|ar|r)(?=[a-z])", name)
        if bus:
            ip.interfaces[bus[1]] = ("master" if name[0] == "m" else "slave", "axi")
            ip.clocks[bus[1]] = {"ap_clk"}
        else:
            (ip.inputs if is_input else ip.outputs).add(name)
    return ip
