# SPDX-License-Identifier: Apache-2.0
"""Compiled simulators do what Amaranth's own does, cycle by cycle."""

import ctypes
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from numpy.testing import assert_array_equal

from flightllm_hw.cache import cache_directory
from flightllm_hw.sim import cxx
from flightllm_hw.sim.cxx import BuildError
from flightllm_hw.sim.ports import Port
from flightllm_hw.sim.pysim import DeadlineError, run_streams, simulate
from flightllm_hw.sim.rules import StreamRuleError
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC, Gate
from flightllm_hw.sim.verilator import compile, compile_verilog, module_ports
from flightllm_hw.sim.words import from_items, to_items

SLOT = data.StructLayout({"weight": signed(5), "index": 4})
WIDE = data.StructLayout({"rows": data.ArrayLayout(data.ArrayLayout(SLOT, 8), 16), "last": 1})


class Shuffle(wiring.Component):
    """Remembers, mixes, and shows inputs at once: state, a memory, a way straight through."""

    a: In(8)
    b: In(70)
    c: In(1)
    direct: Out(70)
    total: Out(70)
    old: Out(8)
    few: Out(12)
    mid: Out(48)

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=16, init=range(7))
        read, write = memory.read_port(), memory.write_port()
        m.d.comb += [self.direct.eq(self.b ^ self.total), read.en.eq(1), write.en.eq(self.c),
                     read.addr.eq(self.a), write.addr.eq(self.a[4:]), write.data.eq(self.b),
                     self.old.eq(read.data), self.few.eq(self.a * self.total),
                     self.mid.eq(self.total[11:])]
        with m.If(self.c):
            m.d.sync += self.total.eq(self.total + self.b)
        with m.Else():
            m.d.sync += self.total.eq(self.total.rotate_left(3) ^ self.a)
        return m


class Queue(wiring.Component):
    """Two stages of a stream; the reset clears them."""

    def __init__(self, shape=8, fault=None):
        self.fault = fault
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        age = Signal(4)
        m.d.sync += age.eq(age + 1)
        middle = stream.Signature(len(Value.cast(self.i.payload))).create()
        for left, right in ((self.i, middle), (middle, self.o)):
            m.d.comb += left.ready.eq(~right.valid | right.ready)
            with m.If(left.ready):
                m.d.sync += [right.valid.eq(left.valid), right.payload.eq(left.payload)]
        with m.If(~self.o.ready & (age == 15)):
            if self.fault == "payload":
                m.d.sync += self.o.payload.eq(~Value.cast(self.o.payload))
            if self.fault == "valid":
                m.d.sync += self.o.valid.eq(0)
        if self.fault == "stuck":
            m.d.sync += self.o.valid.eq(0)
        return m


class Sum(wiring.Component):
    """No clock at all."""

    a: In(8)
    b: In(8)
    o: Out(9)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.a + self.b)
        return m


@pytest.fixture(scope="module")
def queue():
    return compile(Queue(WIDE))


@pytest.fixture
def fresh(queue):
    queue.restart()
    return queue


def draw_wide(rng, count):
    grid = (count, 16, 8)
    return {"rows": {"weight": rng.integers(-16, 16, grid), "index": rng.integers(0, 16, grid)},
            "last": rng.integers(0, 2, count)}


@pytest.mark.parametrize("level", [1, 3])
def test_every_cycle_equals_amaranths(level, rng):
    dut, count = Shuffle(), 200
    sim = compile(dut, level=level)
    inputs = {"a": rng.integers(0, 256, count), "c": rng.integers(0, 2, count),
              "b": rng.integers(0, 1 << 32, (count, 3), dtype=np.uint32) & [~0, ~0, 0x3F]}
    got = sim.run(inputs)
    assert sim.cycle == count and list(got) == ["direct", "few", "mid", "old", "total"]
    want = {name: [] for name in got}
    numbers = {name: to_items(dut.signature.members[name].shape, np.reshape(rows, (count, -1)))
               for name, rows in inputs.items()}

    async def testbench(ctx):
        for n in range(count):
            for name, values in numbers.items():
                ctx.set(getattr(dut, name), values[n])
            _, _, *sampled = await ctx.tick().sample(*(getattr(dut, name) for name in want))
            for name, value in zip(want, sampled, strict=True):
                want[name].append(value)

    simulate(dut, testbench)
    for name, rows in got.items():
        assert to_items(dut.signature.members[name].shape, rows) == want[name], name


