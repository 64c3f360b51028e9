# SPDX-License-Identifier: Apache-2.0
"""Queues."""

import pytest

from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.traffic import STEADY, TRAFFIC


@pytest.mark.parametrize("i_traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("o_traffic", TRAFFIC, ids=str)
def test_queue_keeps_order(i_traffic, o_traffic, rng):
    items = rng.integers(1 << 9, size=80).tolist()
    got = run_streams(Queue(QueueConfig(width=9, depth=4)), {"i": items}, {"o": 80},
                      traffic={"i": i_traffic, "o": o_traffic})["o"]
    assert got == items


def test_queue_moves_an_item_a_cycle(rng):
    cycles = {}
    run_streams(Queue(QueueConfig(width=9)), {"i": range(50)}, {"o": 50}, traffic=STEADY,
                cycles=cycles)
    assert [o - i for i, o in zip(cycles["i"], cycles["o"], strict=True)] == [Queue.latency] * 50


@pytest.mark.parametrize("change, message", [
    ({"width": 0}, "width must be at least 1 bit, not 0"),
    ({"width": 1, "depth": 3}, "depth must be a power of two from 2 on, not 3"),
])
def test_errors_name_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        QueueConfig(**change)
