# SPDX-License-Identifier: Apache-2.0
"""The self-test's logic in simulation: counters, the line, what it says and when."""

import pytest

from flightllm_hw.boards.platforms import PLATFORMS, platform
from flightllm_hw.boards.selftest import SelfTest
from flightllm_hw.boards.selftest.beacon import Beacon, BeaconConfig
from flightllm_hw.boards.selftest.decimal import Decimal, DecimalCounter, Meter
from flightllm_hw.boards.selftest.transmitter import Transmitter, TransmitterConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.sim.pysim import send, simulate
from flightllm_hw.sim.traffic import BURSTY
from support.serial import received

SMALL = BeaconConfig(frequency=4000, baud=2000, title="card", clocks=("a_0", "b_1"),
                     decimal=Decimal(digits=4))


def number(value, digits):
    """The number that a decimal shows."""
    return int("".join(str(value >> 4 * k & 15) for k in reversed(range(digits))))


@pytest.mark.parametrize("digits", [1, 3])
def test_the_counter_counts_in_decimal(digits, rng):
    dut = DecimalCounter(Decimal(digits=digits))
    rounds = [int(n) for n in rng.integers(0, 2500, 6)] + [0, 1, 9, 10, 99, 100, 999, 1000]

    async def bench(ctx):
        for steps in rounds:
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            done = 0
            while done < steps:
                step = int(rng.integers(4) > 0)
                ctx.set(dut.step, step)
                await ctx.tick()
                done += step
            ctx.set(dut.step, 0)
            await ctx.tick().repeat(digits)
            assert number(ctx.get(dut.value), digits) == steps % 10 ** digits

    simulate(dut, bench, deadline=50_000)


def test_clear_is_stronger_than_step():
    dut = DecimalCounter(Decimal(digits=3))

    async def bench(ctx):
        ctx.set(dut.step, 1)
        await ctx.tick().repeat(100)    # A carry is on its way.
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        await ctx.tick().repeat(10)
        ctx.set(dut.step, 0)
        await ctx.tick().repeat(3)
        assert number(ctx.get(dut.value), 3) == 10

    simulate(dut, bench)


def test_the_meter_counts_while_the_gate_is_on(rng):
    config = Decimal(digits=4)
    dut = Meter(config)

    async def bench(ctx):
        for cycles in (50, 999, 1000, 1001, int(rng.integers(2, 3000))):
            ctx.set(dut.gate, 1)
            await ctx.tick().repeat(cycles)
            ctx.set(dut.gate, 0)
            await ctx.tick().repeat(config.digits + 4)
            still = ctx.get(dut.value)
            assert abs(number(still, 4) - cycles) <= 1
            await ctx.tick().repeat(int(rng.integers(1, 100)))
            assert ctx.get(dut.value) == still

    simulate(dut, bench, deadline=50_000)


@pytest.mark.parametrize("divisor", [1, 2, 7])
def test_bytes_leave_as_they_should(divisor, rng):
    dut = Transmitter(TransmitterConfig(divisor=divisor))
    wanted = bytes([0x00, 0xff, 0x55, 0xaa, *rng.integers(0, 256, 20).tolist()])
    line = []

    async def sends(ctx):
        await send(ctx, dut.i, wanted, BURSTY, rng=rng)
        await ctx.tick().repeat(11 * divisor)

    async def listens(ctx):
        async for _, _, bit in ctx.tick().sample(dut.tx):
            line.append(bit)

    simulate(dut, sends, background=[listens], deadline=20_000)
    got, _ = received(line, divisor)
    assert got == wanted


def test_bytes_follow_one_another_at_once():
    dut = Transmitter(TransmitterConfig(divisor=3))
    cycles = []

    async def sends(ctx):
        await send(ctx, dut.i, b"abcd", cycles=cycles)

    simulate(dut, sends)
    # A cycle between them, in which the next one is taken.
    assert {b - a for a, b in zip(cycles, cycles[1:], strict=False)} == {10 * 3 + 1}


