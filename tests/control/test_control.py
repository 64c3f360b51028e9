# SPDX-License-Identifier: Apache-2.0
"""Programs, run from memory: what reaches the units, in which order, and how it ends."""

import pytest

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.control import Control
from flightllm_hw.control.dispatch import DispatcherConfig
from flightllm_hw.control.errors import Error
from flightllm_hw.control.fetch import FetchConfig
from flightllm_hw.control.layouts import UNITS
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.isa.table import REGISTERS, Unit
from flightllm_hw.sim.traffic import BURSTY, STEADY
from support.control import END, build, draw_bits, draw_block, draw_task
from support.control_bench import CONFIGS, Bench, UnitModel, check, expect
from support.lint import lint


def draw_presets(rng):
    return [(int(at), draw_bits(rng, 32)) for at in rng.integers(REGISTERS, size=12)]


def draw_units(rng):
    return {unit: UnitModel(rng, willing=float(rng.choice([0.1, 0.5, 1.0])),
                            delay=int(rng.choice([1, 10, 100]))) for unit in UNITS}


@pytest.mark.parametrize("traffic", [STEADY, BURSTY], ids=str)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_random_programs(config, traffic, rng):
    bench = Bench(config, traffic=traffic)
    for _ in range(5):
        words = [*draw_block(rng, int(rng.integers(1, 30)), 0), END]
        presets = draw_presets(rng)
        want = expect(words, presets)
        bench.load(words)
        bench.preset(presets)
        got = bench.run(rng, units=draw_units(rng), tape=float(rng.choice([0.1, 1.0])))
        check(want, got)
        assert want.error is Error.NONE


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_loops_that_fit_are_read_once(config, rng):
    bench = Bench(config)
    kept = config.fetch.ring - config.fetch.ahead
    beats = config.fetch.beats
    for body, again in ((1, False), (kept - 1, False), (config.fetch.ring + 2, True)):
        words = [build("SYS.LOOP", count=5, length=body),
                 *(draw_task(rng, Unit.MEMORY) for _ in range(body)), END]
        bench.load(words)
        bench.memory.clear_counters()
        check(expect(words), bench.run(rng))
        read = bench.memory.counters()["m_axi"].beats_read / beats
        assert (read > 2 * len(words)) if again else (read <= len(words))


def test_cycles_of_an_instruction(rng):
    config = CONFIGS["wide"]

    def cycles(word, count=40):
        """From one to the next in a loop."""
        bench = Bench(config)
        spent = []
        for times in (count, 2 * count):
            words = [build("SYS.LOOP", count=times, length=1), word, END]
            bench.load(words)
            spent.append(bench.run(rng).cycles)
        return (spent[1] - spent[0]) / count

    two = [(1, "address"), (2, "rows")]
    assert cycles(build("LD.VECTOR", address=1)) == 9
    assert cycles(build("LD.VECTOR", address=1, patches=two[:1])) == 11
    assert cycles(build("LD.VECTOR", address=1, patches=two)) == 14
    assert cycles(build("SYS.SYNC")) == 11
    assert cycles(build("SYS.ADD", d=1, x=1, y=1)) == 13
    assert cycles(build("SYS.MUL", d=1, x=1, y=15)) == 17


def test_waits_are_for_what_came_before(rng):
    # Both units only ever have one task, for each waits for the other's last.
    bench = Bench(CONFIGS["wide"])
    lanes, vector = (draw_task(rng, Unit.LANES, wait=1 << Unit.VECTOR, release=1 << Unit.VECTOR),
                     draw_task(rng, Unit.VECTOR, wait=1 << Unit.LANES, release=1 << Unit.LANES))
    words = [draw_task(rng, Unit.VECTOR, release=1 << Unit.LANES),
             build("SYS.LOOP", count=9, length=2), lanes, vector, END]
    bench.load(words)
    want = expect(words)
    got = bench.run(rng, units={unit: UnitModel(rng, delay=60) for unit in UNITS})
    check(want, got)
    for n in range(9):
        assert got.done[Unit.VECTOR][n] < got.started[Unit.LANES][n]
        assert got.done[Unit.LANES][n] < got.started[Unit.VECTOR][n + 1]


@pytest.mark.parametrize("reset_after", [40, 333])
def test_a_reset_forgets_a_program(reset_after, rng):
    bench = Bench(CONFIGS["wide"])
    words = [*draw_block(rng, 20, 0), build("SYS.SYNC", wait={Unit.LANES}), END]
    bench.load(words)
    bench.sim.poke("start", 1)
    bench.sim.run({}, 1, record=())
    bench.sim.poke("start", 0)
    bench.sim.run({}, reset_after, record=())
    # Not while bursts are under way.
    while bench.memory.pending()["m_axi"][0]:
        bench.sim.run({}, 1, record=())
    bench.sim.reset()
    assert bench.sim.peek("busy") == 0
    words = [*draw_block(rng, 20, 0), END]
    bench.load(words)
    check(expect(words), bench.run(rng))


@pytest.mark.rtl
def test_paths_are_short(tmp_path):
    exported = design(Control(CONFIGS["wide"]), platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    print(report.total, report.logic_levels)
    assert report.logic_levels <= 8
    assert report.total.dsp == report.total.bram == report.total.uram == 0


@pytest.mark.parametrize("make, message", [
    (lambda: FetchConfig(port=PortConfig(data_bits=1024)), "at most 512 bits, not 1024"),
    (lambda: FetchConfig(ring=24), "ring must be a power of two from 4 on, not 24"),
    (lambda: FetchConfig(ring=8, ahead=8), r"ahead must be in 1\.\.7, not 8"),
    (lambda: DispatcherConfig(unit=Unit.CONTROL), "one of MEMORY, LANES, VECTOR, not"),
    (lambda: DispatcherConfig(unit=Unit.LANES, depth=3), "depth must be a power of two"),
    (lambda: DispatcherConfig(unit=Unit.LANES, in_flight=0), "in_flight must be a power of two"),
])
def test_errors_name_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
