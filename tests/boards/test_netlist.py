# SPDX-License-Identifier: Apache-2.0
"""The self-test's Verilog as a whole, simulated with models of AMD's cells in slower seconds."""

import re
import shutil
import subprocess

import pytest
from amaranth.build import Clock

from flightllm_hw.boards.platforms import platform
from flightllm_hw.boards.selftest import SelfTest
from support.serial import received

pytestmark = [pytest.mark.rtl, pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")]

# As far as the self-test uses them.
CELLS = """
module IBUFDS(input I, IB, output O); assign O = I & ~IB; endmodule
module BUFG(input I, output O); assign O = I; endmodule
module BUFGCE #(parameter SIM_DEVICE = "") (input I, CE, output O); assign O = I & CE; endmodule
module STARTUPE3(output EOS); assign EOS = 1; endmodule
module OBUFT(input I, T, output O); assign O = T ? 1'bz : I; endmodule
module IBUFDS_GTE4 #(parameter REFCLK_HROW_CK_SEL = 2'b11) (input I, IB, CEB, output O, ODIV2);
  // Only 0 leaves the clock as it is.
  assign O = I & ~IB & ~CEB, ODIV2 = REFCLK_HROW_CK_SEL == 0 & O;
endmodule
module BUFG_GT(input I, CE, CEMASK, CLR, CLRMASK, input [2:0] DIV, output O);
  assign O = I & CE & ~CLR & DIV == 0;
endmodule
"""

HZ = 20_000
"""The default clock's frequency, and the UART's: a second is as short as the text allows."""

CYCLES = HZ * 7 // 4
HALF = 1000


def bench(clocks, outputs, halves):
    """A clock for each name, of so long half periods; prints the outputs in cycles of the first."""
    lines = [f"module bench;\n  integer n;\n  reg [{len(clocks) - 1}:0] clk = 0;"]
    ties = [f".{name}__p(clk[{k}]), .{name}__n(~clk[{k}])" for k, name in enumerate(clocks)]
    for name in outputs:
        lines.append(f"  wire {name};")
        ties.append(f".{name}({name})")
    lines.append(f"  selftest dut({', '.join(ties)});")
    for k, half in enumerate(halves):
        if half:
            lines.append(f"  initial forever #{half} clk[{k}] = ~clk[{k}];")
    lines.append(f"  initial begin\n    for (n = 0; n < {CYCLES}; n = n + 1) @(posedge clk[0])"
                 f' $display("{"%b" * len(outputs)}", {", ".join(outputs)});\n'
                 "    $finish;\n  end\nendmodule\n")
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["u250", "u280"])
def test_the_text_has_every_clocks_frequency_at_its_name(name, tmp_path, monkeypatch):
    target = platform(name)
    monkeypatch.setattr(target.resources[target.default_clk, 0], "clock", Clock(HZ))
    test = SelfTest(target, baud=HZ)
    verilog = target.prepare(test, "selftest").files["selftest.v"]
    clocks = [f"{target.default_clk}_0", *test.config.clocks]
    # Each at a speed of its own, from twice the default's on, and one that stands.
    halves = [HALF, *(HALF // 2 + 371 * k for k in range(len(clocks) - 2)), 0]
    leds = [f"led_{n}__io" for n in range(len(test.leds))]
    low = ["hbm_cattrip_0__io"] * (name == "u280")
    outputs = ["uart_0__tx__io", *leds, *low]
    (tmp_path / "all.v").write_text(verilog + CELLS + bench(clocks, outputs, halves))
    # Not SystemVerilog, in which what is combinational has not been computed at the first edge.
    subprocess.run(["iverilog", "-g2005", "-s", "bench", "-o", "bench", "all.v"], check=True,
                   cwd=tmp_path)
    done = subprocess.run(["vvp", "-n", "bench"], check=True, cwd=tmp_path, text=True,
                          capture_output=True)
    samples = [line for line in done.stdout.splitlines() if re.fullmatch("[01xz]+", line)]
    assert len(samples) == CYCLES and not set("xz") & set("".join(samples))

    got, begun = received([int(sample[0]) for sample in samples], test.config.divisor)
    title, *lines = got.decode().splitlines()
    assert title == f"flightllm_hw {name}, {clocks[0]} 000000001 s"
    assert begun[0] == pytest.approx(1.5 * HZ, abs=10)
    shown = [re.fullmatch(r"  (\w+) (\d{9}) Hz", line).groups() for line in lines]
    assert [clock for clock, _ in shown] == clocks[1:]
    for (_, hertz), half in zip(shown, halves[1:], strict=True):
        assert int(hertz) == pytest.approx(HZ * HALF / half if half else 0, abs=1.5)

    # LEDs: the gate is off at the end, the clocks after it run.
    assert samples[-1][1:1 + len(leds)] == ("0" + "1" * len(leds))[:len(leds)]
    assert not low or {sample[-1] for sample in samples} == {"0"}
