# SPDX-License-Identifier: Apache-2.0
"""The clock, the deadline, the rules and the streams of Amaranth's simulator."""

import gc
import re

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.sim.pysim import DeadlineError, receive, run_streams, send, simulate, wave_files
from flightllm_hw.sim.rules import StreamRuleError, stream_ports
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC, Gate, Traffic

PAIR = data.StructLayout({"a": signed(8), "b": data.ArrayLayout(4, 2)})


class Register(wiring.Component):
    """A stage that holds one item, and can be told to misbehave."""

    def __init__(self, shape=8, fault=None):
        self.fault = fault
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        age = Signal(4)
        m.d.sync += age.eq(age + 1)
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]
        with m.Elif(age == 15):
            if self.fault == "payload":
                m.d.sync += self.o.payload.eq(~self.o.payload.as_value())
            if self.fault == "valid":
                m.d.sync += self.o.valid.eq(0)
        if self.fault == "stuck":
            m.d.comb += self.i.ready.eq(0)
        return m


class Adder(wiring.Component):
    """No clock at all."""

    a: In(8)
    b: In(8)
    o: Out(9)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.a + self.b)
        return m


class Crossbar(wiring.Component):
    """Streams in arrays and interfaces."""

    def __init__(self):
        lane = wiring.Signature({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})
        super().__init__({"lanes": Out(lane).array(2), "host": In(lane)})

    def elaborate(self, platform):
        m = Module()
        for lane in self.lanes:
            wiring.connect(m, wiring.flipped(lane.i), wiring.flipped(lane.o))
        return m


class Sampler(wiring.Component):
    """Always valid in, always ready out."""

    i: In(stream.Signature(8, always_valid=True))
    o: Out(stream.Signature(8, always_ready=True))

    def elaborate(self, platform):
        m = Module()
        phase = Signal()
        m.d.sync += phase.eq(~phase)
        m.d.comb += [self.i.ready.eq(phase), self.o.valid.eq(phase), self.o.payload.eq(self.i.p)]
        return m


@pytest.mark.parametrize("source", TRAFFIC, ids=str)
@pytest.mark.parametrize("sink", TRAFFIC, ids=str)
def test_items_arrive_in_order(source, sink, rng):
    items = [int(x) for x in rng.integers(0, 256, 40)]
    got = run_streams(Register(), {"i": items}, {"o": 40}, traffic={"i": source, "o": sink})
    assert got == {"o": items}


def test_steady_streams_have_no_bubbles():
    cycles = {}
    run_streams(Register(), {"i": range(10)}, {"o": 10}, cycles=cycles)
    assert cycles == {"i": list(range(10)), "o": list(range(1, 11))}


def test_payloads_may_be_structures():
    items = [{"a": -n, "b": [n % 16, 5]} for n in range(20)]
    got = run_streams(Register(PAIR), {"i": items}, {"o": 20}, traffic=BURSTY)["o"]
    assert [(p.a, p.b[0], p.b[1]) for p in got] == [(-n, n % 16, 5) for n in range(20)]


def test_testbenches_may_send_and_receive(rng):
    dut, got, when = Register(), [], []

    async def source(ctx):
        await send(ctx, dut.i, [1, 2, 3], STARVED, rng=rng)

    async def sink(ctx):
        got.extend(await receive(ctx, dut.o, 3, BURSTY, rng=rng, cycles=when))

    assert simulate(dut, source, sink) == when[-1] + 1
    assert got == [1, 2, 3] and when == sorted(set(when))


def test_a_component_without_a_clock_is_simulated():
    dut = Adder()

    async def testbench(ctx):
        for n in range(5):
            ctx.set(dut.a, n)
            ctx.set(dut.b, 255)
            await ctx.tick()
            assert ctx.get(dut.o) == n + 255

    assert simulate(dut, testbench) == 5


def test_ports_are_found_in_arrays_and_interfaces():
    ports = stream_ports(Crossbar())
    assert {name: port.is_input for name, port in ports.items()} == {
        "lanes_0_i": True, "lanes_0_o": False, "lanes_1_i": True, "lanes_1_o": False,
        "host_i": False, "host_o": True}
    got = run_streams(Crossbar(), {"lanes.1.i": [1, 2]}, {"lanes.1.o": 2}, traffic=BURSTY)
    assert got == {"lanes.1.o": [1, 2]}


def test_streams_may_always_be_valid_or_ready():
    got = run_streams(Sampler(), {"i": [3, 4, 5]}, {"o": 3})
    assert got == {"o": [3, 4, 5]}
    with pytest.raises(ValueError, match="always valid or ready takes no bursty traffic"):
        run_streams(Sampler(), {"i": [3]}, {"o": 1}, traffic=BURSTY)


