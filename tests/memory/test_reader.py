# SPDX-License-Identifier: Apache-2.0
"""The reader against a memory: data, bursts, credits, errors, speed."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader
from flightllm_hw.sim.axi_rules import AxiRules
from flightllm_hw.sim.pysim import send, simulate
from flightllm_hw.sim.traffic import STEADY, TRAFFIC, Gate
from support.axi import AxiMemory, bursts

NARROW = PortConfig(data_bits=32, id_bits=0, burst_bytes=32, outstanding=4, fifo_depth=16,
                    descriptors=2, beats_bits=12)
SINGLE = PortConfig(data_bits=128, burst_bytes=16, outstanding=1, fifo_depth=1)
MIDDLE = PortConfig(data_bits=256, outstanding=4, fifo_depth=32)
SUMMED = replace(MIDDLE, summed=True)
WIDE = PortConfig()
CONFIGS = {"narrow": NARROW, "single": SINGLE, "middle": MIDDLE, "wide": WIDE}

BASE, LIMIT = 0x4_0000_0000, 0x4_1000_0000


class Bench:
    """A reader, a memory and a consumer that frees beats as its traffic lets it."""

    def __init__(self, config, *, memory=STEADY, consumer=STEADY, latency=1, responses=None,
                 window=(BASE, LIMIT)):
        self.config = config
        self.dut = AxiReader(config)
        self.rules = AxiRules(self.dut.m_axi, most_beats=config.burst_beats,
                              most_bytes=config.burst_bytes)
        self.memory = AxiMemory(self.dut.m_axi, latency=latency, traffic=memory,
                                responses=responses)
        self.window = window
        self.gate = Gate(consumer, 0, "space")
        self.got, self.cycles = [], []
        self.sent = []

    def run(self, testbench, **options):
        simulate(self.dut, testbench, background=[self.rules.watch, self.memory.reads,
                                                  self.consume], **options)
        self.rules.finish()
        return self

    async def consume(self, ctx):
        held, cycle = 0, 0
        ctx.set(self.dut.base, self.window[0])
        ctx.set(self.dut.limit, self.window[1])
        while True:
            free = held > 0 and self.gate.draw()
            ctx.set(self.dut.space, free)
            _, _, valid, payload = await ctx.tick().sample(self.dut.o.valid, self.dut.o.payload)
            if valid:
                self.got.append((payload.data, payload.last))
                self.cycles.append(cycle)
            held += valid - free
            assert held <= self.config.fifo_depth, "more beats than the consumer has room for"
            cycle += 1

    async def read(self, ctx, *descriptors, traffic=STEADY):
        """Send descriptors and wait until all is read."""
        await send(ctx, self.dut.i, self.items(descriptors), traffic, cycles=self.sent)
        await ctx.tick().until(~self.dut.busy)

    async def recover(self, ctx):
        ctx.set(self.dut.clear, 1)
        await ctx.tick()
        ctx.set(self.dut.clear, 0)

    def items(self, descriptors):
        # What is below the base has wrapped, if the base is in it.
        return [{"address": address, "beats": beats,
                 **({"wrapped": address < self.window[0]} if self.config.summed else {})}
                for address, beats in descriptors]

    def want(self, *descriptors):
        """Beats of descriptors."""
        size = self.config.beat_bytes
        return [(self.memory.word(address + n * size), int(n == beats - 1))
                for address, beats in descriptors for n in range(beats)]

    def error(self, ctx):
        return Fault(ctx.get(self.dut.error)), ctx.get(self.dut.error_address)


def pieces(config, rng, count=24):
    """Descriptors: single beats, none, on and over the edges of bursts and pages, neighbours."""
    size, burst = config.beat_bytes, config.burst_beats
    page = BASE + 0x5000
    some = [(page - size, 2), (page - size, 1), (page, 1), (page + size, 0), (page + size, 1),
            (page - burst * size, burst), (page - burst * size, 2 * burst),
            (page - 3 * size, 3 * burst + 1), (LIMIT - size, 1), (BASE, 1)]
    for _ in range(count - len(some)):
        some.append((BASE + int(rng.integers(1 << 16)) * size, int(rng.integers(0, 3 * burst))))
    return [some[n] for n in rng.permutation(len(some))]


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_reads_what_descriptors_name(config, traffic, rng):
    todo = pieces(config, rng)
    bench = Bench(config, memory=traffic, consumer=traffic, latency=7)

    async def testbench(ctx):
        await bench.read(ctx, *todo, traffic=traffic)
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench, deadline=60_000)
    assert bench.got == bench.want(*todo)
    assert [(x.address, x.beats) for x in bench.rules.reads] == [
        burst for piece in todo for burst in bursts(*piece, config)]


@pytest.mark.parametrize("latency", [1, 40])
@pytest.mark.parametrize("offset", [0, 3])
def test_a_thousand_beats_take_a_thousand_cycles_and_the_latency(offset, latency):
    bench = Bench(WIDE, latency=latency)
    piece = (BASE + offset * WIDE.beat_bytes, 1000)

    async def testbench(ctx):
        await bench.read(ctx, piece)

    bench.run(testbench)
    assert bench.got == bench.want(piece)
    assert bench.rules.beats["ar"][0] - bench.sent[0] == AxiReader.latency
    assert bench.cycles[0] - bench.rules.beats["r"][0] == AxiReader.beat_latency
    assert bench.cycles[-1] - bench.sent[0] == (
        1000 - 1 + AxiReader.latency + latency + AxiReader.beat_latency)


def test_descriptors_follow_without_a_bubble(rng):
    todo = [(BASE + int(rng.integers(1 << 12)) * 64, beats)
            for beats in (1, 1, 1, 1, 5, 1, 2, 3, 8, 1, 1, 64, 1, 1, 1, 9, 1, 1)]
    bench = Bench(WIDE, latency=20)

    async def testbench(ctx):
        await bench.read(ctx, *todo)

    bench.run(testbench)
    assert bench.got == bench.want(*todo)
    assert (np.diff(bench.sent[:6]) == 1).all()
    assert (np.diff(bench.cycles) == 1).all()


def test_busy_ends_in_the_cycle_after_the_last_beat():
    bench = Bench(MIDDLE)
    busy = []

    async def watch(ctx):
        while True:
            busy.append((await ctx.tick().sample(bench.dut.busy))[-1])

    async def testbench(ctx):
        assert not ctx.get(bench.dut.busy)
        await bench.read(ctx, (BASE, 3))

    simulate(bench.dut, testbench, background=[bench.memory.reads, bench.consume, watch])
    assert bench.cycles[-1] - bench.sent[0] == busy.count(1)


@pytest.mark.parametrize("config", [NARROW, MIDDLE], ids=["narrow", "middle"])
def test_no_more_is_asked_for_than_there_is_room(config):
    bench = Bench(config)
    free = bench.dut.space

    async def testbench(ctx):
        # A consumer that frees nothing: two full bursts and a bit less than the room.
        await send(ctx, bench.dut.i, bench.items([(BASE + config.beat_bytes, config.fifo_depth - 1),
                                            (BASE, 2)]))
        await ctx.tick().repeat(100)
        assert len(got) == config.fifo_depth - 1
        # Two beats are asked for when both have room, not before.
        ctx.set(free, 1)
        await ctx.tick()
        ctx.set(free, 0)
        await ctx.tick().repeat(20)
        assert len(got) == config.fifo_depth + 1

    got = []

    async def watch(ctx):
        ctx.set(bench.dut.limit, LIMIT)
        async for _, _, valid in ctx.tick().sample(bench.dut.o.valid):
            got.extend([1] * valid)

    simulate(bench.dut, testbench, background=[bench.rules.watch, bench.memory.reads, watch])
    bench.rules.finish()


def test_no_more_bursts_are_outstanding_than_configured():
    bench = Bench(MIDDLE, latency=300)

    async def testbench(ctx):
        await send(ctx, bench.dut.i, bench.items([(BASE + 64 * n, 1) for n in range(10)]))
        await ctx.tick().repeat(100)
        assert len(bench.rules.reads) == MIDDLE.outstanding
        await ctx.tick().until(~bench.dut.busy)

    bench.run(testbench)
    assert len(bench.got) == 10


@pytest.mark.parametrize("response", [1, 2, 3])
@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_a_bad_response_ends_the_stream(traffic, response, rng):
    config = MIDDLE
    size = config.beat_bytes
    bad, later = BASE + 0x1000 - 2 * size, BASE + 0x1000 + size
    bench = Bench(config, memory=traffic, consumer=traffic, latency=5,
                  responses={bad: response, later: 3})
    first, piece, lost = (BASE, 4), (BASE + 0x1000 - 20 * size, 200), (BASE + 0x8000, 70)

    async def testbench(ctx):
        await bench.read(ctx, first, piece, lost, lost, lost, (BASE + 1, 1), traffic=traffic)
        assert bench.error(ctx) == (Fault(4 + response), bad)
        # What comes now is swallowed.
        await bench.read(ctx, lost, lost, lost)
        assert bench.got == bench.want(first) + bench.want(piece)[:18]
        assert bench.error(ctx) == (Fault(4 + response), bad)
        asked = len(bench.rules.reads)
        assert asked < 10
        await bench.recover(ctx)
        assert bench.error(ctx)[0] is Fault.NONE
        # All the room is there again.
        bench.got.clear()
        await bench.read(ctx, lost, first)
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench, deadline=60_000)
    assert bench.got == bench.want(lost, first)


@pytest.mark.parametrize("config", [MIDDLE, SUMMED], ids=["plain", "summed"])
@pytest.mark.parametrize("piece, fault", [
    ((BASE - 32, 1), Fault.OUTSIDE),
    ((BASE - 32, 5), Fault.OUTSIDE),
    ((LIMIT, 1), Fault.OUTSIDE),
    ((LIMIT - 32, 2), Fault.OUTSIDE),
    ((LIMIT - 32 * 2000, 2001), Fault.OUTSIDE),
    (((1 << 64) - 32, 2), Fault.OUTSIDE),
    ((0, 1), Fault.OUTSIDE),
    ((BASE + 1, 1), Fault.MISALIGNED),
    ((BASE + 16, 1), Fault.MISALIGNED),
    ((LIMIT + 16, 1), Fault.MISALIGNED),
])
def test_a_bad_descriptor_reads_nothing(config, piece, fault):
    bench = Bench(config, latency=30)
    before, after = (BASE + 0x40, 90), (BASE, 3)

    async def testbench(ctx):
        await bench.read(ctx, before, piece, after)
        assert bench.error(ctx) == (fault, piece[0])
        # What came before was read to its end.
        assert bench.got == bench.want(before)
        await bench.read(ctx, after)
        await bench.recover(ctx)
        await bench.read(ctx, after, before)
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench)
    assert bench.got == bench.want(before, after, before)


@pytest.mark.parametrize("window, piece", [
    ((BASE, LIMIT), (BASE, 1)),
    ((BASE, LIMIT), (LIMIT - 64, 2)),
    ((BASE, BASE + 96), (BASE, 3)),
    ((0, (1 << 64) - 1), (0, 1)),
    ((BASE, BASE), (LIMIT + 1, 0)),
])
def test_a_descriptor_may_fill_the_window(window, piece):
    bench = Bench(MIDDLE, window=window)

    async def testbench(ctx):
        await bench.read(ctx, piece)
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench)
    assert bench.got == bench.want(piece)


def test_of_two_errors_the_first_is_shown():
    bench = Bench(MIDDLE, latency=30, responses={BASE: 2})

    async def testbench(ctx):
        # The descriptor is found while the burst is on its way; its beats are still not given.
        await bench.read(ctx, (BASE, 4), (BASE + 1, 1))
        assert bench.error(ctx) == (Fault.MISALIGNED, BASE + 1)
        assert bench.got == []
        await bench.recover(ctx)
        bench.memory.responses.clear()
        await bench.read(ctx, (BASE, 4))

    bench.run(testbench)
    assert bench.got == bench.want((BASE, 4))


def test_clear_waits_until_nothing_is_in_flight():
    bench = Bench(MIDDLE, latency=50)

    async def testbench(ctx):
        ctx.set(bench.dut.clear, 1)
        await send(ctx, bench.dut.i, bench.items([(BASE, 40), (BASE + 1, 1)]))
        await ctx.tick().until(bench.dut.error != Fault.NONE)
        while ctx.get(bench.dut.busy):
            assert bench.error(ctx) == (Fault.MISALIGNED, BASE + 1)
            await ctx.tick()
        await ctx.tick()
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench)
    assert bench.got == bench.want((BASE, 40))


def test_a_long_descriptor_is_dropped_at_once():
    # Not cut to its end first: half a million bursts.
    bench = Bench(MIDDLE, responses={BASE: 3})

    async def testbench(ctx):
        await bench.read(ctx, (BASE, (1 << 23) - 1))
        assert bench.error(ctx) == (Fault.DECERR, BASE)

    bench.run(testbench, deadline=300)


@pytest.mark.parametrize("changes, message", [
    ({"data_bits": 48}, r"data_bits must be a power of two in 32\.\.1024, not 48"),
    ({"data_bits": 2048}, "not 2048"),
    ({"data_bits": "512"}, "data_bits must be an integer, not '512'"),
    ({"id_bits": 17}, r"id_bits must be in 0\.\.16, not 17"),
    ({"burst_bytes": 1024}, r"burst_bytes must be a power of two in 64\.\.512, not 1024"),
    ({"burst_bytes": 32}, "not 32"),
    ({"outstanding": 3}, r"outstanding must be a power of two in 1\.\.64, not 3"),
    ({"fifo_depth": 4}, "holds a burst of 8 beats, not 4"),
    ({"descriptors": 1}, r"descriptors must be a power of two in 2\.\.64, not 1"),
    ({"beats_bits": 40}, r"beats_bits must be in 8\.\.32, not 40"),
])
def test_errors_name_the_value(changes, message):
    with pytest.raises(ValueError, match=message):
        PortConfig(**changes)


def test_bursts_are_limited_by_beats_and_bytes():
    assert PortConfig(data_bits=512).burst_beats == 8
    assert PortConfig(data_bits=256).burst_beats == 16
    assert PortConfig(data_bits=64).burst_beats == 16
    assert PortConfig(data_bits=1024).burst_beats == 4


@pytest.mark.rtl
@pytest.mark.parametrize("config", [WIDE, MIDDLE], ids=["wide", "middle"])
def test_paths_are_short(config):
    report = resource_report(design(AxiReader(config), platform=VendorPlatform()))
    assert report.logic_levels <= 8
    assert report.total.bram == report.total.uram == report.total.dsp == 0
