# SPDX-License-Identifier: Apache-2.0
"""Chains of LUTs, counted on netlists small enough to count by hand."""

import pytest

from flightllm_hw.export.levels import timings
from flightllm_hw.export.synthesis import Cell, Netlist


def lut(*bits):
    """Inputs, then the output."""
    *inputs, output = bits
    return Cell(f"LUT{len(inputs)}", {f"I{n}": [b] for n, b in enumerate(inputs)}, {"O": [output]})


def ff(d, q):
    return Cell("FDRE", {"D": [d], "C": [0], "CE": ["1"]}, {"Q": [q]})


def levels(**netlists):
    return {name: t.levels for name, t in timings(netlists, "top").items()}


def test_a_lut_is_a_level_and_a_register_begins_anew():
    chain = Netlist({"i": [1]}, {"o": [9]}, (
        lut(1, 2), lut(2, "1", 3), ff(3, 4), lut(4, 5), lut(1, 5, 6), lut(6, 9)))
    assert levels(top=chain) == {"top": 3}


def test_constants_are_no_paths():
    assert levels(top=Netlist({}, {"o": [2]}, (lut("0", "1", 2),))) == {"top": 0}


def test_wide_multiplexers_sit_behind_their_luts():
    mux = Cell("MUXF7", {"I0": [3], "I1": [4], "S": [2]}, {"O": [5]})
    assert levels(top=Netlist({"i": [1, 2]}, {"o": [5]}, (lut(1, 3), lut(1, 4), mux))) == {"top": 1}


def test_a_carry_chain_is_one_level_however_long():
    def carry(s, ci, co):
        return Cell("CARRY4", {"S": s, "DI": ["0"] * 4, "CI": [ci]}, {"CO": co, "O": [0] * 4})

    first = carry([11, 12, 13, 14], "0", [21, 22, 23, 24])
    second = carry([15, 16, 17, 18], 24, [25, 26, 27, 28])
    adder = Netlist({"i": [1]}, {"o": [28]}, (lut(1, 11), first, second))
    assert levels(top=adder) == {"top": 2}


def test_a_lower_carry_does_not_depend_on_a_higher_operand():
    carry = Cell("CARRY4", {"S": [11, 12]}, {"CO": [21, 22]})
    looped = Netlist({"i": [11]}, {"o": [22]}, (carry, lut(21, 12)))
    assert levels(top=looped) == {"top": 3}


def test_reading_a_lut_as_memory_is_a_level_and_writing_ends_a_path():
    ram = Cell("RAM32X1D", {"DPRA0": [1], "D": [2]}, {"DPO": [3]})
    assert levels(top=Netlist({"i": [1, 2]}, {"o": [4]}, (ram, lut(3, 4)))) == {"top": 2}


def test_paths_run_through_modules():
    def child(i, o):
        return Cell("child", {"i": i}, {"o": o})

    # From i[0] to o[0] two LUTs, from i[1] to a register two, from a register to o[1] one.
    netlist = Netlist({"i": [1, 2]}, {"o": [4, 8]}, (
        lut(1, 3), lut(3, 4), lut(2, 5), lut(5, 6), ff(6, 7), lut(7, 8)))
    through = Netlist({"i": [1]}, {"o": [5]}, (
        child([1, "0"], [2, 9]), lut(2, 3), child([3, "x"], [4, 10]), lut(4, 5)))
    assert levels(child=netlist, top=through) == {"child": 2, "top": 6}

    ring = Netlist({}, {}, (child(["0", 3], [8, 2]), lut(2, 3)))
    assert levels(child=netlist, top=ring) == {"child": 2, "top": 4}

    # What would be a loop if whole ports were looked at.
    bits = Netlist({"i": [1]}, {}, (child([1, 4], [3, 5]), lut(3, 4)))
    assert levels(child=netlist, top=bits) == {"child": 2, "top": 5}


def test_loops_are_reported():
    with pytest.raises(ValueError, match="Module top has a combinational loop"):
        levels(top=Netlist({}, {}, (lut(1, 2), lut(2, 1))))