@pytest.mark.parametrize("fault, sentence", [
    ("payload", r"Stream o broke a rule in cycle \d+: the component changed the payload before"
                r" ready: payload\.a 0x2 -> 0xfd; payload\.b\[0\] 0x1 -> 0xe; payload\.b\[1\]"),
    ("valid", r"Stream o broke a rule in cycle \d+: the component took back valid before ready"),
])
def test_a_component_that_breaks_a_rule_is_caught(fault, sentence):
    items = [{"a": 2, "b": [1, 1]}] * 50
    with pytest.raises(StreamRuleError, match=sentence):
        run_streams(Register(PAIR, fault), {"i": items}, {"o": 50}, traffic={"o": STARVED})


def test_a_testbench_that_breaks_a_rule_is_caught():
    dut = Register(fault="stuck")

    async def testbench(ctx):
        ctx.set(dut.i.valid, 1)
        await ctx.tick()
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(2)

    with pytest.raises(StreamRuleError, match="Stream i .* cycle 1: the testbench took back"):
        simulate(dut, testbench)
    simulate(dut, testbench, rules=False)


def test_a_reset_forgives_an_offer():
    dut, reset = Register(), Signal()

    async def testbench(ctx):
        await send(ctx, dut.i, [7])
        await ctx.tick()
        assert ctx.get(dut.o.valid)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.o.valid)

    assert simulate(dut, testbench, reset=reset) == 5


def test_the_deadline_is_a_readable_error():
    sentence = ("A testbench still waits after 50 cycles: i moved 0 (valid, not ready),"
                " o moved 0 (not valid, ready)")
    with pytest.raises(DeadlineError, match=re.escape(sentence)):
        run_streams(Register(fault="stuck"), {"i": [1]}, {"o": 1}, deadline=50)


def test_the_deadline_ends_a_component_without_streams():
    async def testbench(ctx):
        await ctx.tick().until(Signal())

    with pytest.raises(DeadlineError, match="after 20 cycles: it has no streams"):
        simulate(Adder(), testbench, deadline=20)


def test_unknown_ports_are_named():
    with pytest.raises(ValueError, match="no stream port 'x'; there are i, o"):
        run_streams(Register(), {"x": [1]}, {})
    with pytest.raises(ValueError, match="Stream 'o' is an output"):
        run_streams(Register(), {"o": [1]}, {})


def test_waves_are_written(tmp_path):
    run_streams(Register(), {"i": [1]}, {"o": 1}, waves=tmp_path / "a" / "b.vcd")
    assert "$enddefinitions" in (tmp_path / "a" / "b.vcd").read_text()
    with pytest.raises(ValueError, match=r"must end in \.vcd, not b\.fst"):
        run_streams(Register(), {"i": [1]}, {"o": 1}, waves=tmp_path / "b.fst")


def test_waves_follow_the_option(tmp_path):
    token = wave_files.set(iter([tmp_path / "x.vcd", tmp_path / "y.vcd"]))
    try:
        run_streams(Register(), {"i": [1]}, {"o": 1})
    finally:
        wave_files.reset(token)
    assert (tmp_path / "x.vcd").exists() and not (tmp_path / "y.vcd").exists()


def test_the_seed_is_printed_and_repeats(capsys):
    def cycles(seed):
        when = {}
        run_streams(Register(), {"i": range(9)}, {"o": 9}, traffic=STARVED, seed=seed, cycles=when)
        return when

    assert cycles(3) == cycles(3) != cycles(4)
    assert "seed 3" in capsys.readouterr().out


@pytest.mark.parametrize("traffic, share", [(STEADY, 1.0), (BURSTY, 0.5), (STARVED, 1 / 17)],
                         ids=str)
def test_traffic_has_its_share_of_open_cycles(traffic, share):
    gate = Gate(traffic, 5, "i")
    drawn = np.array([gate.draw() for _ in range(20_000)])
    assert drawn.mean() == pytest.approx(share, rel=0.1)


def test_traffic_that_never_starts_is_refused():
    with pytest.raises(ValueError, match="not 0 and 0"):
        Traffic("never", 0, 0)


def test_a_testbench_that_fails_at_once_leaves_no_noise():
    async def broken(ctx):
        raise KeyError("at once")

    async def waiting(ctx):
        await ctx.tick().repeat(5)

    with pytest.raises(KeyError, match="at once"):
        simulate(Register(), broken, waiting)
    gc.collect()
