# SPDX-License-Identifier: Apache-2.0
"""The host's side of a kernel with cocotbext-axi's master: runs inside a simulator."""

import random
from itertools import repeat

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from flightllm_hw.control.errors import Error
from flightllm_hw.kernel.registers import Kind, RegisterMap
from support.kernel import MASK, SMALLEST, draw_arguments, seen

DONE, IDLE = 0b1110, 0b0100
CHANNELS = ("aw", "w", "b", "ar", "r")


class Bench:
    """Clock, reset, the master. Channels named in ``slow`` are held back by it at random."""

    def __init__(self, dut, slow=()):
        self.dut, self.map = dut, RegisterMap(SMALLEST.accelerator)
        self.random, self.rng = random.Random(3), np.random.default_rng(3)
        cocotb.start_soon(Clock(dut.ap_clk, 10, "ns").start())
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), dut.ap_clk,
                                    dut.ap_rst_n, reset_active_level=False)
        write, read = self.master.write_if, self.master.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                    read.r_channel)
        for name, channel in zip(CHANNELS, channels, strict=True):
            if name in slow:
                channel.set_pause_generator(self.random.random() > 0.3 for _ in repeat(0))

    async def start(self):
        self.dut.ap_rst_n.value = 0
        await ClockCycles(self.dut.ap_clk, 5)
        # The master begins at once, earlier than the kernel.
        self.dut.ap_rst_n.value = 1
        assert await self.read("LANES") == SMALLEST.lanes

    async def write(self, name, value):
        register = self.map[name]
        await self.write_bytes(register.offset, value.to_bytes(register.size, "little"))

    async def write_bytes(self, offset, data):
        answer = await with_timeout(self.master.write(offset, data), 1, "ms")
        assert answer.resp == AxiResp.OKAY

    async def read(self, name):
        register = self.map[name]
        return int.from_bytes(await self.read_bytes(register.offset, register.size), "little")

    async def read_bytes(self, offset, size):
        answer = await with_timeout(self.master.read(offset, size), 1, "ms")
        assert answer.resp == AxiResp.OKAY
        return bytes(answer.data)

    async def arguments(self, values):
        """The argument window as XRT writes it: one block, zeros in its gaps."""
        first, last = self.map.arguments[0], self.map.arguments[-1]
        block = bytearray(last.offset + last.size - first.offset)
        for r in self.map.arguments:
            at = r.offset - first.offset
            block[at:at + r.size] = values[r.name].to_bytes(r.size, "little")
        await self.write_bytes(first.offset, block)

    async def poll(self):
        for _ in range(500):
            control = await self.read("CTRL")
            if control & 2:
                return control
        raise AssertionError("never done")

    async def run(self, **fixed):
        """A run as XRT does it, and all that it leaves behind."""
        values = draw_arguments(self.rng, SMALLEST, **fixed)
        await self.arguments(values)
        await self.write("CTRL", 1)
        assert await self.poll() == DONE
        assert await self.read("CTRL") == IDLE
        got = [await self.read(r.name) for r in self.map if r.kind is Kind.COUNTER]
        assert got == seen(values, SMALLEST.lanes)
        assert await self.read("STATUS") == values["r2"] & 0xFF1F
        assert await self.read("ERROR_PC") == values["r3"]
        assert await self.read("ERROR_ADDRESS") == values["r4"] | values["r5"] << 32
        assert await self.read("PC") == values["r6"]


@cocotb.test()
@cocotb.parametrize(slow=[(), *((name,) for name in CHANNELS), CHANNELS])
async def runs_with_stalls(dut, slow):
    """With a slow address channel data comes first, and the other way round."""
    bench = Bench(dut, slow)
    await bench.start()
    for _ in range(2):
        await bench.run()


