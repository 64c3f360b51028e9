# SPDX-License-Identifier: Apache-2.0
# The kernel as IP-XACT, build/ip/component.xml:  vivado -mode batch -source scripts/package_ip.tcl
#
#   rtl ──► project ──► component ──► clock and buses ──► registers and their buses ──► saved

set scripts [file dirname [file normalize [info script]]]
set root [file dirname $scripts]
source [file join $scripts facts.tcl]
set ip [file join $root build ip]

# A project for the card's part, with the kernel alone in it.
file delete -force $ip
file mkdir [file join $root build]
create_project -force package [file join $root build package] -part $part
add_files -norecurse [file join $root rtl $kernel.v]
set_property top $kernel [current_fileset]
update_compile_order -fileset sources_1

# A component of it, in a project that it can be edited in. Vivado finds the buses by their names.
ipx::package_project -root_dir $ip -vendor $vendor -library $library -taxonomy /KernelIP \
    -import_files -set_current false
ipx::unload_core [file join $ip component.xml]
ipx::edit_ip_in_project -upgrade true -name edit -directory [file join $root build edit] \
    [file join $ip component.xml]
set core [ipx::current_core]
set_property version $version $core
set_property core_revision 1 $core
set_property display_name $kernel $core
set_property description "An LLM accelerator: $kernel" $core
foreach parameter [ipx::get_user_parameters -of_objects $core] {
    ipx::remove_user_parameter [get_property NAME $parameter] $core
}

# One clock for every bus. Its rate is what the design was made for, not a demand.
ipx::associate_bus_interfaces -clock ap_clk -reset ap_rst_n $core
foreach bus [concat s_axi_control $masters] {
    ipx::associate_bus_interfaces -busif $bus -clock ap_clk $core
}
set rate [ipx::add_bus_parameter -quiet FREQ_HZ [ipx::get_bus_interfaces ap_clk -of_objects $core]]
set_property value $clock_hz $rate
set_property value_resolve_type user $rate

# All bursts are INCR, all beats whole.
foreach bus $masters {
    set interface [ipx::get_bus_interfaces $bus -of_objects $core]
    foreach name {HAS_BURST SUPPORTS_NARROW_BURST} {
        set parameter [ipx::add_bus_parameter -quiet $name $interface]
        set_property value 0 $parameter
        set_property value_source constant $parameter
    }
}

# The registers; each pointer with the bus that it is for.
set map [ipx::add_memory_map -quiet s_axi_control $core]
set block [ipx::add_address_block -quiet reg0 $map]
set_property range $control_bytes $block
set_property width 32 $block
foreach row $registers {
    lassign $row name offset bits bus text
    set register [ipx::add_register $name $block]
    set_property description $text $register
    set_property address_offset $offset $register
    set_property size $bits $register
    if {$bus ne "none"} {
        set_property value $bus [ipx::add_register_parameter ASSOCIATED_BUSIF $register]
    }
}
set_property slave_memory_map_ref s_axi_control \
    [ipx::get_bus_interfaces s_axi_control -of_objects $core]

# A kernel in the sense of Vitis, which to other flows is a component like any.
set_property xpm_libraries {XPM_CDC XPM_MEMORY XPM_FIFO} $core
set_property sdx_kernel true $core
set_property sdx_kernel_type rtl $core
set_property supported_families {} $core
set_property auto_family_support_level level_2 $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity -kernel $core
ipx::save_core $core
close_project -delete
close_project
