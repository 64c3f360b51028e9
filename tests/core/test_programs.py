# SPDX-License-Identifier: Apache-2.0
"""Random programs on the compiled core: it ends where the golden machine does, memories equal.

2000 programs in all; ``--programs N`` runs N times as many.
"""

import numpy as np
import pytest

from flightllm_hw.boards import card
from flightllm_hw.golden.machine import Stop
from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.presets import preset
from flightllm_hw.sim.core import HOST, CoreBench, lane_base
from flightllm_hw.sim.memory import IDEAL, hbm
from flightllm_hw.sim.traffic import BURSTY, STEADY
from support.core import carry, equal, load
from support.decoder_layer import (
    DIM,
    HOST_BYTES,
    LANE_BYTES,
    TINY,
    Layer,
    X,
    give,
    machine_with,
)
from support.programs import random_program
from support.programs_broken import BROKEN

MEMORIES = {"ideal": {"timing": IDEAL}, "hbm": {"timing": hbm(card("u280"))},
            "bursty": {"timing": IDEAL, "traffic": BURSTY}}
SIZE = 1 << 24
ELSEWHERE = SIZE // 2


def bench_of(config, memory, seed, **options):
    return CoreBench(config, host_bytes=SIZE, lane_bytes=SIZE, seed=seed,
                     **{"traffic": STEADY, **MEMORIES[memory], **options})


@pytest.mark.parametrize("name, memory, count, part", [
    *(("tiny", "ideal", 100, n) for n in range(12)), *(("tiny", "hbm", 100, n) for n in range(3)),
    ("tiny", "bursty", 100, 0), *(("small", "ideal", 50, n) for n in range(6)),
    *(("small", "hbm", 50, n) for n in range(2))])
def test_random_programs(name, memory, count, part, request):
    config = preset(name)
    first = request.config.getoption("--seed") * 1_000_000 + part * 10_000
    bench = bench_of(config, memory, first)
    machine = None
    for seed in range(first, first + count * request.config.getoption("--programs")):
        program = random_program(np.random.default_rng(seed), config)
        before, machine = machine, program.machine()
        if before is not None:
            carry(before, machine)
        program.load(machine)
        assert machine.run().reason is Stop.END
        load(bench, program)
        outcome = bench.run(program.origin, program.registers)
        assert outcome.error is Error.NONE, (seed, outcome)
        assert equal(bench, machine), seed


@pytest.fixture(scope="module")
def layer():
    return Layer(np.random.default_rng(0))


@pytest.mark.parametrize("memory", ["ideal", "hbm"])
@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_broken_programs_are_told_and_the_next_one_runs(spoil, memory, layer, rng):
    for _ in range(3):
        spoilt = spoil(rng, TINY)
        stopped, _ = spoilt.program.run()
        bench = bench_of(TINY, memory, 0, hazards=False)
        load(bench, spoilt.program)
        outcome = bench.run(spoilt.program.origin, spoilt.program.registers, watchdog=3000)
        assert (outcome.error, outcome.detail, outcome.pc, outcome.address) == (
            stopped.error, stopped.detail, stopped.pc, absolute(stopped))
        assert not outcome.stuck
        runs(bench, layer, rng)


def absolute(stopped):
    """The address that the hardware reports."""
    if Detail.OPERATION == stopped.detail or (
            stopped.detail is Detail.NONE and stopped.error < Error.MISALIGNED):
        return 0
    return stopped.address + (HOST if stopped.lane is None else lane_base(stopped.lane))


def runs(bench, layer, rng):
    """A token of the decoder layer, in memory that does not fail."""
    bench.window(HOST_BYTES, LANE_BYTES, ELSEWHERE)
    machine = machine_with(layer)
    give(machine, X, rng.standard_normal(DIM).astype(np.float32))
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    machine.start(0, [0])
    assert machine.run().reason is Stop.END
    assert bench.run(0, [0]).error is Error.NONE
    assert equal(bench, machine)
