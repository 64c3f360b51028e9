# SPDX-License-Identifier: Apache-2.0
"""Vendor scripts under a plain Tcl interpreter: every command of the vendor's is recorded.

Tcl itself runs, so quoting, substitution, loops and conditions are what they are in Vivado. A
command that is neither Tcl's nor on the list is an error, as a misspelt one would be there.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping

__all__ = ["VIVADO", "record"]

VIVADO = {
    "create_project", "add_files", "read_xdc", "synth_design", "opt_design", "place_design",
    "phys_opt_design", "route_design", "write_checkpoint", "write_bitstream", "quit",
    "report_timing_summary", "report_utilization", "report_io", "report_control_sets",
    "report_clock_utilization", "report_route_status", "report_drc", "report_methodology",
    "report_power", "set_property", "get_property", "create_clock", "set_false_path",
    "set_max_delay", "set_operating_conditions", "current_design", "get_cells", "get_clocks",
    "get_nets", "get_pin", "get_pins", "get_ports", "all_fanin",
}
"""Commands of Vivado's that Amaranth's scripts and our constraints use."""

# What a command gives back: `body` is Tcl that sees the command's words as `args`.
_STUB = """proc {{{name}}} args {{
  puts $::record [join [linsert $args 0 {{{name}}}] \\x1f]\\x1e
  {body}
}}
"""

_RUN = """
set ::record [open record.txt w]
fconfigure $::record -encoding utf-8 -translation lf
{stubs}
source {{{script}}}
close $::record
"""

_TKINTER = "import sys, tkinter; tkinter.Tcl().eval('source ' + sys.argv[1])"


def record(directory, script, answers: Mapping[str, str] | None = None):
    """Run ``script``, a file in ``directory``, and give back the vendor's commands in their order.

    Parameters
    ----------
    directory : Path
        Where it runs; gets two files.
    script : str
        Its name.
    answers : dict of str to str
        What commands return, in Tcl: ``"return a_cell"``, ``"lindex $args end"``. Nothing without.

    Returns
    -------
    list of tuple of str
        Each command's words.

    Raises
    ------
    AssertionError
        If Tcl has something to say.
    """
    bodies = dict.fromkeys(sorted(VIVADO), "return") | dict(answers or {})
    assert set(bodies) == VIVADO, f"not of Vivado: {set(bodies) - VIVADO}"
    stubs = "".join(_STUB.format(name=name, body=body) for name, body in bodies.items())
    (directory / "run.tcl").write_text(_RUN.format(stubs=stubs, script=script))
    tclsh = shutil.which("tclsh")
    command = [tclsh] if tclsh else [sys.executable, "-c", _TKINTER]
    done = subprocess.run([*command, "run.tcl"], cwd=directory, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = (directory / "record.txt").read_text(encoding="utf-8").split("\x1e\n")
    return [tuple(line.split("\x1f")) for line in lines if line]
