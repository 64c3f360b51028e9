# SPDX-License-Identifier: Apache-2.0
"""The prefetch FIFO: order, room, two beats a cycle."""

import pytest

from flightllm_hw.memory.fifo import (
    FifoBank,
    FifoBankConfig,
    PrefetchFifo,
    PrefetchFifoConfig,
)
from flightllm_hw.sim.pysim import run_streams, send, simulate
from flightllm_hw.sim.traffic import STEADY, TRAFFIC


@pytest.mark.parametrize("i_traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("o_traffic", TRAFFIC, ids=str)
def test_bank_keeps_order(i_traffic, o_traffic, rng):
    items = rng.integers(1 << 12, size=120).tolist()
    got = run_streams(FifoBank(FifoBankConfig(width=12, depth=8)), {"i": items}, {"o": len(items)},
                      traffic={"i": i_traffic, "o": o_traffic})["o"]
    assert got == items


def test_bank_moves_a_row_a_cycle(rng):
    items, cycles = rng.integers(1 << 12, size=60).tolist(), {}
    run_streams(FifoBank(FifoBankConfig(width=12, depth=8)), {"i": items}, {"o": 60},
                traffic=STEADY, cycles=cycles)
    assert [o - i for i, o in zip(cycles["i"], cycles["o"], strict=True)] == [FifoBank.latency] * 60


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_one_or_two_beats_leave_in_order(traffic, rng):
    items = rng.integers(1 << 10, size=300).tolist()
    dut = PrefetchFifo(PrefetchFifoConfig(width=10, beats=16))
    got = []

    async def consume(ctx):
        freed = taken = 0
        while len(got) < len(items):
            want = int(rng.integers(3))
            both = ctx.get(dut.first.valid) and ctx.get(dut.second.valid)
            ctx.set(dut.first.ready, want > 0)
            ctx.set(dut.second.ready, want > 1 and both)
            _, _, v_1, p_1, p_2, n = await ctx.tick().sample(
                dut.first.valid, dut.first.payload, dut.second.payload, dut.freed)
            took = [p_1] * (want > 0 and v_1) + [p_2] * (want > 1 and both)
            assert n == taken
            got.extend(took)
            taken = len(took)
            freed += n
        assert freed + taken == len(items)

    async def produce(ctx):
        await send(ctx, dut.i, items, traffic)

    # `second` is not taken alone.
    simulate(dut, produce, consume, rules=False)
    assert got == items


def test_holds_what_it_should_and_counts():
    dut = PrefetchFifo(PrefetchFifoConfig(width=10, beats=16))

    async def testbench(ctx):
        ctx.set(dut.i.valid, 1)
        for n in range(30):
            ctx.set(dut.i.payload, n)
            await ctx.tick()
        held = ctx.get(dut.occupancy)
        assert held >= 16
        ctx.set(dut.i.valid, 0)
        ctx.set(dut.first.ready, 1)
        ctx.set(dut.second.ready, 1)
        await ctx.tick().repeat(held // 2 + 1)
        assert ctx.get(dut.occupancy) == 0

    simulate(dut, testbench, rules=False)
