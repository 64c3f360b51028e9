# SPDX-License-Identifier: Apache-2.0
"""The vendor's Tcl commands that our scripts use, as UG835 has them (Vivado's Tcl reference).

By name: flags, options with a value, the least and the most arguments, what is returned (``%0``
for the first argument, ``%f`` for the filter). ``set_property`` and ``get_property`` are in the
recorder itself. Commands of IP Packager are as public scripts use them; UG835 leaves some out.
"""

__all__ = ["COMMANDS"]

COMMANDS = {
    # Projects and files.
    "create_project": ("-force", "-part -name", 0, 2, "project:%0"),
    "open_project": ("", "", 1, 1, "project:%0"),
    "current_project": ("", "", 0, 0, "project:"),
    "close_project": ("-delete", "", 0, 0, ""),
    "add_files": ("-norecurse", "-fileset", 1, 1, "file:%0"),
    "get_files": ("", "", 1, 1, "file:%0"),
    "current_fileset": ("", "", 0, 0, "fileset:"),
    "update_compile_order": ("", "-fileset", 0, 0, ""),
    "update_ip_catalog": ("", "", 0, 0, ""),
    "make_wrapper": ("-top", "-files", 0, 0, "wrapper.v"),

    # IP Packager.
    "ipx::package_project": ("-import_files",
                             "-root_dir -vendor -library -taxonomy -set_current", 0, 0, "core:"),
    "ipx::unload_core": ("", "", 1, 1, ""),
    "ipx::edit_ip_in_project": ("", "-upgrade -name -directory", 1, 1, ""),
    "ipx::current_core": ("", "", 0, 0, "core:"),
    "ipx::get_user_parameters": ("", "-of_objects", 0, 0, "user_parameter:A user_parameter:B"),
    "ipx::remove_user_parameter": ("", "", 2, 2, ""),
    "ipx::associate_bus_interfaces": ("", "-busif -clock -reset", 1, 1, ""),
    "ipx::get_bus_interfaces": ("", "-of_objects", 1, 1, "bus:%0"),
    "ipx::add_bus_parameter": ("-quiet", "", 2, 2, "bus_parameter:%0:%1"),
    "ipx::add_memory_map": ("-quiet", "", 2, 2, "map:%0"),
    "ipx::add_address_block": ("-quiet", "", 2, 2, "block:%0:%1"),
    "ipx::add_register": ("", "", 2, 2, "register:%0"),
    "ipx::add_register_parameter": ("", "", 2, 2, "register_parameter:%0:%1"),
    "ipx::create_xgui_files": ("", "", 1, 1, ""),
    "ipx::update_checksums": ("", "", 1, 1, ""),
    "ipx::check_integrity": ("-kernel", "", 1, 1, ""),
    "ipx::save_core": ("", "", 1, 1, ""),
    "package_xo": ("-force", "-xo_path -kernel_name -ip_directory -kernel_xml -ctrl_protocol",
                   0, 0, ""),

    # Block designs.
    "create_bd_design": ("", "", 1, 1, "bd:%0"),
    "create_bd_cell": ("", "-type -vlnv", 1, 1, "bd_cell:%0"),
    "create_bd_port": ("", "-dir -type", 1, 1, "bd_port:%0"),
    "create_bd_intf_port": ("", "-mode -vlnv", 1, 1, "bd_intf_port:%0"),
    "get_bd_pins": ("", "", 1, 1, "bd_pin:%0"),
    "get_bd_ports": ("", "", 1, 1, "bd_port:%0"),
    "get_bd_intf_pins": ("", "", 1, 1, "bd_intf_pin:%0"),
    "get_bd_addr_spaces": ("", "", 1, 1, "space:%0"),
    "get_bd_addr_segs": ("", "", 1, 1, "segment:%0"),
    "connect_bd_net": ("", "", 2, 2, ""),
    "connect_bd_intf_net": ("", "", 2, 2, ""),
    "assign_bd_address": ("", "-offset -range -target_address_space", 1, 1, ""),
    "exclude_bd_addr_seg": ("", "-target_address_space", 1, 1, ""),
    "validate_bd_design": ("", "", 0, 0, ""),
    "save_bd_design": ("", "", 0, 0, ""),

    # Runs and reports.
    "get_runs": ("", "", 1, 1, "run:%0"),
    "reset_run": ("", "", 1, 1, ""),
    "launch_runs": ("", "-to_step -jobs", 1, 1, ""),
    "wait_on_run": ("", "", 1, 1, ""),
    "open_run": ("", "", 1, 1, ""),
    "report_utilization": ("-slr -hierarchical", "-file", 0, 0, ""),
    "report_timing_summary": ("-datasheet -no_header -no_detailed_paths", "-file -max_paths",
                              0, 0, ""),
    "report_control_sets": ("-verbose", "-file", 0, 0, ""),
    **{f"report_{name}": ("", "-file", 0, 0, "") for name in (
        "clock_utilization", "drc", "io", "methodology", "power", "route_status")},
    "get_timing_paths": ("-setup", "-max_paths", 0, 0, "path:"),
    "write_bitstream": ("-force -bin_file", "", 1, 1, ""),

    # The flow without runs.
    "read_xdc": ("", "", 1, 1, ""),
    "synth_design": ("", "-top", 0, 0, ""),
    **{f"{step}_design": ("", "", 0, 0, "") for step in ("opt", "place", "phys_opt", "route")},
    "write_checkpoint": ("-force", "", 1, 1, ""),
    "quit": ("", "", 0, 0, ""),

    # Constraints.
    "get_cells": ("-hierarchical -hier -quiet", "-filter", 0, 1, "{cell:%f}"),
    "get_pins": ("", "-of -filter", 0, 1, "pin:%f"),
    "get_nets": ("", "", 1, 1, "net:%0"),
    "get_clocks": ("", "-of_objects", 0, 1, "clock:"),
    "all_fanin": ("-flat -startpoints_only", "", 1, 1, ""),
    "get_ports": ("", "", 1, 1, "port:%0"),
    "current_design": ("", "", 0, 0, "design:"),
    "create_clock": ("", "-name -period", 1, 1, "clock:"),
    "set_false_path": ("", "-from -to", 0, 0, ""),
    "set_max_delay": ("", "-from -to", 1, 1, ""),
    "set_operating_conditions": ("", "-design_power_budget", 0, 0, ""),
}
