# SPDX-License-Identifier: Apache-2.0
# The block design: the host's way in, memories, the kernel.
#
#   PCIe ─► xdma ─┬─ M_AXI_LITE ─► control ─► kernel/s_axi_control
#                 └─ M_AXI ──────► dma ─┬─► hbm_nn_in  ─► hbm       kernel/m_axi_* ─► hbm_nn_in
#                                       └─► ddr4_n_in  ─► ddr4_n                   ─► ddr4_n_in

create_bd_design $system

# A cell of the vendor's IP.
proc cell {name ip args} {
    set made [create_bd_cell -type ip -vlnv xilinx.com:ip:$ip $name]
    if {[llength $args]} {
        set_property -dict $args $made
    }
    return $made
}

# A net from one pin to others.
proc wire {from args} {
    foreach to $args {
        connect_bd_net [get_bd_pins $from] [get_bd_pins $to]
    }
}

# An interface from its master to its slave.
proc link {from to} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}

# Pins of the card: an interface, and a signal.
proc outside {name mode kind pin} {
    set port [create_bd_intf_port -mode $mode -vlnv xilinx.com:interface:$kind $name]
    connect_bd_intf_net $port [get_bd_intf_pins $pin]
    return $port
}

# A memory's port with a clock of its own, and who is tied to it. The DMA's part of it comes from
# the next output of the cell dma.
set dma_outputs 0
proc memory_port {name sink clock sources} {
    global dma_outputs
    set clocks [list clocks/clk_out1 $clock]
    if {"dma" in $sources} {
        lappend clocks xdma/axi_aclk
    }
    cell $name smartconnect CONFIG.NUM_SI [llength $sources] CONFIG.NUM_MI 1 \
        CONFIG.NUM_CLKS [llength $clocks]
    set input 0
    foreach source $sources {
        if {$source eq "dma"} {
            set source dma/M[format %02d $dma_outputs]_AXI
            incr dma_outputs
        }
        link $source $name/S[format %02d $input]_AXI
        incr input
    }
    link $name/M00_AXI $sink
    set pins {aclk aclk1 aclk2}
    foreach from $clocks to [lrange $pins 0 [expr {[llength $clocks] - 1}]] {
        wire $from $name/$to
    }
    wire kernel_reset/interconnect_aresetn $name/aresetn
}

# What must have come true before the kernel may run.
set conditions {}

source [file join $scripts host.tcl]
source [file join $scripts kernel.tcl]
if {[llength $hbm_ports]} {
    source [file join $scripts hbm.tcl]
}
if {[llength $dimms]} {
    source [file join $scripts ddr4.tcl]
}
source [file join $scripts finish.tcl]