@pytest.mark.parametrize("source", TRAFFIC, ids=str)
@pytest.mark.parametrize("sink", TRAFFIC, ids=str)
def test_streams_take_the_cycles_of_amaranths(fresh, source, sink, rng):
    words = fresh.pack("i", draw_wide(rng, 12))
    assert words.shape == (12, 37)
    traffic, cycles = {"i": source, "o": sink}, {}
    items = to_items(WIDE, words)
    want = run_streams(Queue(WIDE), {"i": items}, {"o": 12}, traffic=traffic, seed=9, cycles=cycles)
    got = fresh.stream({"i": words}, {"o": 12}, traffic=traffic, seed=9)
    assert_array_equal(got["o"], from_items(WIDE, want["o"]))
    assert {name: list(when) for name, when in got.cycles.items()} == cycles
    assert got.total == cycles["o"][-1] + 1


def test_structures_come_back(fresh, rng):
    values = draw_wide(rng, 50)
    got = fresh.unpack("o", fresh.stream({"i": fresh.pack("i", values)}, {"o": 50})["o"])
    assert_array_equal(got["rows"]["weight"], values["rows"]["weight"])
    assert_array_equal(got["last"], values["last"])


def test_state_stays_between_calls(fresh, rng):
    words = fresh.pack("i", draw_wide(rng, 3))
    fresh.stream({"i": words[:2]}, {})
    assert fresh.cycle == 2
    got = fresh.stream({"i": words[2:]}, {"o": 3}, traffic=BURSTY)
    assert_array_equal(got["o"], words)
    assert got.cycles["i"][0] < got.total == fresh.cycle - 2


def test_a_reset_forgets(fresh, rng):
    fresh.stream({"i": fresh.pack("i", draw_wide(rng, 2))}, {})
    assert fresh.peek("o_valid") == 1
    fresh.reset()
    assert fresh.peek("o_valid") == 0 and fresh.cycle == 3
    fresh.restart()
    assert fresh.cycle == 0


def test_ports_are_poked_and_peeked():
    sim = compile(Sum())
    sim.poke("a", 200)
    sim.poke("b", 100)
    assert sim.peek("o") == 300 and sim.cycle == 0
    assert_array_equal(sim.run({"a": np.arange(3)})["o"][:, 0], [100, 101, 102])
    sim.reset()


@pytest.mark.parametrize("fault, sentence", [
    ("payload", "the component changed the payload before ready"),
    ("valid", "the component took back valid before ready"),
])
def test_a_component_that_breaks_a_rule_is_caught(fault, sentence):
    errors = []
    items = [7] * 50
    for act in (lambda: run_streams(Queue(8, fault), {"i": items}, {"o": 50},
                                    traffic={"o": STARVED}),
                lambda: compile(Queue(8, fault)).stream({"i": np.array(items)}, {"o": 50},
                                                        traffic={"o": STARVED})):
        with pytest.raises(StreamRuleError, match=f"Stream o broke .* {sentence}") as caught:
            act()
        errors.append(str(caught.value).split(":")[0])
    assert errors[0] == errors[1]


def test_the_deadline_says_what_moved():
    sim = compile(Queue(8, "stuck"))
    with pytest.raises(DeadlineError, match="after 100 cycles: i moved 5 of 5, o moved 0 of 5"):
        sim.stream({"i": np.arange(5)}, {"o": 5}, deadline=100)


def test_what_does_not_fit_a_port_is_named(fresh):
    with pytest.raises(ValueError, match=r"i_payload takes words of shape \(n, 37\), not \(3, 1\)"):
        fresh.stream({"i": np.zeros((3, 1))}, {})
    with pytest.raises(ValueError, match="i_payload takes 1153 bits, no more"):
        fresh.stream({"i": np.full((1, 37), 2, np.uint32)}, {})
    with pytest.raises(ValueError, match="no stream 'x' among the ports i_payload"):
        fresh.stream({}, {"x": 1})
    with pytest.raises(ValueError, match="Stream 'o' is an output"):
        fresh.stream({"o": np.zeros((1, 37), np.uint32)}, {})
    with pytest.raises(ValueError, match="Port 'o_valid' is an output"):
        fresh.poke("o_valid", 1)
    with pytest.raises(ValueError, match="no port 'y'"):
        fresh.run({}, 1, record=["y"])


