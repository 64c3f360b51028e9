# SPDX-License-Identifier: Apache-2.0
"""The writer against a memory: data, strobes, bursts, errors, speed."""


import numpy as np
import pytest

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.sim.axi_rules import AxiRules
from flightllm_hw.sim.pysim import send, simulate
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC
from support.axi import AxiMemory, bursts

NARROW = PortConfig(data_bits=32, id_bits=0, burst_bytes=32, outstanding=4, fifo_depth=8,
                    descriptors=2, beats_bits=12)
SINGLE = PortConfig(data_bits=128, burst_bytes=16, outstanding=1, fifo_depth=1)
MIDDLE = PortConfig(data_bits=256, outstanding=4, fifo_depth=32)
WIDE = PortConfig(fifo_depth=16)
CONFIGS = {"narrow": NARROW, "single": SINGLE, "middle": MIDDLE, "wide": WIDE}

BASE, LIMIT = 0x4_0000_0000, 0x4_1000_0000


class Bench:
    """A writer and a memory."""

    def __init__(self, config, *, memory=STEADY, latency=1, responses=None):
        self.config = config
        self.dut = AxiWriter(config)
        self.rules = AxiRules(self.dut.m_axi, most_beats=config.burst_beats,
                              most_bytes=config.burst_bytes)
        self.memory = AxiMemory(self.dut.m_axi, latency=latency, traffic=memory,
                                responses=responses)
        self.sent, self.fed = [], []

    def run(self, *testbenches, **options):
        simulate(self.dut, *testbenches, background=[self.rules.watch, self.memory.writes,
                                                     self.window], **options)
        self.rules.finish()
        return self

    async def window(self, ctx):
        ctx.set(self.dut.base, BASE)
        ctx.set(self.dut.limit, LIMIT)

    async def describe(self, ctx, *descriptors, traffic=STEADY):
        await send(ctx, self.dut.i, [{"address": address, "beats": beats}
                                     for address, beats in descriptors], traffic, cycles=self.sent)

    async def feed(self, ctx, beats, traffic=STEADY):
        await send(ctx, self.dut.i_beat, [{"data": data, "strobe": strobe}
                                          for data, strobe in beats], traffic, cycles=self.fed)

    async def idle(self, ctx):
        await ctx.tick().until(~self.dut.busy)

    async def recover(self, ctx):
        ctx.set(self.dut.clear, 1)
        await ctx.tick()
        ctx.set(self.dut.clear, 0)

    def error(self, ctx):
        return Fault(ctx.get(self.dut.error)), ctx.get(self.dut.error_address)


def draw(config, rng, count, *, partial=True):
    """Data and strobes."""
    full = (1 << config.beat_bytes) - 1
    return [(int.from_bytes(rng.bytes(config.beat_bytes), "little"),
             int.from_bytes(rng.bytes(config.beat_bytes), "little") & full if partial else full)
            for _ in range(count)]


def written(bench, descriptors, beats):
    """What memory must hold after beats went where descriptors say."""
    model = AxiMemory(bench.dut.m_axi)
    beats = iter(beats)
    for address, count in descriptors:
        for n in range(count):
            model._write(address + n * bench.config.beat_bytes, *next(beats))
    return model.words


def count(descriptors):
    return sum(beats for _, beats in descriptors)


@pytest.mark.parametrize("feeding", TRAFFIC, ids=str)
@pytest.mark.parametrize("memory", TRAFFIC, ids=str)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_writes_where_descriptors_say(config, memory, feeding, rng):
    size, burst = config.beat_bytes, config.burst_beats
    page = BASE + 0x5000
    todo = [(page - size, 2), (page - size, 1), (page, 1), (page + size, 0), (page + size, 1),
            (page - burst * size, 2 * burst), (page - 3 * size, 3 * burst + 1),
            (LIMIT - size, 1), (BASE, 1), (BASE + 5 * size, 40)]
    beats = draw(config, rng, count(todo))
    bench = Bench(config, memory=memory, latency=4)

    async def describe(ctx):
        await bench.describe(ctx, *todo, traffic=feeding)
        await bench.idle(ctx)
        assert bench.error(ctx)[0] is Fault.NONE

    async def feed(ctx):
        await bench.feed(ctx, beats, traffic=feeding)

    bench.run(describe, feed, deadline=60_000)
    assert bench.memory.words == written(bench, todo, beats)
    assert [(x.address, x.beats) for x in bench.rules.writes] == [
        burst for piece in todo for burst in bursts(*piece, config)]
    # Bursts are whole before they are asked for.
    for request, end in zip(bench.rules.writes, np.cumsum([x.beats for x in bench.rules.writes]),
                            strict=True):
        assert bench.fed[end - 1] < request.cycle


