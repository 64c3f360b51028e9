# SPDX-License-Identifier: Apache-2.0
# The kernel and its reset, which is off when clocks and memories are ready.

create_bd_cell -type ip -vlnv $vendor:$library:$kernel:$version kernel
wire clocks/clk_out1 kernel/ap_clk
link control/M00_AXI kernel/s_axi_control

cell kernel_reset proc_sys_reset
wire clocks/clk_out1 kernel_reset/slowest_sync_clk
wire xdma/axi_aresetn kernel_reset/ext_reset_in
wire kernel_reset/peripheral_aresetn kernel/ap_rst_n
