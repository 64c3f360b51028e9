# SPDX-License-Identifier: Apache-2.0
"""LUTs that share one and memories' LUTs that nobody reads, on netlists counted by hand."""

import pytest

from flightllm_hw.export.packing import pairs, unread
from flightllm_hw.export.synthesis import Cell, Netlist


def lut(*bits):
    """Inputs, then the output."""
    *inputs, output = bits
    return Cell(f"LUT{len(inputs)}", {f"I{n}": [b] for n, b in enumerate(inputs)}, {"O": [output]})


def count(*cells):
    return pairs(Netlist({}, {}, cells))


@pytest.mark.parametrize("first, second, expected", [
    ((1, 2, 3), (1, 4, 5), 1),           # Multiplexers with a select in common;
    ((1, 2, 3), (1, 2, 3), 1),
    ((1, 2, 3, 4, 5), (5,), 1),
    ((1, 2, 3, 4), (1, 5, 6), 0),        # six inputs together;
    ((1, 2), (3, 4), 0),                 # nothing in common;
    ((1, 2, 3, 4, 5, 6), (1, 2), 0),     # a LUT6 has no room.
])
def test_luts_share_one_that_have_inputs_in_common(first, second, expected):
    assert count(lut(*first, 90), lut(*second, 91)) == expected


def test_a_lut_is_shared_once():
    # Bits of a 2:1 multiplexer: every two of them are a LUT.
    muxes = [lut(1, 10 + n, 30 + n, 90 + n) for n in range(9)]
    assert count(*muxes) == 4


def test_constants_are_no_inputs():
    assert count(lut(1, 2, 3, "0", 4, 90), lut(1, 2, 5, 91)) == 1


@pytest.mark.parametrize("wants", [
    Cell("CARRY4", {"S": [90, "0", "0", "0"], "DI": ["0"] * 4}, {"O": [80, 81, 82, 83]}),
    Cell("MUXF7", {"I0": [90], "I1": [92], "S": [1]}, {"O": [80]}),
])
def test_carry_chains_and_slice_multiplexers_have_luts_of_their_own(wants):
    assert count(lut(1, 2, 90), lut(1, 2, 91), wants) == 0


@pytest.mark.parametrize("kind, letters, read, expected", [
    ("RAM32M16", "ABCDEFGH", "EFG", 4),   # 3 of 7; H is the written address's,
    ("RAM32M16", "ABCDEFGH", "EFGH", 4),  # read or not.
    ("RAM64M8", "ABCDEFGH", "ABCDEFG", 0),
    ("RAM32M", "ABCD", "A", 2),
    ("RAM64M", "ABCD", "", 3),
])
def test_luts_of_memories_that_nobody_reads(kind, letters, read, expected):
    outputs = {f"DO{letter}": [100 + n, 200 + n] for n, letter in enumerate(letters)}
    memory = Cell(kind, {"DIA": [1, 2]}, outputs)
    readers = (lut(*(200 + letters.index(letter) for letter in read[:2]), 90),) if read else ()
    netlist = Netlist({}, {"o": [100 + letters.index(letter) for letter in read[2:]]},
                      (memory, *readers))
    assert unread(netlist) == expected
