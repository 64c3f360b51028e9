# SPDX-License-Identifier: Apache-2.0
"""A memory behind an AXI4 port, for Amaranth's simulator."""

from collections import deque

from flightllm_hw.sim.traffic import STEADY, Gate


class AxiMemory:
    """Answers in order, some cycles after it was asked, as its traffic lets it.

    ``words`` maps the address of a beat to its value; what it lacks is read as a number made of the
    address. ``responses`` maps addresses of beats (reads) or of bursts (writes) to response codes.
    """

    def __init__(self, axi, *, latency=1, traffic=STEADY, responses=None, seed=0):
        self.axi = axi
        self.latency = latency
        self.responses = responses or {}
        self.words = {}
        self.bytes = axi.signature.data_bits // 8
        self.gates = {name: Gate(traffic, seed, name) for name in ("ar", "r", "aw", "w", "b")}
        self.cycle = 0

    def initial(self, address):
        """What a beat holds that was never written."""
        return (address * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 1) % (1 << 8 * self.bytes)

    def word(self, address):
        return self.words.get(address, self.initial(address))

    async def reads(self, ctx):
        """A background testbench: the reading half."""
        axi, cycle, queue, offered = self.axi, 0, deque(), False
        while True:
            open_ar, open_r = self.gates["ar"].draw(), self.gates["r"].draw()
            ctx.set(axi.arready, open_ar)
            if not offered and open_r and queue and queue[0][0] <= cycle:
                _, address, last = queue[0]
                ctx.set(axi.rdata, self.word(address))
                ctx.set(axi.rresp, self.responses.get(address, 0))
                ctx.set(axi.rlast, last)
                offered = True
            ctx.set(axi.rvalid, offered)
            _, _, valid, address, length, ready = await ctx.tick().sample(
                axi.arvalid, axi.araddr, axi.arlen, axi.rready)
            if offered and ready:
                queue.popleft()
                offered = False
            if valid and open_ar:
                queue += ((cycle + self.latency, address + n * self.bytes, n == length)
                          for n in range(length + 1))
            cycle += 1

    async def writes(self, ctx):
        """A background testbench: the writing half."""
        axi, cycle, bursts, beats, answers, offered = self.axi, 0, deque(), deque(), deque(), False
        while True:
            open_aw, open_w = self.gates["aw"].draw(), self.gates["w"].draw()
            ctx.set(axi.awready, open_aw)
            ctx.set(axi.wready, open_w)
            if not offered and self.gates["b"].draw() and answers and answers[0][0] <= cycle:
                ctx.set(axi.bresp, answers[0][1])
                offered = True
            ctx.set(axi.bvalid, offered)
            _, _, *values = await ctx.tick().sample(
                axi.awvalid, axi.awaddr, axi.awlen, axi.wvalid, axi.wdata, axi.wstrb, axi.bready)
            aw_valid, address, length, w_valid, data, strobe, b_ready = values
            if offered and b_ready:
                answers.popleft()
                offered = False
            if aw_valid and open_aw:
                bursts.append((address, length + 1))
            if w_valid and open_w:
                beats.append((data, strobe))
            while bursts and len(beats) >= bursts[0][1]:
                start, count = bursts.popleft()
                for n in range(count):
                    self._write(start + n * self.bytes, *beats.popleft())
                answers.append((cycle + self.latency, self.responses.get(start, 0)))
            cycle += 1

    def _write(self, address, data, strobe):
        mask = sum(0xFF << 8 * n for n in range(self.bytes) if strobe >> n & 1)
        self.words[address] = self.word(address) & ~mask | data & mask


def bursts(address, beats, config):
    """(address, beats) of the bursts that a descriptor is cut into."""
    size = config.beat_bytes
    while beats:
        count = min(beats, config.burst_beats - address // size % config.burst_beats)
        yield address, count
        address, beats = address + count * size, beats - count
