# SPDX-License-Identifier: Apache-2.0
"""The hand-written decoder layer on the compiled core: equal to the golden machine to the bit."""

import json

import numpy as np
import pytest

from flightllm_hw.boards import card
from flightllm_hw.golden.machine import Stop
from flightllm_hw.isa.errors import Error
from flightllm_hw.isa.table import Unit
from flightllm_hw.sim.core import HOST, CoreBench
from flightllm_hw.sim.memory import IDEAL, hbm
from flightllm_hw.sim.trace import spans, write_trace
from flightllm_hw.sim.traffic import BURSTY, STEADY
from support.core import equal
from support.decoder_layer import (
    DIM,
    HOST_BYTES,
    LANE_BYTES,
    POSITIONS,
    TINY,
    Layer,
    X,
    give,
    machine_with,
)


@pytest.mark.parametrize("timing, traffic, positions", [
    (IDEAL, STEADY, POSITIONS), (hbm(card("u280")), STEADY, POSITIONS), (IDEAL, BURSTY, 6)],
    ids=["ideal", "hbm", "bursty"])
def test_forty_positions(timing, traffic, positions, rng, tmp_path):
    layer = Layer(np.random.default_rng(0))
    machine = machine_with(layer)
    bench = CoreBench(TINY, host_bytes=HOST_BYTES, lane_bytes=LANE_BYTES, timing=timing,
                      traffic=traffic)
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    for position in range(positions):
        x = rng.standard_normal(DIM).astype(np.float32)
        give(machine, X, x)
        bench.memory.write(HOST + X, x)
        machine.start(0, [position])
        assert machine.run().reason is Stop.END
        outcome = bench.run(0, [position], trace=True)
        assert outcome.error is Error.NONE
        assert equal(bench, machine)
        assert outcome.counters["cycles"] == outcome.cycles
        check_trace(layer.program(), outcome, tmp_path / "trace.json")


def check_trace(program, outcome, path):
    """Every instruction of a unit is there, begins after the one before and ends."""
    found = spans(outcome.events)
    for unit in (Unit.MEMORY, Unit.LANES, Unit.VECTOR):
        pcs = [span.pc for span in found if span.unit is unit]
        assert pcs == [n for n, i in enumerate(program)
                       if i.kind.unit is unit and i.kind.name != "LD.TAPE"]
    write_trace(path, found, program)
    events = json.loads(path.read_text())["traceEvents"]
    complete = [event for event in events if event["ph"] == "X"]
    assert len(complete) == len(found)
    for tid in {event["tid"] for event in complete}:
        ends = 0
        for event in complete:
            if event["tid"] == tid:
                assert isinstance(event["ts"], int) and event["dur"] >= 0
                assert ends <= event["ts"]
                ends = event["ts"] + event["dur"]
        assert ends <= outcome.cycles
