# SPDX-License-Identifier: Apache-2.0
# The kernel as Vitis links it, build/<kernel>.xo:
#   vivado -mode batch -source scripts/package_xo.tcl

source [file join [file dirname [file normalize [info script]]] package_ip.tcl]
set xo [file join $root build $kernel.xo]
file delete -force $xo
package_xo -xo_path $xo -kernel_name $kernel -ip_directory $ip \
    -kernel_xml [file join $root kernel.xml] -ctrl_protocol ap_ctrl_hs
