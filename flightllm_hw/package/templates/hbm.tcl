# SPDX-License-Identifier: Apache-2.0
# The HBM, two stacks behind one switch: a port for every lane, its clock twice as fast and half as
# wide as the lane's.

set used {}
foreach port $hbm_ports {
    lappend used [lindex $port 0]
}
set settings [list CONFIG.USER_HBM_DENSITY ${hbm_gb}GB CONFIG.USER_HBM_STACK 2 \
    CONFIG.USER_SWITCH_ENABLE_00 TRUE CONFIG.USER_SWITCH_ENABLE_01 TRUE \
    CONFIG.USER_APB_EN false CONFIG.USER_XSDB_INTF_EN FALSE \
    CONFIG.USER_AXI_INPUT_CLK_FREQ [expr {int($hbm_clock_mhz)}] \
    CONFIG.USER_HBM_REF_CLK_0 $reference_mhz CONFIG.USER_HBM_REF_CLK_1 $reference_mhz]
for {set n 0} {$n < 32} {incr n} {
    set number [format %02d $n]
    lappend settings CONFIG.USER_SAXI_$number [expr {$number in $used ? "true" : "false"}]
}
# The clock of a stack's switch is that of one of its ports.
foreach {list first last} {0 0 15 1 16 31} {
    foreach number $used {
        scan $number %d n
        if {$first <= $n && $n <= $last} {
            lappend settings CONFIG.USER_CLK_SEL_LIST$list AXI_${number}_ACLK
            break
        }
    }
}
cell hbm hbm {*}$settings

# The reference, and the controllers' configuration from it.
wire reference_bufg/BUFG_O hbm/HBM_REF_CLK_0 hbm/HBM_REF_CLK_1 hbm/APB_0_PCLK hbm/APB_1_PCLK
wire clocks/locked hbm/APB_0_PRESET_N hbm/APB_1_PRESET_N
lappend conditions hbm/apb_complete_0 hbm/apb_complete_1

# The ports.
cell hbm_reset proc_sys_reset
wire clocks/clk_out2 hbm_reset/slowest_sync_clk
wire xdma/axi_aresetn hbm_reset/ext_reset_in
wire clocks/locked hbm_reset/dcm_locked
foreach port $hbm_ports {
    lassign $port number sources
    memory_port hbm_${number}_in hbm/SAXI_$number$hbm_suffix clocks/clk_out2 $sources
    wire clocks/clk_out2 hbm/AXI_${number}_ACLK
    wire hbm_reset/peripheral_aresetn hbm/AXI_${number}_ARESET_N
}

# The alarm of either stack. The card's controller cuts the power when this pin is high: it must be
# driven, and by nothing else.
cell cattrip util_vector_logic CONFIG.C_OPERATION or CONFIG.C_SIZE 1
wire hbm/DRAM_0_STAT_CATTRIP cattrip/Op1
wire hbm/DRAM_1_STAT_CATTRIP cattrip/Op2
create_bd_port -dir O hbm_cattrip
connect_bd_net [get_bd_pins cattrip/Res] [get_bd_ports hbm_cattrip]
