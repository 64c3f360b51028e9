# SPDX-License-Identifier: Apache-2.0
# The conditions of the kernel's reset, the address map, and the end of the block design.

cell conditions xlconcat CONFIG.NUM_PORTS [llength $conditions]
cell ready util_reduced_logic CONFIG.C_OPERATION and CONFIG.C_SIZE [llength $conditions]
set input 0
foreach condition $conditions {
    wire $condition conditions/In$input
    incr input
}
wire conditions/dout ready/Op1
wire ready/Res kernel_reset/dcm_locked

assign_bd_address -offset 0x0 -range $control_bytes \
    -target_address_space [get_bd_addr_spaces xdma/M_AXI_LITE] \
    [get_bd_addr_segs kernel/s_axi_control/reg0]
set assigned {}
foreach row $address_map {
    lassign $row space base bytes segment
    assign_bd_address -offset $base -range $bytes \
        -target_address_space [get_bd_addr_spaces $space] [get_bd_addr_segs $segment]
    lappend assigned [list $space $segment]
}

# Every port of the HBM reaches every channel; whoever has no business there is kept out.
foreach port $hbm_ports {
    lassign $port number sources
    foreach source $sources {
        set space [expr {$source eq "dma" ? "xdma/M_AXI" : $source}]
        for {set n 0} {$n < 32} {incr n} {
            set segment hbm/SAXI_$number$hbm_suffix/HBM_MEM[format %02d $n]
            if {[list $space $segment] ni $assigned} {
                exclude_bd_addr_seg -target_address_space [get_bd_addr_spaces $space] \
                    [get_bd_addr_segs $segment]
            }
        }
    }
}
validate_bd_design
save_bd_design
