# SPDX-License-Identifier: Apache-2.0
"""Simulated cycles per second of 1024 MACs (64 chains of 8 DSPs), in both simulators.

Random 2:4 tiles, a new one and new activations in every cycle. ``make bench`` runs it.
"""

import time

import numpy as np

from flightllm_hw.compute.array import ChainArray
from flightllm_hw.compute.layouts import step, tile
from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.sim import verilator
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.words import to_items

CONFIG = LaneConfig(chains=64)


def inputs(sim, rng, count):
    """Packed tiles and steps."""
    chain = CONFIG.chain
    shape = (count, CONFIG.chains, chain.length)
    index = rng.integers(2, size=shape)
    index[..., 1::2] += 2
    tiles = sim.pack("i_tile", {
        "pattern": np.full(count, Pattern.S2_4.value),
        "elements": {"code": rng.integers(0, 256, shape), "mate": index}})
    steps = sim.pack("i_step", {"windows": rng.integers(-128, 128, (count, 2, chain.window)),
                                "last": np.ones(count, int)})
    return {"i_tile": tiles, "i_step": steps}


def main():
    """Build, run, print."""
    rng = np.random.default_rng(0)
    assert CONFIG.macs == 1024
    started = time.perf_counter()
    sim = verilator.compile(ChainArray(CONFIG), level=3)
    built = time.perf_counter() - started
    few, many = inputs(sim, rng, 64), inputs(sim, rng, 100_000)
    sim.stream(few, {"o": 64})
    started = time.perf_counter()
    cycles = sim.stream(many, {"o": 100_000}, deadline=200_000).total
    compiled = cycles / (time.perf_counter() - started)

    items = {"i_tile": to_items(tile(CONFIG), few["i_tile"]),
             "i_step": to_items(step(CONFIG.chain), few["i_step"])}
    started = time.perf_counter()
    run_streams(ChainArray(CONFIG), items, {"o": 64})
    once = time.perf_counter() - started
    started = time.perf_counter()
    run_streams(ChainArray(CONFIG), {name: 5 * rows for name, rows in items.items()}, {"o": 320})
    python = 256 / (time.perf_counter() - started - once)

    print(f"compiled simulator   {compiled:9,.0f} cycles/s   ready in {built:.1f} s")
    print(f"Amaranth's simulator {python:9,.1f} cycles/s")


if __name__ == "__main__":
    main()
