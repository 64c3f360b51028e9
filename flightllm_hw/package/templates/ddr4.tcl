# SPDX-License-Identifier: Apache-2.0
# The DIMMs: pins, part and timing are known to the vendor's board files.

cell perst util_vector_logic CONFIG.C_OPERATION not CONFIG.C_SIZE 1
connect_bd_net [get_bd_ports pcie_perstn] [get_bd_pins perst/Op1]

foreach row $dimms {
    lassign $row number interface clock hz sources
    set name ddr4_$number
    cell $name ddr4 CONFIG.C0_DDR4_BOARD_INTERFACE $interface \
        CONFIG.C0_CLOCK_BOARD_INTERFACE $clock CONFIG.ADDN_UI_CLKOUT1_FREQ_HZ 100
    outside $interface Master ddr4_rtl:1.0 $name/C0_DDR4
    set_property CONFIG.FREQ_HZ $hz [outside $clock Slave diff_clock_rtl:1.0 $name/C0_SYS_CLK]
    wire perst/Res $name/sys_rst
    lappend conditions $name/c0_init_calib_complete

    # Its own clock, a quarter of the memory's.
    cell ${name}_reset proc_sys_reset
    wire $name/c0_ddr4_ui_clk ${name}_reset/slowest_sync_clk
    wire $name/c0_ddr4_ui_clk_sync_rst ${name}_reset/ext_reset_in
    wire ${name}_reset/peripheral_aresetn $name/c0_ddr4_aresetn
    memory_port ${name}_in $name/C0_DDR4_S_AXI $name/c0_ddr4_ui_clk $sources
}
if {!$reference_mhz} {
    wire ddr4_[lindex $dimms 0 0]/addn_ui_clkout1 clocks/clk_in1
}
