# SPDX-License-Identifier: Apache-2.0
"""Islands are chosen as described, and keep code short."""

import re

import pytest

from flightllm_hw.sim import verilator
from flightllm_hw.sim.islands import mark_islands

LONG = "  // " + 5000 * "-" + "\n"
"""What makes a module worth a call."""


def module(name, *children, body=""):
    inside = "".join(f"  {child} {'abcdefgh'[n]} (\n    .clk(clk)\n  );\n"
                     for n, child in enumerate(children))
    return f"module {name}(clk);\n  input clk;\n{inside}{body}endmodule\n"


def islands(*modules):
    text = mark_islands("".join(modules), "top")
    marks = re.findall(r"^module (\S+?) ?\(.*?\); /\*verilator (\w+)\*/$", text, re.M)
    assert len(marks) == len(modules)
    return {name for name, mark in marks if mark == "no_inline_module"} - {"top"}


def test_a_repeated_module_is_one_with_all_inside():
    assert islands(module("leaf", body=LONG), module("lane", "leaf", "leaf"),
                   module("core", "lane", "lane", "control"), module("control", body=LONG),
                   module("top", "core")) == {"lane"}


def test_what_has_one_instance_is_part_of_what_is_around():
    assert islands(module("control", body=LONG), module("core", "control"),
                   module("top", "core")) == set()


def test_short_modules_are_not_worth_a_call():
    assert islands(module("queue"), module("top", "queue", "queue", "queue")) == set()


def test_the_greatest_comes_first():
    # Four leaves in all are more than two halves are beside them.
    assert islands(module("leaf", body=LONG), module("half", "leaf", "leaf"),
                   module("top", "half", "half")) == {"half"}
    assert islands(module("leaf", body=LONG), module("half", "leaf"),
                   module("top", "half", "leaf", "leaf", "leaf")) == {"leaf"}


def test_escaped_names():
    text = mark_islands(module("\\a.b ", body=LONG) + module("top", "\\a.b ", "\\a.b "), "top")
    assert text.count("/*verilator no_inline_module*/") == 2


def test_the_code_does_not_grow_with_instances():
    """Two lanes or eight: Verilator makes one function of them, and each computes its own."""
    lane = "\n".join(
        ["module lane(clk, a, o);", "  input clk;", "  input [31:0] a;", "  output [31:0] o;",
         "  reg [31:0] o;", *(f"  reg [31:0] r{n};" for n in range(120)),
         "  always @(posedge clk) begin", "    r0 <= a;",
         *(f"    r{n} <= r{n - 1} * 32'd{2 * n + 3} + {n};" for n in range(1, 120)),
         "    o <= r119;", "  end", "endmodule\n"])

    def compiled(count):
        ports = "".join(f", a{n}, o{n}" for n in range(count))
        declared = "".join(f"  input [31:0] a{n};\n  output [31:0] o{n};\n" for n in range(count))
        inside = "".join(f"  lane lane_{n} (\n    .clk(clk), .a(a{n}), .o(o{n})\n  );\n"
                         for n in range(count))
        return verilator.compile_verilog(
            f"{lane}module top(clk{ports});\n  input clk;\n{declared}{inside}endmodule\n", "top")

    several = compiled(8)
    seen = several.run({f"a{n}": [n + 1] * 130 for n in range(8)}, 130,
                       record=[f"o{n}" for n in range(8)])
    for n in range(8):
        value = n + 1
        for k in range(1, 120):
            value = (value * (2 * k + 3) + k) % (1 << 32)
        assert seen[f"o{n}"][-1] == value
    few = compiled(2)
    sizes = [one.path.stat().st_size for one in (few, several)]
    assert sizes[1] < 1.5 * sizes[0]


def test_a_text_without_the_top_module_is_left_to_verilator():
    with pytest.raises(ValueError, match="no module 'other'"):
        verilator.compile_verilog(module("top"), "other")
