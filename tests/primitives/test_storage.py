# SPDX-License-Identifier: Apache-2.0
"""Delay lines, memories and slice multiplexers."""

import pytest

from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.mux import SliceMux, SliceMuxConfig
from flightllm_hw.primitives.ram import Ram, RamConfig
from flightllm_hw.sim.pysim import simulate


@pytest.mark.parametrize("cycles", [0, 1, 2, 17])
def test_delay_delays(cycles, rng):
    dut = Delay(DelayConfig(width=9, cycles=cycles))
    values = rng.integers(512, size=60).tolist()

    async def testbench(ctx):
        seen = []
        for value in values:
            ctx.set(dut.i, value)
            seen.append(ctx.get(dut.o))
            await ctx.tick()
        assert seen == ([0] * dut.latency + values)[:60]

    simulate(dut, testbench)


@pytest.mark.parametrize("style", ["block", "ultra", "distributed"])
def test_ram_reads_what_was_written_two_cycles_later(style, rng):
    config = RamConfig(width=12, depth=40, style=style)
    dut = Ram(config)
    rows = [0] * config.depth

    async def testbench(ctx):
        shown = held = 0
        for _ in range(400):
            write, read, moves = rng.random() < 0.5, rng.random() < 0.7, rng.random() < 0.8
            # Half of the reads meet the row that is written in the same cycle.
            at = int(rng.integers(config.depth))
            read_at = at if rng.random() < 0.5 else int(rng.integers(config.depth))
            value = int(rng.integers(1 << config.width))
            for port, x in (("write_en", write), ("write_addr", at), ("write_data", value),
                            ("read_en", read), ("read_addr", read_at), ("out_en", moves)):
                ctx.set(getattr(dut, port), int(x))
            if moves:
                shown = held
            if read:
                held = rows[read_at]
            if write:
                rows[at] = value
            await ctx.tick()
            assert ctx.get(dut.read_data) == shown

    simulate(dut, testbench)


@pytest.mark.parametrize("level", [7, 8, 9])
def test_slice_mux_chooses(level):
    dut = SliceMux(SliceMuxConfig(width=5, level=level))

    async def testbench(ctx):
        ctx.set(dut.i0, 0b10011)
        ctx.set(dut.i1, 0b01010)
        for s, want in ((0, 0b10011), (1, 0b01010)):
            ctx.set(dut.s, s)
            await ctx.tick()
            assert ctx.get(dut.o) == want

    simulate(dut, testbench)


@pytest.mark.parametrize("make, message", [
    (lambda: DelayConfig(width=0, cycles=1), "width must be at least 1 bit, not 0"),
    (lambda: DelayConfig(width=1, cycles=-1), "cycles must not be negative, not -1"),
    (lambda: RamConfig(width=0, depth=4), "width must be at least 1 bit, not 0"),
    (lambda: RamConfig(width=8, depth=1), "depth must be at least 2 rows, not 1"),
    (lambda: RamConfig(width=8, depth=4, style="lut"), "style must be 'block', .*, not 'lut'"),
    (lambda: SliceMuxConfig(width=1, level=6), "level must be 7, 8 or 9, not 6"),
])
def test_errors_name_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
