# SPDX-License-Identifier: Apache-2.0
"""The memory unit between a memory and a special function unit: data, speed, cost."""

import numpy as np
import pytest

from flightllm_hw.boards import card
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats.functions import rotary_phase, sine_cosine
from flightllm_hw.isa.vector import Output, Reduce, VectorPass
from flightllm_hw.memory.faults import Fault
from flightllm_hw.sim.memory import IDEAL, hbm
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from flightllm_hw.units.memory import MemoryUnit
from support.lint import lint
from support.memory_unit import BASE, CONFIGS, Bench, Task, draw, same_buffer, unit_config

HBM = hbm(card("u280"))
EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
SOME = pytest.mark.parametrize("config", [CONFIGS[n] for n in ("tiny", "small", "wide", "halves")],
                               ids=["tiny", "small", "wide", "halves"])


def same_steps(bench):
    """The steps are there: a table shows."""
    sfu = bench.config.sfu
    position = int(bench.rng.integers(1 << 16))
    bench.sim.stream({"i_rotation": bench.sim.pack("i_rotation", {
        "position": np.array([position]), "row": np.array([0]),
        "last_pair": np.array([sfu.rotary_pairs - 1]), "halves": np.array([0])})}, {})
    bench.sim.run({}, 4 * sfu.rotary_pairs + 100, record=())
    sine, cosine = sine_cosine(rotary_phase(np.array([position], np.uint32), bench.steps))
    table = np.stack([cosine, sine], 1).reshape(-1, sfu.width)
    bench.machine.buffer[:len(table)] = table
    same_buffer(bench)


@EACH
@pytest.mark.parametrize("timing", [IDEAL, HBM], ids=["ideal", "hbm"])
@pytest.mark.parametrize("traffic", [STEADY, BURSTY, STARVED], ids=str)
def test_tasks_leave_what_numpy_leaves(config, timing, traffic, rng):
    bench = Bench(config, rng, timing=timing, traffic=traffic)
    bench.write_scalars(rng.integers(1 << 32, size=config.sfu.scalars, dtype=np.uint32))
    names = ["LD.VECTOR", "ST.VECTOR", "LD.STEPS", "ST.SCALARS"] + [None] * 12
    tasks = [draw(bench, name) for name in names]
    bench.run(*tasks, traffic={"i": traffic})
    for task in tasks:
        bench.expect(task)
    bench.check()
    same_buffer(bench)
    same_steps(bench)
    assert bench.error()[0] is Fault.NONE


@SOME
def test_all_rows_of_the_buffer_there_and_back(config, rng):
    bench = Bench(config, rng)
    first = int(rng.integers(1, config.sfu.rows))
    tasks = [Task("LD.VECTOR", {"address": 3, "o": first, "rows": config.sfu.rows}),
             Task("ST.VECTOR", {"address": bench.size // bench.beat // 2 + 5, "a": 1,
                                "rows": config.sfu.rows})]
    bench.run(*tasks)
    for task in tasks:
        bench.expect(task)
    bench.check()
    same_buffer(bench)


