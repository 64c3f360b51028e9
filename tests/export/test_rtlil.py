# SPDX-License-Identifier: Apache-2.0
"""Modules to RTLIL, merged where they are the same."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.export.rtlil import RtlilModule, count, merge, reachable, to_rtlil
from flightllm_hw.export.verilog import convert
from support.toys import ArrayConfig, Row


def module(name, *children, extra=""):
    cells = "".join(f"  cell \\{child} \\u{n}\n  end\n" for n, child in enumerate(children))
    return RtlilModule(name, f"{extra}\n{cells}end")


def test_identical_modules_become_one_from_the_leaves_up():
    modules = [module("top", "a", "b", "c"), module("a", "a.x"), module("a.x", extra="x"),
               module("b", "b.x"), module("b.x", extra="x"),
               module("c", "c.x"), module("c.x", extra="y")]
    merged = merge(modules, keep={"top"})
    assert {name: m.children for name, m in merged.items()} == {
        "top": ["a", "a", "c"], "a": ["a.x"], "a.x": [], "c": ["c.x"], "c.x": []}
    assert count(merged, "top") == {"top": 1, "a": 2, "a.x": 2, "c": 1, "c.x": 1}


def test_modules_that_are_referred_to_by_name_are_not_merged():
    modules = [module("top", "a", "b"), module("a"), module("b")]
    assert list(merge(modules, keep={"top", "a", "b"})) == ["top", "a", "b"]


def test_instances_of_instances_are_counted():
    modules = {m.name: m for m in [module("top", "a", "b", "b"), module("b", "a", "a"),
                                   module("a", "DSP48E2"), module("other", "a")]}
    used = reachable(modules, "top")
    assert list(used) == ["top", "a", "b"]
    assert count(used, "top") == {"top": 1, "a": 5, "b": 2}


def test_other_names_of_ports_and_fields_are_left_out():
    row, *private = to_rtlil(Row(ArrayConfig(columns=1)), "row", None)
    assert "wire width 12 \\i_0__payload" not in row.body
    assert {m.name for m in private} == {"row.cell_0", "row.first", "row.second"}


def test_a_module_may_have_more_inputs_than_amaranth_can_number():
    class Crowd(wiring.Component):
        def __init__(self):
            super().__init__({f"i_{n}": In(30_000) for n in range(3)} | {"o": Out(1)})

        def elaborate(self, platform):
            m = Module()
            m.d.sync += self.o.eq(self.i_0.any() ^ self.i_1.any() ^ self.i_2.any())
            return m

    text = convert(Crowd())
    for n in range(3):
        assert f"  input [29999:0] i_{n};" in text
    assert "input clk;" in text and "input rst;" in text
