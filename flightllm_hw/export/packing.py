# SPDX-License-Identifier: Apache-2.0
"""LUTs that the primitives name and a device does not take.

Two small LUTs share one: it has two outputs, of five common inputs (:func:`pairs`)::

    a0 ─┐
    b0 ─┤ LUT6_2      O6 = s ? b0 : a0
    a1 ─┤
    b1 ─┤             O5 = s ? b1 : a1
     s ─┘

Vivado looks for such pairs when it places a design, Yosys does not. Counted are only those that
are certain to fit: two LUTs of one module that have an input in common and five together at most,
neither of them in front of a carry chain or a multiplexer of the slice, which want a LUT's own
output.
"""

import re
from itertools import islice

from .synthesis import Cell, Netlist

__all__ = ["INPUTS", "pairs", "unread"]

INPUTS = 5
"""Inputs that the two halves of a LUT have in common."""

NEIGHBOURS = 64
"""Users of a net that are looked at: all of them would take a second more for little."""

_SMALL = re.compile(r"LUT[1-5]|INV")
_MEMORY = re.compile(r"RAM(32M|64M|32M16|64M8)")
_DATA = re.compile(r"DO[A-H]")
_WANTS_ITS_OWN = re.compile(r"CARRY|MUXF7")


def pairs(netlist: Netlist) -> int:
    """How many LUTs fewer the module takes if small ones share them; found one after the other."""
    taken = {bit for cell in netlist.cells if _WANTS_ITS_OWN.match(cell.type)
             for bit in _nets(cell)}
    small = [_nets(cell) for cell in netlist.cells if _SMALL.fullmatch(cell.type)
             and not any(bit in taken for bits in cell.outputs.values() for bit in bits)]
    # The widest first: they find a partner least easily.
    small.sort(key=len, reverse=True)
    users: dict[int, dict[int, None]] = {}
    for number, nets in enumerate(small):
        for net in nets:
            users.setdefault(net, {})[number] = None

    found = 0
    alone = set(range(len(small)))
    for number, nets in enumerate(small):
        if number not in alone:
            continue
        near = {other for net in nets for other in islice(users[net], NEIGHBOURS)} - {number}
        fitting = [other for other in near if len(nets | small[other]) <= INPUTS]
        gone = [number]
        if fitting:
            gone.append(max(fitting, key=lambda other: (len(nets & small[other]), -other)))
            found += 1
        for one in gone:
            alone.remove(one)
            for net in small[one]:
                del users[net][one]
    return found


def unread(netlist: Netlist) -> int:
    """How many LUTs of memories hold nothing that is read.

    The last LUT of a memory stays in any case: the address that is written comes through it.
    """
    read = set[int]().union(*map(_nets, netlist.cells))
    read |= {bit for bits in netlist.outputs.values() for bit in bits if isinstance(bit, int)}
    found = 0
    for cell in netlist.cells:
        if _MEMORY.fullmatch(cell.type):
            ports = sorted(port for port in cell.outputs if _DATA.fullmatch(port))
            last = "DOH" if cell.type.endswith(("M16", "M8")) else "DOD"
            luts = 7 if last == "DOH" else 3
            found += luts - sum(port != last and not read.isdisjoint(cell.outputs[port])
                                for port in ports)
    return found


def _nets(cell: Cell) -> frozenset[int]:
    """What a cell reads."""
    return frozenset(bit for bits in cell.inputs.values() for bit in bits if isinstance(bit, int))
