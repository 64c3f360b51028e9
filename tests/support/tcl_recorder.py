# SPDX-License-Identifier: Apache-2.0
"""Tcl for the vendor's tools, run without them: their commands are recorded, and nothing else.

A command that :data:`COMMANDS` does not name is no command, an option that it does not name is an
error, and so is an argument too many. What a command returns is a handle that tells its kind and
its name, ``bd_cell:xdma``, or what the test says.
"""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.vendor_commands import COMMANDS

__all__ = ["Call", "TclFailedError", "interpreters", "record"]

DRIVER = r"""
namespace eval ipx {}
set ::log [open {%(log)s} w]
fconfigure $::log -translation lf
array set ::properties {%(properties)s}
array set ::results {%(results)s}

# Writes a call down, words in hexadecimal; options first.
proc recorded {name options positional} {
    set words {}
    foreach word [concat [list $name] $options [list --] $positional] {
        lappend words x[binary encode hex [encoding convertto utf-8 $word]]
    }
    puts $::log $words
    flush $::log
}

# Sorts the words of a call, writes it down, and makes up its result.
proc stub {name flags values least most result words} {
    set options {}
    set positional {}
    while {[llength $words]} {
        set words [lassign $words word]
        if {$word in $flags} {
            lappend options $word ""
        } elseif {$word in $values} {
            if {![llength $words]} { error "$name: $word has no value" }
            set words [lassign $words value]
            lappend options $word $value
        } elseif {[string match {-[a-z]*} $word]} {
            error "$name knows no option $word"
        } else {
            lappend positional $word
        }
    }
    if {[llength $positional] < $least || [llength $positional] > $most} {
        error "$name takes $least to $most arguments, not [llength $positional]: $positional"
    }
    recorded $name $options $positional
    foreach {found given} [array get ::results "$name,*"] {
        if {[dict exists $options -filter]
            && [string match [string range $found [string length "$name,"] end] \
                             [dict get $options -filter]]} { return $given }
    }
    if {[info exists ::results($name)]} { return $::results($name) }
    foreach n {0 1 2} {
        set result [string map [list %%$n [lindex $positional $n]] $result]
    }
    if {[dict exists $options -filter]} {
        set result [string map [list %%f [dict get $options -filter]] $result]
    }
    if {[dict exists $options -of_objects]} {
        append result @[dict get $options -of_objects]
    }
    return $result
}

# A dictionary of properties is as many settings.
proc set_property {args} {
    if {[lindex $args 0] ne "-dict"} {
        return [stub set_property {} {} 3 3 {} $args]
    }
    lassign $args - pairs object
    if {[llength $args] != 3 || [llength $pairs] %% 2} { error "set_property -dict PAIRS OBJECT" }
    dict for {name value} $pairs {
        stub set_property {} {} 3 3 {} [list $name $value $object]
    }
}

proc get_property {name object} {
    recorded get_property {} [list $name $object]
    if {$name eq "NAME"} { return [lindex [split $object :] end] }
    if {![info exists ::properties($name)]} { error "$object has no property $name" }
    return $::properties($name)
}
%(stubs)s
set argv {%(argv)s}
set argv0 vivado
source {%(script)s}
close $::log
"""


class TclFailedError(Exception):
    """A script ended with an error, which this tells."""


@dataclass(frozen=True)
class Call:
    """A command of the vendor's, as a script gave it."""

    name: str
    options: dict[str, str]
    args: tuple[str, ...]


def interpreters():
    """Those that there are: the program, and the library that Python has."""
    found = ["tclsh"] if shutil.which("tclsh") else []
    return found + (["tkinter"] if importlib.util.find_spec("_tkinter") else [])


def record(script, *, argv="", properties=None, results=None, interpreter=None):
    """Every vendor's command that ``script`` gives, in order.

    ``properties`` are what objects have, by name; ``results`` what commands return in place of a
    handle: by name, or ``"get_cells,*PATTERN*"`` for those with such a ``-filter``.
    """
    script = Path(script).resolve()
    log, driver = script.parent / ".recorded", script.parent / ".driver.tcl"
    stubs = "".join(
        f"proc {name} args {{ stub {name} {{{flags}}} {{{values}}} {least} {most} {{{result}}}"
        " $args }\n" for name, (flags, values, least, most, result) in COMMANDS.items())
    driver.write_text(DRIVER % {
        "log": log, "script": script, "argv": argv, "stubs": stubs,
        "properties": _pairs(properties), "results": _pairs(results)})
    try:
        _run(driver, interpreter or interpreters()[0])
        return [_call(line) for line in log.read_text().splitlines()]
    finally:
        log.unlink(missing_ok=True)
        driver.unlink(missing_ok=True)


def _pairs(values):
    return " ".join(f"{{{name}}} {{{value}}}" for name, value in (values or {}).items())


def _run(driver, interpreter):
    if interpreter == "tkinter":
        import tkinter
        try:
            tkinter.Tcl().eval(f"source {{{driver}}}")
        except tkinter.TclError as error:
            raise TclFailedError(str(error)) from None
        return
    done = subprocess.run([interpreter, driver], capture_output=True, text=True, check=False,
                          timeout=120)
    if done.returncode or done.stderr:
        raise TclFailedError(done.stderr)


def _call(line):
    name, *words = (bytes.fromhex(word[1:]).decode() for word in line.split())
    at = words.index("--")
    options = dict(zip(words[:at:2], words[1:at:2], strict=True))
    return Call(name, options, tuple(words[at + 1:]))