def test_verilog_is_simulated_as_it_is():
    text = """
module other(input wire clk, input wire [3:0] a__b, output wire [3:0] o);
  reg [3:0] r = 4'd9;
  always @(posedge clk) r <= a__b;
  assign o = r;
endmodule
"""
    ports = [Port("clk", 1, True), Port("a__b", 4, True), Port("o", 4, False)]
    assert module_ports(text, "other") == ports
    sim = compile_verilog(text, "other", ports)
    assert_array_equal(sim.run({"a__b": np.array([1, 2, 3])})["o"][:, 0], [9, 1, 2])
    with pytest.raises(BuildError, match="verilator_bin failed:\n.*syntax error"):
        compile_verilog(text + "nonsense", "other", ports)
    with pytest.raises(ValueError, match="no module 'another'"):
        compile_verilog(text, "another")
    with pytest.raises(ValueError, match="level must be 1 or 3, not 2"):
        compile_verilog(text, "other", level=2)


def test_models_are_compiled_along():
    path = Path(__file__).with_name("counting_model.cpp")
    sim = compile(Queue(8), extra_sources=[path])
    count = ctypes.c_uint64()
    sim.library.attach_counter(sim.handle, ctypes.byref(count))
    sim.poke("i_valid", 1)
    sim.run({}, 30)
    assert count.value == 9
    for traffic in TRAFFIC:
        gate = Gate(traffic, 3, "i")
        drawn = np.zeros(1000, np.uint8)
        sim.library.draw(gate.state, traffic.start, traffic.stop, 1000, drawn.ctypes.data_as(
            ctypes.c_void_p))
        assert_array_equal(drawn, [gate.draw() for _ in range(1000)])


def test_waves_of_a_window_are_written(tmp_path):
    # Of the two forms the one that this machine's headers allow.
    poor = pytest.warns(RuntimeWarning, match="Waves are VCD: for FST the headers of lz4 and zlib")
    with poor if cxx.wave_format() == "vcd" else nullcontext():
        sim = compile(Queue(8), waves=True)
    path = sim.trace(tmp_path / "deep" / "window", start=10, cycles=20)
    sim.run({"i_payload": np.arange(100), "i_valid": np.ones(100)})
    first = path.read_bytes()
    assert path.suffix == f".{sim.wave_format}" and first
    again = sim.trace(tmp_path / "again")
    sim.run({}, 10)
    sim.end_trace()
    assert again.stat().st_size > 0 and path.read_bytes() == first
    with pytest.raises(ValueError, match="waves=True"):
        compile(Queue(8)).trace(tmp_path / "none")


def test_waves_fall_back_to_vcd(tmp_path, monkeypatch):
    monkeypatch.setattr(cxx, "wave_format", lambda: "vcd")
    with pytest.warns(RuntimeWarning, match="Waves are VCD"):
        sim = compile(Queue(8), waves=True)
    path = sim.trace(tmp_path / "window.fst", start=10, cycles=2)
    sim.run({"i_payload": np.arange(100), "i_valid": np.ones(100)})
    text = path.read_text()
    assert path.suffix == ".vcd" and "#100\n" in text and "#115\n" in text and "#120" not in text


def test_two_processes_may_compile_at_once(tmp_path, monkeypatch):
    runtime = cache_directory() / "runtime"
    compile(Sum())
    (tmp_path / "runtime").symlink_to(runtime)
    monkeypatch.setenv("FLIGHTLLM_CACHE", str(tmp_path))
    script = """
from flightllm_hw.sim.verilator import compile_verilog
sim = compile_verilog("module m(input a, output b);\\n  assign b = ~a;\\nendmodule\\n", "m")
assert sim.peek("b") == 1
"""
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    built = [path.suffix for path in (tmp_path / "designs").iterdir()]
    assert sorted(built) == ["", ".lock"]


def test_steady_streams_take_no_traffic_when_constant():
    text = """
module fixed(input clk, input [7:0] i_payload, output [7:0] o_payload, output o_valid);
  assign o_payload = i_payload;
  assign o_valid = 1'b1;
endmodule
"""
    sim = compile_verilog(text, "fixed")
    got = sim.stream({"i": np.arange(5)}, {"o": 5}, traffic=STEADY)
    assert_array_equal(got["o"][:, 0], np.arange(5))
    with pytest.raises(ValueError, match="'i' is always valid: it takes no bursty traffic"):
        sim.stream({"i": np.arange(5)}, {"o": 5}, traffic={"i": BURSTY})
