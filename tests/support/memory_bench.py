# SPDX-License-Identifier: Apache-2.0
"""A design that ties streams to an AXI port and does nothing else, and a memory behind it."""

from functools import cache

import numpy as np

from flightllm_hw.boards import card
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, ddr, hbm
from flightllm_hw.sim.verilator import compile_verilog

MHZ = 225.0
HBM = hbm(card("u280"))
DRAM = {"hbm": HBM, "ddr": ddr(card("u250"))}
FIELDS = {"id": 4, "len": 8, "size": 3, "burst": 2}


def wires(width, tag="m_axi", stem="", halves="rw"):
    """Port declarations and assignments that tie streams to one AXI port, nothing else."""
    ways, body = [], []
    for way in [half for half, there in (("ar", "r"), ("aw", "w")) if there in halves]:
        ways += [f"input [85:0] {stem}{way}_payload", f"input {stem}{way}_valid",
                 f"output {stem}{way}_ready", f"output {tag}_{way}valid", f"input {tag}_{way}ready",
                 f"output [63:0] {tag}_{way}addr",
                 *(f"output [{bits - 1}:0] {tag}_{way}{f}" for f, bits in FIELDS.items())]
        fields = ", ".join(f"{tag}_{way}{f}" for f in reversed([*FIELDS]))
        body += [f"assign {tag}_{way}valid = {stem}{way}_valid;",
                 f"assign {stem}{way}_ready = {tag}_{way}ready;",
                 f"assign {{{fields}, {tag}_{way}addr}} = {stem}{way}_payload[80:0];"]
    if "r" in halves:
        ways += [f"output [{width + 6}:0] {stem}r_payload", f"output {stem}r_valid",
                 f"input {stem}r_ready", f"input {tag}_rvalid", f"output {tag}_rready",
                 f"input [{width - 1}:0] {tag}_rdata", f"input [3:0] {tag}_rid",
                 f"input [1:0] {tag}_rresp", f"input {tag}_rlast"]
        body += [f"assign {stem}r_valid = {tag}_rvalid;", f"assign {tag}_rready = {stem}r_ready;",
                 f"assign {stem}r_payload = {{{tag}_rlast, {tag}_rresp, {tag}_rid, {tag}_rdata}};"]
    if "w" in halves:
        ways += [f"input [{width + width // 8}:0] {stem}w_payload", f"input {stem}w_valid",
                 f"output {stem}w_ready", f"output {tag}_wvalid", f"input {tag}_wready",
                 f"output [{width - 1}:0] {tag}_wdata", f"output [{width // 8 - 1}:0] {tag}_wstrb",
                 f"output {tag}_wlast", f"output [5:0] {stem}b_payload", f"output {stem}b_valid",
                 f"input {stem}b_ready", f"input {tag}_bvalid", f"output {tag}_bready",
                 f"input [3:0] {tag}_bid", f"input [1:0] {tag}_bresp"]
        body += [f"assign {tag}_wvalid = {stem}w_valid;", f"assign {stem}w_ready = {tag}_wready;",
                 f"assign {{{tag}_wlast, {tag}_wstrb, {tag}_wdata}} = {stem}w_payload;",
                 f"assign {stem}b_valid = {tag}_bvalid;", f"assign {tag}_bready = {stem}b_ready;",
                 f"assign {stem}b_payload = {{{tag}_bresp, {tag}_bid}};"]
    return ways, body


@cache
def compiled(width, reset="rst"):
    """One port that is wired to streams."""
    ways, body = wires(width)
    text = f"module m(input clk, input {reset}, {', '.join(ways)});\n" + "\n".join(body)
    return compile_verilog(text + "\nendmodule\n", "m", extra_sources=[AXI_MEMORY_SOURCE])


class Bench:
    """A memory at one port, and bursts in the words of its streams."""

    def __init__(self, width=512, timing=IDEAL, **options):
        self.width, self.bytes = width, width // 8
        self.sim = compiled(width)
        self.sim.restart()
        self.memory = AxiMemory(self.sim, "m_axi", timing, clock_mhz=MHZ, **options)

    def request(self, address, beats, id=0, size=None, burst=1):
        size = self.bytes.bit_length() - 1 if size is None else size
        return address | id << 64 | beats - 1 << 68 | size << 76 | burst << 79

    def requests(self, bursts, **fields):
        return self.sim.pack("ar", np.array([self.request(*b, **fields) for b in bursts], object))

    def beats(self, data, lengths, strobes=None, last=None):
        """Words of W: ``data`` in rows of bytes, one a beat."""
        ends = np.cumsum(lengths) - 1
        rows = []
        for n, row in enumerate(data):
            strobe = (1 << self.bytes) - 1 if strobes is None else strobes[n]
            value = int.from_bytes(row.tobytes(), "little") | strobe << self.width
            is_last = n in ends if last is None else last[n]
            rows.append(value | int(is_last) << self.width + self.bytes)
        return self.sim.pack("w", np.array(rows, object))

    def unpack_r(self, rows):
        """Data in rows of bytes, IDs, responses, last."""
        raw = np.ascontiguousarray(rows).view(np.uint8)
        tail = raw[:, self.bytes]
        return raw[:, :self.bytes], tail & 15, tail >> 4 & 3, tail >> 6 & 1

    def read(self, bursts, **options):
        got = self.sim.stream({"ar": self.requests(bursts)},
                              {"r": sum(b[1] for b in bursts)}, **options)
        return *self.unpack_r(got["r"]), got

    def write(self, bursts, data, strobes=None, **options):
        got = self.sim.stream({"aw": self.requests(bursts),
                               "w": self.beats(data, [b[1] for b in bursts], strobes)},
                              {"b": len(bursts)}, **options)
        return got["b"][:, 0] >> 4, got

    def latency(self, address):
        """Cycles from AR to the first beat."""
        got = self.read([(address, 1)])[-1]
        return int(got.cycles["r"][0] - got.cycles["ar"][0])


def cycles(ns):
    """Cycles that a latency takes."""
    return int(np.ceil(ns * MHZ / 1000 - 1e-3))
