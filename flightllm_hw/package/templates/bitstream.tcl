# SPDX-License-Identifier: Apache-2.0
# From the project to build/<kernel>.bit:
#   vivado -mode batch -source scripts/bitstream.tcl [-tclargs JOBS]

set scripts [file dirname [file normalize [info script]]]
set root [file dirname $scripts]
source [file join $scripts facts.tcl]
set jobs [expr {[llength $argv] ? [lindex $argv 0] : 4}]

open_project [file join $root build project $kernel.xpr]
foreach {run arguments} {synth_1 {} impl_1 {-to_step write_bitstream}} {
    reset_run $run
    launch_runs $run {*}$arguments -jobs $jobs
    wait_on_run $run
    if {[get_property PROGRESS [get_runs $run]] ne "100%"} {
        error "The run $run did not come to its end: [get_property STATUS [get_runs $run]]"
    }
}

# What it takes, and whether it is fast enough; a bitstream that is not is none.
open_run impl_1
report_utilization -slr -file [file join $root build utilization.txt]
report_timing_summary -file [file join $root build timing.txt]
set slack [get_property SLACK [get_timing_paths -max_paths 1 -setup]]
if {$slack < 0} {
    error "Timing is missed by [expr {-$slack}] ns: see build/timing.txt"
}
write_bitstream -force [file join $root build $kernel.bit]
close_project
