# SPDX-License-Identifier: Apache-2.0
"""The Verilog itself: its ports, its stability, and that it does what it did before sharing."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from amaranth.back import verilog
from amaranth.lib import wiring

from flightllm_hw.export.kernel import VitisKernel
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.rtlil import flat_ports
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.presets import PRESETS
from support.exported import exported
from support.lint import lint
from support.toys import Array, ArrayConfig, Row, Wires


def ports(text, module):
    """Directions and widths of a module's ports."""
    body = re.search(rf"^module {module}\(.*?^endmodule", text, re.MULTILINE | re.DOTALL)[0]
    return {name: (way, int(high or 0) + 1) for way, high, name in
            re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", body, re.MULTILINE)}


def test_ports_are_named_by_their_path():
    text = convert(Row(ArrayConfig(columns=1)), name="top")
    assert ports(text, "top") == {
        "i_0_payload": ("input", 12), "i_0_valid": ("input", 1),
        "o_0_payload": ("output", 12), "o_0_valid": ("output", 1), "count": ("output", 8),
        "clk": ("input", 1), "rst": ("input", 1)}
    assert ports(text, "product") == {
        "i_payload": ("input", 12), "i_valid": ("input", 1), "add": ("input", 1),
        "o_payload": ("output", 12), "o_valid": ("output", 1), "clk": ("input", 1)}
    assert ports(text, "wires") == {"i": ("input", 6), "o": ("output", 6)}


def test_the_top_module_is_named_after_its_type_or_as_asked():
    config = ArrayConfig().cell
    assert design(Wires(config)).top == "wires"
    assert design(Wires(config), name="this").top == "this"


def test_shared_modules_do_not_take_the_tops_name():
    assert design(Array(ArrayConfig()), name="row").counts == {
        "row": 1, "row_1": 3, "product": 12, "wires": 12, "row_1.first": 6}


def test_nothing_tells_where_the_source_is():
    text = exported("tiny").text
    assert "src" not in text
    assert str(Path.cwd()) not in text


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_memories_begin_with_all_of_their_words(name):
    text = exported(name).text
    declared = re.findall(r"^  reg (?:\[\d+:0\] )?(?:\w+|\\\S+ ) \[(\d+):0\];\n(.*\n.*\n.*)", text,
                          re.MULTILINE)
    assert len(declared) > 40
    for last, behind in declared:
        loop = re.search(r"_word <= (\d+);", behind)
        # A loop over all words, a statement for each of them, or a memory of one word.
        assert (loop[1] == last if loop else behind.startswith("  initial begin\n")
                and (last == "0" or not behind.endswith("\n  end"))), behind


@pytest.mark.rtl
def test_the_text_depends_on_the_configuration_alone():
    program = ("import hashlib; from flightllm_hw.export.files import export;"
               "from flightllm_hw.presets import TINY;"
               "print(hashlib.sha256(export(TINY).text.encode()).hexdigest())")
    digests = {hashlib.sha256(exported("tiny").text.encode()).hexdigest()}
    for seed in ("0", "random"):
        done = subprocess.run([sys.executable, "-c", program], check=True, text=True,
                              capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
        digests.add(done.stdout.strip())
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_every_lane_is_there_with_all_its_ports(name):
    preset, made = PRESETS[name], exported(name)
    top = ports(made.text, made.top)
    widths = {name: len(signal) for name, _, signal in flat_ports(
        VitisKernel(Kernel(KernelConfig(accelerator=preset))))}
    assert {name: width for name, (_, width) in top.items()} == widths
    assert made.counts["chain_array"] == preset.lanes
    assert made.counts["csd_chain"] == preset.lanes * preset.lane.chains


@pytest.mark.rtl
@pytest.mark.parametrize("name", ["tiny", "small"])
def test_every_dsp_slice_is_there(name):
    """In presets that differ in what a lane is, or in the number of them."""
    preset, made = PRESETS[name], exported(name)
    slices = re.findall(r"^module (\S+) ?\((?:(?!^endmodule).)*?^  DSP48E2 #\(", made.text,
                        re.MULTILINE | re.DOTALL)
    assert sum(made.counts[name] for name in slices) == (
        preset.lanes * preset.lane.dsp_total + preset.sfu.dsp)


@pytest.mark.parametrize("platform", [BehaviouralPlatform, VendorPlatform])
def test_verilator_has_nothing_to_say_of_toys(platform, tmp_path):
    toy = design(Array(ArrayConfig()), platform=platform())
    assert lint(toy.text, toy.top, tmp_path) == ""


def test_lint_finds_mistakes(tmp_path):
    text = "module top(input [3:0] i, output [1:0] o);\n  assign o = i;\nendmodule\n"
    assert "WIDTHTRUNC" in lint(text, "top", tmp_path)


@pytest.mark.rtl
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_sharing_changes_nothing(tmp_path):
    """The same random inputs go to both; a bench compares all outputs in every cycle."""
    config = ArrayConfig(rows=2, columns=3)
    array = Array(config)
    flat = list(flat_ports(array))
    unshared = verilog.convert(array, name="unshared",
                               ports={name: (signal, None) for name, _, signal in flat})
    ins = [(name, len(signal)) for name, flow, signal in flat if flow is wiring.In]
    outs = [(name, len(signal)) for name, flow, signal in flat if flow is wiring.Out]

    def instance(module):
        ties = [f".{name}({name})" for name, _ in ins]
        ties += [f".{name}({module}_{name})" for name, _ in outs]
        return f"  {module} {module}(.clk(clk), .rst(rst), {', '.join(ties)});\n"

    bench = "module bench;\n  reg clk = 0, rst = 1;\n  integer n, wrong = 0, moved = 0;\n"
    bench += "".join(f"  reg [{width - 1}:0] {name};\n" for name, width in ins)
    bench += "".join(f"  wire [{width - 1}:0] {module}_{name};\n"
                     for module in ("shared", "unshared") for name, width in outs)
    bench += instance("shared") + instance("unshared")
    all_outs = {module: "{" + ", ".join(f"{module}_{name}" for name, _ in outs) + "}"
                for module in ("shared", "unshared")}
    bench += ("  initial begin\n    for (n = 0; n < 500; n = n + 1) begin\n"
              + "".join(f"      {name} = $random;\n" for name, _ in ins)
              + "      rst = n < 3 || n % 100 == 0; #5 clk = 1; #5 clk = 0;\n"
              f"      if ({all_outs['shared']} !== {all_outs['unshared']}) wrong = wrong + 1;\n"
              f"      if (^{all_outs['shared']} === 1'b1) moved = moved + 1;\n"
              "    end\n    $display(\"%0d %0d\", wrong, moved);\n  end\nendmodule\n")
    (tmp_path / "all.v").write_text(unshared + convert(Array(config), name="shared") + bench)
    subprocess.run(["iverilog", "-g2005", "-s", "bench", "-o", "bench", "all.v"], check=True,
                   cwd=tmp_path)
    done = subprocess.run(["vvp", "-n", "bench"], check=True, cwd=tmp_path, text=True,
                          capture_output=True)
    wrong, moved = map(int, done.stdout.split())
    assert wrong == 0
    assert 100 < moved < 400
