# SPDX-License-Identifier: Apache-2.0
"""The reference card's lane, compiled once, on one memory after another."""

from functools import cache

from flightllm_hw.boards import card
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import LIMIT, LaneBench
from flightllm_hw.sim.memory import IDEAL, AxiMemory, hbm

U280 = preset("u280").lane
HBM = hbm(card("u280"))
MEMORIES = {"ideal": (IDEAL, {}), "slow": (HBM, {"jitter": 60, "seed": 3})}


@cache
def lane(config=U280):
    """A compiled lane; elaborating a full-size one takes seconds."""
    return LaneBench(config)


def powered_up(timing=IDEAL, config=U280, **options):
    """The lane as after power-up, on a memory of its own."""
    bench = lane(config)
    bench.sim.restart()
    bench.memory = AxiMemory(bench.sim, ["m_axi"], timing, clock_mhz=225, **options)
    bench.sim.poke("base", 0)
    bench.sim.poke("limit", LIMIT)
    return bench
