# SPDX-License-Identifier: Apache-2.0
"""What a memory gives a master that asks for as much as it can: its efficiency by burst size."""

from functools import cache

import numpy as np

from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, AxiMemory, MemoryTiming
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.verilator import compile_verilog

__all__ = ["greedy", "throughput"]

# Inputs: which halves run, random or sequential, beats of a burst, bytes from one to the next, and
# bytes of the window that addresses are in. Writes go to the window above the one of the reads.
MASTER = """
module master(input clk, input reading, input writing, input random, input [7:0] len,
              input [63:0] step, input [63:0] window, {ports});
  reg [63:0] state = 64'd88172645463325252;
  wire [63:0] s1 = state ^ (state << 13), s2 = s1 ^ (s1 >> 7), s3 = s2 ^ (s2 << 17);
  always @(posedge clk) state <= s3;
  {body}
endmodule
"""

PORTS = """
  output {p}_arvalid, output [63:0] {p}_araddr, output [7:0] {p}_arlen, input {p}_arready,
  input {p}_rvalid, input [{high}:0] {p}_rdata, input {p}_rlast, output {p}_rready,
  output {p}_awvalid, output [63:0] {p}_awaddr, output [7:0] {p}_awlen, input {p}_awready,
  output {p}_wvalid, output [{high}:0] {p}_wdata, output {p}_wlast, input {p}_wready,
  input {p}_bvalid, output {p}_bready"""

BODY = """
  reg [63:0] {p}_read = 0, {p}_write = 0;
  reg [15:0] {p}_bursts = 0;
  reg [7:0] {p}_beat = 0;
  assign {p}_arvalid = reading, {p}_araddr = {p}_read, {p}_arlen = len, {p}_rready = 1;
  assign {p}_awvalid = writing, {p}_awaddr = {p}_write + window, {p}_awlen = len, {p}_bready = 1;
  assign {p}_wvalid = {p}_bursts != 0, {p}_wlast = {p}_beat == len, {p}_wdata = 0;
  wire [63:0] {p}_mask = (window - 1) & ~(step - 1);
  wire {p}_ar = {p}_arvalid & {p}_arready, {p}_aw = {p}_awvalid & {p}_awready;
  wire {p}_w = {p}_wvalid & {p}_wready;
  always @(posedge clk) begin
    if ({p}_ar) {p}_read <= (random ? state * 64'd{odd} : {p}_read + step) & {p}_mask;
    if ({p}_aw) {p}_write <= (random ? s1 * 64'd{odd} : {p}_write + step) & {p}_mask;
    {p}_bursts <= {p}_bursts + {p}_aw - ({p}_w & {p}_wlast);
    if ({p}_w) {p}_beat <= {p}_wlast ? 0 : {p}_beat + 1;
  end
"""


@cache
def _compiled(width: int, ports: int, level: int) -> Simulator:
    each = [{"p": f"m{n}", "high": width - 1, "odd": 2654435769 + 2 * n} for n in range(ports)]
    text = MASTER.format(ports=",".join(PORTS.format(**e) for e in each),
                         body="".join(BODY.format(**e) for e in each))
    return compile_verilog(text, "master", level=level, extra_sources=[AXI_MEMORY_SOURCE])


def greedy(timing: MemoryTiming, *, width: int = 512, clock_mhz: float = 225.0, burst: int = 512,
           step: int | None = None, window: int = 1 << 27, random: bool = False,
           reading: bool = True, writing: bool = False, ports: int = 1,
           level: int = 1) -> tuple[Simulator, AxiMemory]:
    """A simulator whose masters issue a burst whenever the memory takes one, and its memory.

    Parameters
    ----------
    timing : MemoryTiming
        The memory's.
    width, clock_mhz : int, float
        Of a port: bits, and its clock.
    burst : int
        Bytes of a burst.
    step : int, optional
        Bytes from one burst to the next; a multiple of it lies between random ones. ``burst`` by
        default.
    window : int
        Addresses are below it for reads, and from it up to twice of it for writes.
    random : bool
        Whether addresses are drawn, instead of following each other.
    reading, writing : bool
        What the masters do.
    ports : int
        How many masters there are, each with a channel of its own: ``m0``, ``m1`` and so on.
    level : int
        Of optimisation, see :func:`~flightllm_hw.sim.verilator.compile_verilog`.
    """
    sim = _compiled(width, ports, level)
    sim.restart()
    values = {"reading": reading, "writing": writing, "random": random, "window": window,
              "len": burst * 8 // width - 1, "step": burst if step is None else step}
    for name, value in values.items():
        sim.poke(name, int(value))
    memory = AxiMemory(sim, [f"m{n}" for n in range(ports)], timing, clock_mhz=clock_mhz,
                       max_beats=256, max_bytes=4096, hazards=False)
    return sim, memory


def throughput(timing: MemoryTiming, *, cycles: int = 100_000, warm_up: int = 2000,
               width: int = 512, clock_mhz: float = 225.0, **pattern: object) -> float:
    """GB/s of one port, after ``warm_up`` cycles, over ``cycles``; ``pattern`` as for greedy."""
    sim, memory = greedy(timing, width=width, clock_mhz=clock_mhz,
                         **pattern)  # type: ignore[arg-type]
    nothing: dict[str, np.ndarray] = {}
    sim.run(nothing, warm_up, record=())
    memory.clear_counters()
    sim.run(nothing, cycles, record=())
    memory.check()
    (c,) = memory.counters().values()
    return (c.beats_read + c.beats_written) / cycles * width / 8 * clock_mhz / 1000
