# SPDX-License-Identifier: Apache-2.0
# The project with the block design:  vivado -mode batch -source scripts/project.tcl
# What scripts/package_ip.tcl makes must be there.

set scripts [file dirname [file normalize [info script]]]
set root [file dirname $scripts]
source [file join $scripts facts.tcl]

create_project -force $kernel [file join $root build project] -part $part
if {$board_part ne ""} {
    set_property board_part $board_part [current_project]
}
set_property ip_repo_paths [file join $root build ip] [current_project]
update_ip_catalog

source [file join $scripts block_design.tcl]

add_files -norecurse [make_wrapper -files [get_files $system.bd] -top]
set_property top ${system}_wrapper [current_fileset]
add_files -fileset constrs_1 -norecurse [file join $root constraints card.xdc]
update_compile_order -fileset sources_1

# Lanes onto their dies before placement, and effort where dies are crossed.
set_property strategy Performance_ExplorePostRoutePhysOpt [get_runs impl_1]
set_property STEPS.PLACE_DESIGN.TCL.PRE [file join $scripts place_lanes.tcl] [get_runs impl_1]
close_project
