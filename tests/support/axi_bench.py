# SPDX-License-Identifier: Apache-2.0
"""The reader and the writer on one port of cocotbext-axi's memory: runs inside a simulator."""

import random
from itertools import repeat

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiRam, AxiResp

BASE, SIZE = 0x4_0000_0000, 1 << 18
OUTSIDE = 2


class Bench:
    """Clock, memory, and a consumer that takes all it has room for."""

    def __init__(self, dut, chance):
        self.dut, self.chance = dut, chance
        self.random = random.Random(1)
        self.bytes = len(dut.m_axi_wstrb)
        self.got = []
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        self.ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
        self.ram.write(0, self.random.randbytes(SIZE))
        if chance < 1:
            read, write = self.ram.read_if, self.ram.write_if
            for channel in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel,
                            write.b_channel):
                channel.set_pause_generator(self.random.random() > chance for _ in repeat(0))

    async def start(self):
        dut = self.dut
        for name in ("read_i_valid", "write_i_valid", "write_i_beat_valid", "space", "clear"):
            getattr(dut, name).value = 0
        dut.base.value, dut.limit.value = BASE, BASE + SIZE
        dut.rst.value = 1
        for _ in range(4):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        self.depth = int(dut.fifo_depth.value)
        cocotb.start_soon(self.consume())

    async def consume(self):
        held = 0
        while True:
            free = held > 0 and self.random.random() < self.chance
            self.dut.space.value = int(free)
            await RisingEdge(self.dut.clk)
            valid = int(self.dut.read_o_valid.value)
            if valid:
                self.got.append(int(self.dut.read_o_payload.value))
            held += valid - free
            assert held <= self.depth

    async def send(self, name, items):
        valid, ready, payload = (getattr(self.dut, f"{name}_{part}")
                                 for part in ("valid", "ready", "payload"))
        for item in items:
            while self.random.random() > self.chance:
                await RisingEdge(self.dut.clk)
            payload.value, valid.value = item, 1
            await RisingEdge(self.dut.clk)
            while not int(ready.value):
                await RisingEdge(self.dut.clk)
            valid.value = 0

    async def idle(self, name):
        await RisingEdge(self.dut.clk)
        while int(getattr(self.dut, f"{name}_busy").value):
            await RisingEdge(self.dut.clk)

    def pieces(self, first, last, count):
        """Descriptors in the beats from ``first`` to ``last``, which do not overlap."""
        edges = sorted(self.random.sample(range(first, last), 2 * count))
        some = [(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        self.random.shuffle(some)
        return some

    def described(self, pieces):
        return [BASE + start * self.bytes | beats << 64 for start, beats in pieces]

    def beats(self, pieces):
        """What the reader gives: a beat, and whether it is its descriptor's last."""
        for start, beats in pieces:
            for n in range(beats):
                word = self.ram.read((start + n) * self.bytes, self.bytes)
                yield int.from_bytes(word, "little") | (n == beats - 1) << 8 * self.bytes


async def reads_and_writes(dut, chance):
    bench = Bench(dut, chance)
    await bench.start()
    half = SIZE // bench.bytes // 2

    # Reads from the lower half while the upper half is written.
    reads = bench.pieces(0, half, 20)
    writes = bench.pieces(half, 2 * half, 20)
    want = bytearray(bench.ram.read(0, SIZE))
    beats = []
    for start, count in writes:
        for n in range(start, start + count):
            data = bench.random.randbytes(bench.bytes)
            strobe = bench.random.getrandbits(bench.bytes)
            beats.append(int.from_bytes(data, "little") | strobe << 8 * bench.bytes)
            for k in range(bench.bytes):
                if strobe >> k & 1:
                    want[n * bench.bytes + k] = data[k]
    for task in [cocotb.start_soon(bench.send("read_i", bench.described(reads))),
                 cocotb.start_soon(bench.send("write_i", bench.described(writes))),
                 cocotb.start_soon(bench.send("write_i_beat", beats))]:
        await task
    await bench.idle("read")
    await bench.idle("write")
    assert bench.got == list(bench.beats(reads))
    assert bench.ram.read(0, SIZE) == want
    assert int(dut.read_error.value) == int(dut.write_error.value) == 0

    # What was written is read.
    bench.got.clear()
    await bench.send("read_i", bench.described(writes))
    await bench.idle("read")
    assert bench.got == list(bench.beats(writes))


@cocotb.test()
async def with_a_memory_that_is_always_ready(dut):
    await reads_and_writes(dut, 1)


@cocotb.test()
async def with_a_memory_that_is_often_not_ready(dut):
    await reads_and_writes(dut, 0.4)


@cocotb.test()
async def errors_end_and_are_cleared(dut):
    bench = Bench(dut, 0.6)
    await bench.start()
    inside, beyond = (3, 40), (SIZE // bench.bytes - 1, 2)
    bad = BASE + beyond[0] * bench.bytes

    async def recover():
        dut.clear.value = 1
        await RisingEdge(dut.clk)
        dut.clear.value = 0

    for name in ("read", "write"):
        beats = cocotb.start_soon(bench.send("write_i_beat", [0] * 82))
        await bench.send(f"{name}_i", bench.described([inside, beyond, inside]))
        if name == "write":
            await beats
        await bench.idle(name)
        assert int(getattr(dut, f"{name}_error").value) == OUTSIDE
        assert int(getattr(dut, f"{name}_error_address").value) == bad
        await recover()
        if name == "read":
            assert bench.got == list(bench.beats([inside]))
            beats.cancel()
            dut.rst.value = 1
            dut.write_i_beat_valid.value = 0
            await RisingEdge(dut.clk)
            dut.rst.value = 0

    # The memory answers with an error where it fails to read.
    async def fail(address, length):
        raise ValueError("no memory here")

    good, bench.ram.read_if._read = bench.ram.read_if._read, fail
    bench.got.clear()
    await bench.send("read_i", bench.described([inside] * 3))
    await bench.idle("read")
    assert bench.got == []
    assert int(dut.read_error.value) == 4 + AxiResp.SLVERR
    assert int(dut.read_error_address.value) == BASE + inside[0] * bench.bytes
    bench.ram.read_if._read = good
    await recover()
    await bench.send("read_i", bench.described([inside] * 3))
    await bench.idle("read")
    assert int(dut.read_error.value) == 0
    assert bench.got == list(bench.beats([inside] * 3))