@pytest.mark.parametrize("data_bits", [32, 64, 128, 512, 1024])
def test_diagonals_are_a_row_or_a_column(data_bits, rng):
    # Eight bytes go to one row of a beat, to half of one, or to a column of up to eight.
    config = PortConfig(data_bits=data_bits, diagonal=True, fifo_depth=16)
    size = config.beat_bytes
    columns, rows = min(8, size), max(1, size // 8)
    bench = Bench(config, memory=BURSTY, latency=4)
    words, beats = [], []
    for n in range(40):
        codes = rng.integers(256, size=8, dtype=np.uint8)
        row, column = int(rng.integers(rows)), int(rng.integers(columns))
        square = np.zeros((rows, columns), np.uint8)
        mask = np.zeros((rows, columns), bool)
        if n % 2:
            square[row], mask[row, n % 4 // 2 * (columns // 2):] = codes[:columns], True
        else:
            square[:, column], mask[:, column] = np.resize(codes, rows), True
        words.append({"bytes": int.from_bytes(np.roll(codes, row if n % 2 else column).tobytes(),
                                              "little"),
                      "rows": sum(1 << r for r in range(rows) if mask[r].any()),
                      "columns": sum(1 << k for k in range(columns) if mask[:, k].any())})
        beats.append((int.from_bytes(square.tobytes(), "little"),
                      sum(1 << b for b in range(size) if mask.ravel()[b])))

    async def describe(ctx):
        await bench.describe(ctx, (BASE, 40))
        await bench.idle(ctx)

    async def feed(ctx):
        await send(ctx, bench.dut.i_beat, words, STEADY)

    bench.run(describe, feed, deadline=10_000)
    assert bench.memory.words == written(bench, [(BASE, 40)], beats)


@pytest.mark.parametrize("offset", [0, 5])
def test_a_thousand_beats_take_a_thousand_cycles_and_the_latency(offset, rng):
    bench = Bench(WIDE, latency=9)
    piece = (BASE + offset * 64, 1000)
    beats = draw(WIDE, rng, 1000, partial=False)

    async def describe(ctx):
        await bench.describe(ctx, piece)
        await bench.idle(ctx)

    async def feed(ctx):
        await bench.feed(ctx, beats)

    bench.run(describe, feed)
    assert bench.memory.words == written(bench, [piece], beats)
    assert (np.diff(bench.fed) == 1).all()
    moved = bench.rules.beats["w"]
    assert moved[-1] - bench.fed[-1] == AxiWriter.beat_latency + WIDE.burst_beats
    first = bench.rules.beats["aw"][0]
    assert first - bench.sent[0] == max(AxiWriter.latency,
                                        bench.rules.writes[0].beats - 1 + AxiWriter.beat_latency)
    assert moved[0] - first == 1


def test_latencies(rng):
    bench = Bench(MIDDLE)
    beats = draw(MIDDLE, rng, 19)

    async def testbench(ctx):
        # Data first.
        await bench.feed(ctx, beats[:3])
        await ctx.tick().repeat(10)
        await bench.describe(ctx, (BASE, 3))
        await bench.idle(ctx)
        # Descriptor first.
        await bench.describe(ctx, (BASE, 16))
        await ctx.tick().repeat(10)
        await bench.feed(ctx, beats[3:])
        await bench.idle(ctx)

    bench.run(testbench)
    asked = bench.rules.beats["aw"]
    assert asked[0] - bench.sent[0] == AxiWriter.latency
    assert asked[1] - bench.fed[-1] == AxiWriter.beat_latency
    assert bench.rules.beats["w"][0] - asked[0] == bench.rules.beats["w"][3] - asked[1] == 1


def test_short_descriptors_follow_without_a_bubble(rng):
    bench = Bench(WIDE, latency=2)
    todo = [(BASE + 64 * int(rng.integers(1000)), beats)
            for beats in (8, 1, 1, 1, 5, 1, 2, 3, 8, 1, 1, 1, 1, 1, 9, 1, 1)]
    beats = draw(WIDE, rng, count(todo))

    async def describe(ctx):
        await bench.describe(ctx, *todo)
        await bench.idle(ctx)

    async def feed(ctx):
        await bench.feed(ctx, beats)

    bench.run(describe, feed)
    assert bench.memory.words == written(bench, todo, beats)
    assert (np.diff(bench.fed) == 1).all()


def test_busy_until_the_last_answer(rng):
    bench = Bench(MIDDLE, latency=60)

    async def testbench(ctx):
        await bench.feed(ctx, draw(MIDDLE, rng, 5))
        assert not ctx.get(bench.dut.busy)
        await bench.describe(ctx, (BASE, 4))
        assert ctx.get(bench.dut.busy)
        await bench.idle(ctx)
        assert len(bench.rules.beats["b"]) == 1

    bench.run(testbench)


@pytest.mark.parametrize("response", [1, 2, 3])
@pytest.mark.parametrize("traffic", [STEADY, BURSTY, STARVED], ids=str)
def test_a_bad_response_stops_the_writer(traffic, response, rng):
    config = MIDDLE
    bad, later = BASE + 0x1000, BASE + 0x1200
    bench = Bench(config, memory=traffic, latency=5, responses={bad: response, later: 3})
    todo = [(BASE, 4), (BASE + 0x1000 - 64, 400), (BASE + 0x8000, 70)]
    beats = draw(config, rng, count(todo))
    after = [(BASE + 0x20000, 50), (BASE + 0x30000, 3)]
    beats_after = draw(config, rng, count(after))
    fed = []

    async def describe(ctx):
        await bench.describe(ctx, *todo, traffic=traffic)
        while not fed:
            await ctx.tick()
        await bench.idle(ctx)
        # All was taken, what was not asked for is gone.
        assert bench.error(ctx) == (Fault(4 + response), bad)
        asked = len(bench.rules.writes)
        assert asked < 10
        words = written(bench, [todo[0], (todo[1][0], 400)], beats[:404])
        assert bench.memory.words.items() <= words.items()
        assert len(bench.memory.words) == sum(x.beats for x in bench.rules.writes)
        await bench.recover(ctx)
        assert bench.error(ctx)[0] is Fault.NONE
        bench.memory.words.clear()
        fed.append(2)
        await bench.describe(ctx, *after)
        await bench.idle(ctx)
        assert bench.error(ctx)[0] is Fault.NONE

    async def feed(ctx):
        await bench.feed(ctx, beats, traffic=traffic)
        fed.append(1)
        while len(fed) < 2:
            await ctx.tick()
        await bench.feed(ctx, beats_after, traffic=traffic)

    bench.run(describe, feed, deadline=60_000)
    assert bench.memory.words == written(bench, after, beats_after)


@pytest.mark.parametrize("piece, fault", [
    ((BASE - 32, 1), Fault.OUTSIDE),
    ((LIMIT - 32, 2), Fault.OUTSIDE),
    (((1 << 64) - 32, 2), Fault.OUTSIDE),
    ((BASE + 4, 2), Fault.MISALIGNED),
])
def test_a_bad_descriptor_writes_nothing(piece, fault, rng):
    bench = Bench(MIDDLE, latency=30)
    before, after = (BASE + 0x40, 90), (BASE + 0x8000, 40)
    todo = [before, piece, after]
    beats = draw(MIDDLE, rng, count(todo))
    beats_after = draw(MIDDLE, rng, 40)

    async def testbench(ctx):
        await bench.describe(ctx, *todo)
        await bench.feed(ctx, beats)
        await bench.idle(ctx)
        assert bench.error(ctx) == (fault, piece[0])
        assert bench.memory.words == written(bench, [before], beats)
        await bench.recover(ctx)
        await bench.feed(ctx, beats_after[:20])
        await bench.describe(ctx, after)
        await bench.feed(ctx, beats_after[20:])
        await bench.idle(ctx)
        assert bench.error(ctx)[0] is Fault.NONE

    bench.run(testbench)
    assert bench.memory.words == (written(bench, [before], beats)
                                  | written(bench, [after], beats_after))


def test_an_error_empties_the_buffer(rng):
    bench = Bench(MIDDLE)
    beats = draw(MIDDLE, rng, MIDDLE.fifo_depth + 3)

    async def testbench(ctx):
        # Full of beats whose descriptor is at fault; then a descriptor without its data.
        await bench.feed(ctx, beats[:-3])
        await bench.describe(ctx, (BASE + 1, MIDDLE.fifo_depth))
        await bench.idle(ctx)
        await bench.recover(ctx)
        await bench.describe(ctx, (BASE, 3))
        await ctx.tick().repeat(20)
        assert bench.rules.writes == []
        await bench.feed(ctx, beats[-3:])
        await bench.idle(ctx)

    bench.run(testbench)
    assert bench.memory.words == written(bench, [(BASE, 3)], beats[-3:])


def test_data_may_lead_and_addresses_may_wait(rng):
    # A memory that takes an address only when its data is there.
    bench = Bench(MIDDLE)
    beats = draw(MIDDLE, rng, 100)
    axi = bench.dut.m_axi

    async def memory(ctx):
        whole = 0
        ctx.set(axi.wready, 1)
        while True:
            ctx.set(axi.awready, whole > 0)
            _, _, address, data, last = await ctx.tick().sample(
                axi.awvalid & axi.awready, axi.wvalid, axi.wlast)
            whole += (data and last) - address
            ctx.set(axi.bvalid, address)

    async def testbench(ctx):
        await bench.window(ctx)
        await bench.describe(ctx, (BASE + 96, 100))
        await bench.feed(ctx, beats)
        await bench.idle(ctx)

    simulate(bench.dut, testbench, background=[memory, bench.rules.watch])
    bench.rules.finish()
    assert len(bench.rules.beats["w"]) == 100


@pytest.mark.rtl
@pytest.mark.parametrize("config", [WIDE, MIDDLE], ids=["wide", "middle"])
def test_paths_are_short(config):
    report = resource_report(design(AxiWriter(config), platform=VendorPlatform()))
    assert report.logic_levels <= 8
    assert report.total.bram == report.total.uram == report.total.dsp == 0
