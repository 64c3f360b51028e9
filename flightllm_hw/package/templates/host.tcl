# SPDX-License-Identifier: Apache-2.0
# PCIe, the DMA, the control port, clocks.

# The link: Gen3 x16, 512 bits at 250 MHz. A host maps BAR 0 for registers, and uses one channel
# each way for memory. No interrupt is used: hosts read CTRL.
cell pcie_clock util_ds_buf CONFIG.C_BUF_TYPE IBUFDSGTE
outside pcie_refclk Slave diff_clock_rtl:1.0 pcie_clock/CLK_IN_D
create_bd_port -dir I -type rst pcie_perstn
set_property CONFIG.POLARITY ACTIVE_LOW [get_bd_ports pcie_perstn]
# Vivado takes settings in order: where the link is can be said in this mode alone.
cell xdma xdma CONFIG.mode_selection Advanced {*}$pcie_settings \
    CONFIG.pl_link_cap_max_link_width X16 \
    CONFIG.pl_link_cap_max_link_speed 8.0_GT/s \
    CONFIG.axi_data_width 512_bit \
    CONFIG.axisten_freq 250 \
    CONFIG.xdma_axi_intf_mm AXI_Memory_Mapped \
    CONFIG.xdma_rnum_chnl 1 \
    CONFIG.xdma_wnum_chnl 1 \
    CONFIG.axilite_master_en true \
    CONFIG.axilite_master_scale Megabytes \
    CONFIG.axilite_master_size 1 \
    CONFIG.pf0_msix_enabled true \
    CONFIG.xdma_num_usr_irq 1
outside pcie_mgt Master pcie_7x_mgt_rtl:1.0 xdma/pcie_mgt
wire pcie_clock/IBUF_OUT xdma/sys_clk_gt
wire pcie_clock/IBUF_DS_ODIV2 xdma/sys_clk
connect_bd_net [get_bd_ports pcie_perstn] [get_bd_pins xdma/sys_rst_n]
cell no_interrupt xlconstant CONFIG.CONST_WIDTH 1 CONFIG.CONST_VAL 0
wire no_interrupt/dout xdma/usr_irq_req

# The kernel's clock; with an HBM, from the card's reference clock, as well as the HBM's ports'.
# clk_out2 is exactly twice clk_out1 in the presets' 225 MHz: two beats of 256 bits for one of 512.
if {$reference_mhz} {
    cell reference util_ds_buf CONFIG.C_BUF_TYPE IBUFDS
    set port [outside reference_clk Slave diff_clock_rtl:1.0 reference/CLK_IN_D]
    set_property CONFIG.FREQ_HZ [expr {$reference_mhz * 1000000}] $port
    cell reference_bufg util_ds_buf CONFIG.C_BUF_TYPE BUFG
    wire reference/IBUF_OUT reference_bufg/BUFG_I
    cell clocks clk_wiz CONFIG.PRIM_SOURCE No_buffer CONFIG.PRIM_IN_FREQ $reference_mhz.000 \
        CONFIG.USE_RESET false CONFIG.USE_LOCKED true \
        CONFIG.CLKOUT1_REQUESTED_OUT_FREQ $clock_mhz \
        CONFIG.CLKOUT2_USED true CONFIG.CLKOUT2_REQUESTED_OUT_FREQ $hbm_clock_mhz
    wire reference_bufg/BUFG_O clocks/clk_in1
} else {
    # 100 MHz of the first DIMM's controller, which ddr4.tcl ties to it.
    cell clocks clk_wiz CONFIG.PRIM_SOURCE No_buffer CONFIG.PRIM_IN_FREQ 100.000 \
        CONFIG.USE_RESET false CONFIG.USE_LOCKED true \
        CONFIG.CLKOUT1_REQUESTED_OUT_FREQ $clock_mhz
}
lappend conditions clocks/locked

# The control port.
cell control smartconnect CONFIG.NUM_SI 1 CONFIG.NUM_MI 1 CONFIG.NUM_CLKS 2
link xdma/M_AXI_LITE control/S00_AXI
wire xdma/axi_aclk control/aclk
wire clocks/clk_out1 control/aclk1
wire xdma/axi_aresetn control/aresetn

# The DMA, to every memory.
set outputs 0
foreach port [concat $hbm_ports $dimms] {
    incr outputs [expr {"dma" in [lindex $port end]}]
}
cell dma smartconnect CONFIG.NUM_SI 1 CONFIG.NUM_MI $outputs CONFIG.NUM_CLKS 1
link xdma/M_AXI dma/S00_AXI
wire xdma/axi_aclk dma/aclk
wire xdma/axi_aresetn dma/aresetn