def test_the_beacon_says_what_meters_counted():
    dut = Beacon(SMALL)
    line, gates, lights = [], [], []
    values = [(1234, 0), (7, 9999), (0, 5000)]

    def decimal(value):
        return int(str(value), 16)

    async def meters(ctx):
        """They show nonsense while the gate is on, and for a while after."""
        for pair in values:
            await ctx.tick().until(dut.gate)
            for n in range(2):
                ctx.set(dut.counts[n], 0x8888)
            await ctx.tick().until(~dut.gate)
            await ctx.tick().repeat(SMALL.half_second // 2)
            for n, value in enumerate(pair):
                ctx.set(dut.counts[n], decimal(value))
        await ctx.tick().until(dut.gate)

    async def listens(ctx):
        async for _, _, bit, gate, leds in ctx.tick().sample(dut.tx, dut.gate, dut.leds):
            line.append(bit)
            gates.append(gate)
            lights.append(leds)

    simulate(dut, meters, background=[listens], deadline=50_000)
    got, begun = received(line, SMALL.divisor)
    assert got.decode() == "".join(
        f"card {seconds:04} s\r\n  a_0 {a:04} Hz\r\n  b_1 {b:04} Hz\r\n"
        for seconds, (a, b) in zip((1, 3, 5), values, strict=True))

    # The gate is on for a second, off for one; each text begins 1.5 s after the gate.
    edges = [n for n in range(1, len(gates)) if gates[n] != gates[n - 1]]
    assert all(b - a == SMALL.frequency for a, b in zip(edges, edges[1:], strict=False))
    starts = [begun[0], *(b for a, b in zip(begun, begun[1:], strict=False)
                          if b - a > 100 * SMALL.divisor)]
    falls = [n for n in edges if not gates[n]]
    assert len(starts) == len(values)
    for fall, start in zip(falls, starts, strict=False):
        assert 0 <= start - fall - SMALL.half_second < 10

    # Lights: the gate, and which clocks ran when it was looked last.
    for n, (a, b) in zip(starts, values, strict=True):
        assert lights[n + 1] >> 1 == (a != 0) | (b != 0) << 1
    assert all(light & 1 == gate for light, gate in zip(lights, gates, strict=True))


@pytest.mark.parametrize("change, sentence", [
    ({"title": "número"}, "Names must be printable ASCII without #, not 'número'"),
    ({"clocks": ("a#1",)}, "Names must be printable ASCII without #, not 'a#1'"),
    ({"title": "two\nlines"}, "Names must be printable ASCII"),
    ({"baud": 4001}, "4001 baud need a clock of as many Hz or more, not of 4000"),
    ({"title": "x" * 400}, "characters do not fit into half a second of 2000 baud"),
])
def test_what_cannot_be_shown_is_refused(change, sentence):
    fields = {"frequency": 4000, "baud": 2000, "title": "card", "decimal": Decimal(digits=4)}
    with pytest.raises(ValueError, match=sentence):
        BeaconConfig(**fields | change)


def test_numbers_and_bits_that_are_none_are_refused():
    with pytest.raises(ValueError, match="must have a digit, not 0"):
        Decimal(digits=0)
    with pytest.raises(ValueError, match="must take a cycle or more, not 0"):
        TransmitterConfig(divisor=0)


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_cards_beacon_is_for_its_clocks(name):
    target = platform(name)
    test = SelfTest(target)
    assert test.config.frequency == target.default_clk_frequency
    assert len(test.config.clocks) == len(set(test.config.clocks)) == sum(
        resource.clock is not None for resource in target.resources.values()) - 1
    assert f"{target.default_clk}_0" not in test.config.clocks


@pytest.mark.rtl
def test_paths_are_short():
    """Of the card with most clocks, and the fastest ones: 156 MHz, and 300 MHz of a meter."""
    config = SelfTest(platform("u250")).config
    beacon = resource_report(design(Beacon(config), platform=VendorPlatform()))
    assert beacon.logic_levels <= 6
    meter = resource_report(design(Meter(config.decimal), platform=VendorPlatform()))
    assert meter.logic_levels <= 2
    print(beacon.total, beacon.logic_levels, meter.total, meter.logic_levels)
