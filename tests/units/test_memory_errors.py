# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in the memory unit: it is told, leaves all else as it was, and is forgotten."""

import numpy as np
import pytest

from flightllm_hw.boards import card
from flightllm_hw.memory.faults import Fault
from flightllm_hw.sim.memory import hbm
from flightllm_hw.sim.traffic import BURSTY
from support.memory_unit import BASE, CONFIGS, SIZE, Bench, Task, draw, same_buffer

HBM = hbm(card("u280"))
EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def same_error(bench, fault, address):
    """An error is there, changes nothing more, and is forgotten."""
    assert bench.error() == (fault, address)
    tasks = [draw(bench) for _ in range(6)]
    moved, cycles = bench.run(*tasks)
    assert moved.total + cycles < 60
    assert bench.error() == (fault, address)
    bench.check()
    bench.clear()
    tasks = [draw(bench) for _ in range(8)]
    bench.run(*tasks)
    for task in tasks:
        bench.expect(task)
    bench.check()
    same_buffer(bench)
    assert bench.error()[0] is Fault.NONE


@EACH
def test_what_cannot_be_carried_out(config, rng):
    bench = Bench(config, rng)
    rows, pairs = config.sfu.rows, config.sfu.rotary_pairs
    for task in (Task("LD.VECTOR", {"address": 0, "o": 0, "rows": rows + 1}),
                 Task("ST.VECTOR", {"address": 0, "a": 0, "rows": 1 << 16}),
                 Task("LD.STEPS", {"address": 0, "pairs": pairs + 1})):
        bench.run(task)
        same_error(bench, Fault.OPERATION, 0)


@EACH
def test_what_is_outside_of_the_window(config, rng):
    bench = Bench(config, rng, timing=HBM)
    beats, most = bench.size // bench.beat, (1 << 32) - 1
    for name, field in (("LD.VECTOR", "o"), ("ST.VECTOR", "a")):
        of = max(1, bench.row * 90 // bench.beat)
        for at in (beats - of + 1, beats, most):
            bench.run(Task(name, {"address": at, field: 0, "rows": 90}))
            same_error(bench, Fault.OUTSIDE, BASE + at * bench.beat)
    bench.run(Task("LD.STEPS", {"address": beats, "pairs": 1}))
    same_error(bench, Fault.OUTSIDE, BASE + SIZE)


@EACH
@pytest.mark.parametrize("step", [1, 3, 40])
def test_the_first_scalar_outside_of_the_window(config, step, rng):
    bench = Bench(config, rng, timing=HBM)
    bench.write_scalars(rng.integers(1 << 32, size=config.sfu.scalars, dtype=np.uint32))
    for inside in (0, 1, 5, 40):
        address = SIZE // 4 - (inside - 1) * step - 1 if inside else SIZE // 4 + 3
        d = int(rng.integers(config.sfu.scalars))
        bench.run(Task("ST.SCALARS", {"address": address, "step": step, "d": d, "count": 200}))
        if inside:
            bench.expect(Task("ST.SCALARS", {"address": address, "step": step, "d": d,
                                             "count": inside}))
        same_error(bench, Fault.OUTSIDE, BASE + 4 * (address + inside * step))


@EACH
@pytest.mark.parametrize("response", ["SLVERR", "DECERR"])
def test_what_the_memory_answers(config, response, rng):
    fault = Fault[response]
    bad = 64 << 10
    for name, field in (("LD.VECTOR", "o"), ("ST.VECTOR", "a")):
        bench = Bench(config, rng, timing=HBM, traffic=BURSTY)
        bench.memory.fail(range(BASE + bad, BASE + bad + bench.beat), response)
        task = Task(name, {"address": (bad - 1024) // bench.beat, field: 0,
                           "rows": 2048 // bench.row})
        bench.run(task)
        got, address = bench.error()
        assert got is fault
        # Of the beat that was read, of the burst that was written.
        burst = min(512, 16 * bench.beat)
        assert address == BASE + (bad if name == "LD.VECTOR" else bad // burst * burst)
        bench.clear()
        # What was written, or loaded, of it: anything, but nothing else.
        bench.image[:] = bench.memory.read(BASE, SIZE)
        fresh = Task("LD.VECTOR", {"address": bench.size // 2 // bench.beat, "o": 0,
                                   "rows": config.sfu.rows})
        bench.run(fresh)
        bench.expect(fresh)
        same_buffer(bench)
        assert bench.error()[0] is Fault.NONE
    bench = Bench(config, rng)
    bench.memory.fail(range(BASE + bad, BASE + bad + bench.beat), response)
    bench.run(Task("ST.SCALARS", {"address": bad // 4 - 8, "step": 8, "d": 0, "count": 9}))
    assert bench.error() == (fault, BASE + bad)