@cocotb.test()
async def runs_back_to_back(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.arguments(draw_arguments(bench.rng, SMALLEST, r1=0))
    for _ in range(10):
        await bench.write("CTRL", 1)
        assert await bench.poll() == DONE


@cocotb.test()
async def every_offset_is_answered(dut):
    bench = Bench(dut, ("r", "b"))
    await bench.start()
    words = {word for r in bench.map for word in r.words}
    held = {}
    for offset in range(0, 1 << 12, 4):
        value = bench.random.getrandbits(32)
        if offset == bench.map.offset("CTRL"):
            value &= ~1
        if any(r.kind in (Kind.POINTER, Kind.SCALAR) and offset in r.words for r in bench.map):
            held[offset] = value
        await bench.write_bytes(offset, value.to_bytes(4, "little"))
    for offset in range(0, 1 << 12, 4):
        got = int.from_bytes(await bench.read_bytes(offset, 4), "little")
        if offset in held or offset not in words:
            assert got == held.get(offset, 0)


@cocotb.test()
async def bytes_are_written_one_by_one(dut):
    bench = Bench(dut, ("aw", "w"))
    await bench.start()
    for name in ("host", "lane_1", "r7"):
        register = bench.map[name]
        want = bytearray(register.size)
        await bench.write(name, 0)
        for _ in range(20):
            at = bench.random.randrange(register.size)
            some = bench.random.randbytes(bench.random.randint(1, register.size - at))
            want[at:at + len(some)] = some
            await bench.write_bytes(register.offset + at, some)
            assert await bench.read_bytes(register.offset, register.size) == want


@cocotb.test()
async def reads_and_writes_at_once(dut):
    """The two directions know nothing of one another."""
    bench = Bench(dut, CHANNELS)
    await bench.start()

    async def reads():
        for _ in range(60):
            assert await bench.read("DIGEST") == bench.map.constants["DIGEST"]

    task = cocotb.start_soon(reads())
    for n in range(60):
        await bench.write("r9", n)
    await task
    assert await bench.read("r9") == 59


@cocotb.test()
async def a_program_is_cancelled(dut):
    bench = Bench(dut)
    await bench.start()
    for wait in (1, 40, 200):
        await bench.arguments(draw_arguments(bench.rng, SMALLEST, r1=MASK, r2=0))
        await bench.write("CTRL", 1)
        await ClockCycles(dut.ap_clk, wait)
        assert await bench.read("CTRL") == 1
        await bench.write("CANCEL", 1)
        assert await bench.poll() == DONE
        assert await bench.read("STATUS") == Error.CANCELLED.value
        assert await bench.read("CANCEL") == 0
        await bench.run()


@cocotb.test()
async def an_interrupt_instead_of_polling(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.write("GIE", 1)
    await bench.write("IER", 1)
    for _ in range(4):
        await bench.arguments(draw_arguments(bench.rng, SMALLEST))
        assert not int(dut.interrupt.value)
        await bench.write("CTRL", 1)
        await with_timeout(RisingEdge(dut.interrupt), 100, "us")
        assert await bench.read("ISR") == 1
        assert await bench.read("CTRL") == DONE
        await ClockCycles(dut.ap_clk, 5)
        assert int(dut.interrupt.value)
        await bench.write("ISR", 1)
        await ClockCycles(dut.ap_clk, 2)
        assert not int(dut.interrupt.value)
    # Without GIE nothing comes through, until it is on again.
    await bench.write("GIE", 0)
    await bench.write("CTRL", 1)
    assert await bench.poll() == DONE
    assert not int(dut.interrupt.value) and await bench.read("ISR") == 1
    await bench.write("GIE", 1)
    await ClockCycles(dut.ap_clk, 2)
    assert int(dut.interrupt.value)


@cocotb.test()
async def a_reset_meanwhile(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.arguments(draw_arguments(bench.rng, SMALLEST, r1=MASK))
    await bench.write("CTRL", 1)
    await ClockCycles(dut.ap_clk, 100)
    dut.ap_rst_n.value = 0
    await ClockCycles(dut.ap_clk, 16)
    dut.ap_rst_n.value = 1
    assert await bench.read("CTRL") == IDLE
    assert await bench.read("r1") == MASK
    await bench.run()
