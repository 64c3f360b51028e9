# SPDX-License-Identifier: Apache-2.0
"""A lane's engine in Icarus Verilog, for models that Verilator does not take: the vendor's own."""

import re
import subprocess

import numpy as np

from flightllm_hw.sim import verilator, words

__all__ = ["IcarusEngine"]

BENCH = """\
`timescale 1ns / 1ps
module tb;
  reg clk = 0, rst = 0, writing = 0;
  integer cycle, writes = 0, operations = 0, beats = 0, results = 0, taken, read;
  wire operation_ready, beat_ready, valid;
{declared}
  dut dut(
    .clk(clk), .rst(rst), .flush(1'b0),
    .write_en(writing ? write_en[writes] : {{{enables}{{1'b0}}}}),
    .write_word(write_word[writes]), .write_data(write_data[writes]),
    .i_payload(operation[operations]), .i_valid(!writing && operations < {operations}),
    .i_ready(operation_ready),
    .i_beat_payload(beat[beats]), .i_beat_valid(!writing && beats < {beats}),
    .i_beat_ready(beat_ready),
    .o_payload(result), .o_valid(valid), .o_ready(1'b1));

  initial begin
{read}
    // The vendor's cells hold their registers for the first 100 ns (global set/reset), and what
    // memories put out is unknown until they were read once: a reset, as kernels have it.
    rst = 1;
    for (cycle = 0; cycle < 100; cycle = cycle + 1) begin
      #5 clk = 1;
      #5 clk = 0;
    end
    rst = 0;
    writing = 1;
    for (cycle = 0; results < {results} && cycle < 5000; cycle = cycle + 1) begin
      #4 taken = !writing && operations < {operations} && operation_ready === 1'b1;
      read = !writing && beats < {beats} && beat_ready === 1'b1;
      if (!writing && valid === 1'b1) begin
        $display("%h", result);
        results = results + 1;
      end
      #1 clk = 1;
      #1 operations = operations + taken;
      beats = beats + read;
      if (writing) writes = writes + 1;
      if (writes == {writes}) writing = 0;
      #4 clk = 0;
    end
    $finish;
  end
endmodule
"""


class IcarusEngine:
    """As much of a ``Simulator`` as :func:`support.lanes.multiply` takes.

    Parameters
    ----------
    dut : LaneEngine
    text : str
        Its Verilog, the module ``dut``, and models of its cells but for those in ``options``.
    folder : path
        Where everything goes.
    options : list of str
        For ``iverilog``.
    """

    def __init__(self, dut, text, folder, options=()):
        self._text, self._folder, self._options = text, folder, list(options)
        self._shapes = verilator.shapes(dut)
        self._widths = {port.name: port.width for port in verilator.module_ports(text, "dut")}
        self._memories = {}

    def pack(self, name, values):
        return words.pack(self._shapes[name], values)

    def unpack(self, name, rows):
        return words.unpack(self._shapes[name], rows)

    def run(self, inputs):
        """Keep what is to be written into the activation buffer, a row a cycle."""
        self._memories = dict(inputs)

    def poke(self, name, value):
        """Nothing is written but in :meth:`run`."""
        assert (name, value) == ("write_en", 0)

    def stream(self, inputs, outputs, **_):
        """Write, send, receive: all in one simulation; nothing ever waits."""
        memories = self._memories | {"operation": inputs["i"], "beat": inputs["i_beat"]}
        widths = self._widths | {"operation": self._widths["i_payload"],
                                 "beat": self._widths["i_beat_payload"]}
        declared = [f"  wire [{self._widths['o_payload'] - 1}:0] result;"]
        read = []
        for name, rows in memories.items():
            (self._folder / f"{name}.hex").write_text("".join(
                f"{int.from_bytes(np.ascontiguousarray(row, '<u4').tobytes(), 'little'):x}\n"
                for row in [*rows, 0 * rows[-1]]))
            declared.append(f"  reg [{widths[name] - 1}:0] {name} [0:{len(rows)}];")
            read.append(f'    $readmemh("{name}.hex", {name});')
        (self._folder / "tb.v").write_text(BENCH.format(
            declared="\n".join(declared), read="\n".join(read), enables=widths["write_en"],
            writes=len(memories["write_en"]), operations=len(memories["operation"]),
            beats=len(memories["beat"]), results=outputs["o"]))
        # In SystemVerilog, which the vendor's models are, registers have their first values before
        # any block waits for a change: blocks that nothing ever changes would never run.
        (self._folder / "dut.v").write_text(
            re.sub(r"^  reg (\[\S+ )?(\\?\S+ ?) = (\S+);$", r"  reg \1\2;\n  initial #0 \2 = \3;",
                   self._text, flags=re.M))
        subprocess.run(["iverilog", "-g2005-sv", "-s", "tb", *self._options, "-o", "sim", "tb.v",
                        "dut.v"], cwd=self._folder, check=True)
        said = subprocess.run(["vvp", "-n", "sim"], cwd=self._folder, check=True,
                              capture_output=True, text=True).stdout
        bits = self._widths["o_payload"]
        raw = b"".join(int(line, 16).to_bytes(4 * -(-bits // 32), "little")
                       for line in said.split() if "x" not in line)
        found = np.frombuffer(raw, "<u4").reshape(-1, -(-bits // 32))
        assert len(found) == outputs["o"], f"{len(found)} results of {outputs['o']}: {said[-400:]}"
        return {"o": found}