@SOME
def test_others_use_the_port_and_the_unit_meanwhile(config, rng):
    # Instructions are read, passes write to the buffer, codes are held up.
    bench = Bench(config, rng, timing=HBM)
    sfu, half = config.sfu, config.sfu.rows // 2
    pieces = [(int(rng.integers(1000)), int(rng.integers(1, 20))) for _ in range(150)]
    others = bench.passes(*[VectorPass(a=half, o=half, rows=half, limit=half * sfu.width,
                                       output=Output.BUFFER)] * 12)
    fetch = bench.sim.pack("i_fetch", {
        "address": np.array([BASE + at * bench.beat for at, _ in pieces]),
        "beats": np.array([beats for _, beats in pieces])})
    tasks = []
    for _ in range(8):
        rows, words = half // 4, bench.row * half // 4
        at = int(rng.integers(bench.size // 2, bench.size - words)) // bench.beat
        a = int(rng.integers(half - rows))
        tasks += [Task("LD.VECTOR", {"address": int(rng.integers(100)), "o": a, "rows": rows}),
                  Task("ST.VECTOR", {"address": at, "a": a, "rows": rows})]
    # Nothing is read while it is written.
    moved, _ = bench.run(*tasks, others={"i_pass": others, "i_fetch": fetch},
                         outputs={"o_fetch": sum(beats for _, beats in pieces)},
                         traffic={"i_fetch": BURSTY})
    for task in tasks:
        bench.expect(task)
    bench.check()
    while bench.sim.peek("sfu_busy"):
        bench.sim.run({}, 100, record=())
    same_buffer(bench)
    got = bench.sim.unpack("o_fetch", moved["o_fetch"])["data"]
    image = bench.image.reshape(-1, bench.beat)
    want = np.concatenate([image[at:at + beats] for at, beats in pieces])
    got = np.ascontiguousarray(got if got.ndim == 2 else got[:, None])
    np.testing.assert_array_equal(got.view(np.uint8).reshape(len(want), -1)[:, :bench.beat], want)


@SOME
def test_a_held_unit_holds_a_store_up(config, rng):
    bench = Bench(config, rng)
    tasks = [Task("LD.VECTOR", {"address": 0, "o": 0, "rows": 200}),
             Task("ST.VECTOR", {"address": 9000, "a": 0, "rows": 200})]
    bench.sim.poke("hold", 1)
    bench.sim.stream({"i": bench.pack(tasks)}, {})
    bench.sim.run({}, 3000, record=())
    assert bench.sim.peek("busy")
    for _ in range(400):
        bench.sim.poke("hold", int(rng.integers(2)))
        bench.sim.run({}, int(rng.integers(1, 30)), record=())
    bench.sim.poke("hold", 0)
    bench.wait()
    for task in tasks:
        bench.expect(task)
    bench.check()


@EACH
def test_scalars_wait_until_they_are_made(config, rng):
    # The maximum of a long segment becomes the scalar that is stored right behind the pass.
    bench = Bench(config, rng)
    sfu = config.sfu
    load = Task("LD.VECTOR", {"address": 0, "o": 0, "rows": sfu.rows})
    bench.run(load)
    bench.expect(load)
    p = VectorPass(rows=sfu.rows, limit=sfu.rows * sfu.width, reduce=Reduce.ARGMAX, d=3)
    store = Task("ST.SCALARS", {"address": 77, "step": 1, "d": 3, "count": 1})
    bench.sim.stream({"i_pass": bench.passes(p)}, {})
    bench.run(store)
    bench.machine.run(p)
    bench.expect(store)
    bench.check()


def test_addresses_of_scalars_wrap(rng):
    bench = Bench(CONFIGS["wide"], rng, base=0, size=4096)
    bench.sim.poke("limit", 1 << 36)
    there = CONFIGS["wide"].sfu.scalars
    scalars = rng.integers(1 << 32, size=there, dtype=np.uint32)
    bench.write_scalars(scalars)
    bench.run(Task("ST.SCALARS", {"address": (1 << 34) - 36, "step": 12, "d": there - 2,
                                  "count": 6}))
    for n in range(3):
        got = bench.memory.read((1 << 36) - 144 + 48 * n, 4).view(np.uint32)[0]
        assert got == scalars[(there - 2 + n) % there]
        bench.image[48 * n:48 * n + 4] = np.atleast_1d(scalars[1 + n]).view(np.uint8)
    bench.check()


# Speed and cost.


@pytest.mark.parametrize("timing, load, store", [(IDEAL, 1060, 1120), (HBM, 1200, 1350)],
                         ids=["ideal", "hbm"])
def test_rows_go_at_the_ports_speed(timing, load, store, rng):
    # What is above 1000 is latency: of memory, of the pipeline. HBM gives 92 % of its peak, and
    # eight bursts under way do not quite cover its answers to writes.
    bench = Bench(CONFIGS["wide"], rng, timing=timing)
    for name, field, most in (("LD.VECTOR", "o", load), ("ST.VECTOR", "a", store)):
        _, cycles = bench.run(Task(name, {"address": 1, field: 0, "rows": 1000}))
        print(name, cycles)
        assert cycles <= most


def test_scalars_take_few_cycles(rng):
    bench = Bench(CONFIGS["wide"], rng)
    for step, most in ((1, 4), (16, 8)):
        _, cycles = bench.run(Task("ST.SCALARS", {"address": 0, "step": step, "d": 0,
                                                  "count": 100}))
        print(step, cycles)
        assert cycles <= 100 * most + 200


@pytest.mark.rtl
def test_costs_little_and_has_short_paths():
    made = design(MemoryUnit(unit_config(CONFIGS["wide"])), platform=VendorPlatform())
    report = resource_report(made)
    print(report.total, report.logic_levels)
    assert report.total.dsp == report.total.bram == report.total.uram == 0
    assert report.total.lut <= 6500
    assert report.total.ff <= 4500
    assert report.logic_levels <= 8


@pytest.mark.rtl
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_linter_finds_nothing(config, tmp_path):
    made = design(MemoryUnit(unit_config(config)), platform=BehaviouralPlatform())
    assert lint(made.text, made.top, tmp_path) == ""
