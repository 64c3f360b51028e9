# SPDX-License-Identifier: Apache-2.0
"""The chains of a lane against sums of products, in Amaranth's simulator."""

import numpy as np
import pytest

from flightllm_hw.compute.array import ChainArray
from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC
from support.tiles import draw

# A narrow window, so that sparse patterns split the chain, and wide MUXes, so that every pattern
# takes two tokens.
TINY = LaneConfig(chains=2, chain=ChainConfig(window=16, slots=32))
ONE_OF_U280 = LaneConfig(chains=1, chain=preset("u280").lane.chain)


def run(config, cases, traffic=STEADY, seed=0):
    """Sums of every step, and the cycles in which steps went in and sums came out."""
    steps = [step for case in cases for step in case.steps]
    cycles = {}
    got = run_streams(ChainArray(config), cycles=cycles, traffic=traffic, seed=seed,
                      inputs={"i_tile": [case.payload for case in cases], "i_step": steps},
                      outputs={"o": len(steps)}, deadline=50_000)["o"]
    return got, cycles


def check(config, cases, got):
    results = iter(got)
    for case in cases:
        for n in range(len(case.windows)):
            result = next(results)
            for (chain, node, half), want in case.sums(config.chain, n).items():
                assert getattr(result[chain][node], half) == want, (case, n, chain, node, half)


@pytest.mark.parametrize("passes", [1, 2, 7, 16])
@pytest.mark.parametrize("pattern", Pattern, ids=str)
@pytest.mark.parametrize("config", [TINY, ONE_OF_U280], ids=["tiny", "u280"])
def test_every_pattern_sums_exactly(config, pattern, passes, rng):
    cases = [draw(rng, config, pattern, passes) for _ in range(2)]
    got, _ = run(config, cases)
    check(config, cases, got)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_every_code_width_sums_exactly(bits, rng):
    cases = [draw(rng, TINY, Pattern(rng.integers(len(Pattern))), 2, bits) for _ in range(20)]
    got, _ = run(TINY, cases)
    check(TINY, cases, got)


@pytest.mark.parametrize("length, window, slots", [
    (2, 16, 16), (4, 16, 32), (16, 16, 16), (16, 32, 32), (32, 32, 16), (8, 64, 16)])
def test_other_chains_sum_exactly(length, window, slots, rng):
    # Chains longer than eight need overflow adjust units, and cuts may fall on them.
    chain = ChainConfig(length=length, window=window, slots=slots)
    config = LaneConfig(chains=1, chain=chain)
    cases = [draw(rng, config, rng.choice(np.array(chain.patterns)), int(rng.integers(1, 4)))
             for _ in range(30)]
    got, _ = run(config, cases)
    check(config, cases, got)


@pytest.mark.parametrize("tile_traffic", TRAFFIC, ids=str)
@pytest.mark.parametrize("step_traffic", TRAFFIC, ids=str)
def test_traffic_changes_no_sum(tile_traffic, step_traffic, rng):
    cases = [draw(rng, TINY, Pattern(rng.integers(len(Pattern))), int(rng.integers(1, 8)))
             for _ in range(12)]
    got, _ = run(TINY, cases, traffic={"i_tile": tile_traffic, "i_step": step_traffic})
    check(TINY, cases, got)


def test_the_only_sum_that_looks_negative_is_not():
    # Eight times (-128) * (-128): 2^17, which 18 bits in two's complement would not hold.
    config = ONE_OF_U280
    case = draw(np.random.default_rng(0), config, Pattern.DENSE, 1)
    case.code[:], case.mate[:], case.windows[:] = -128, -128, -128
    got, _ = run(config, [case])
    assert got[0][0][-1].lo == got[0][0][-1].hi == 8 * 128 * 128


@pytest.mark.parametrize("passes", [1, 3])
def test_a_step_per_cycle_in_any_mix_of_modes(passes, rng):
    cases = [draw(rng, TINY, Pattern(rng.integers(len(Pattern))), passes) for _ in range(60)]
    got, cycles = run(TINY, cases)
    check(TINY, cases, got)
    went_in, came_out = np.array(cycles["i_step"]), np.array(cycles["o"])
    assert (np.diff(went_in) == 1).all()
    assert (came_out - went_in == ChainArray(TINY).latency).all()


@pytest.mark.parametrize("traffic", [BURSTY, STARVED], ids=str)
def test_latency_does_not_depend_on_traffic(traffic, rng):
    cases = [draw(rng, TINY, Pattern.S2_4, 2) for _ in range(10)]
    _, cycles = run(TINY, cases, {"i_tile": traffic, "i_step": traffic})
    delays = np.array(cycles["o"]) - np.array(cycles["i_step"])
    assert (delays == ChainArray(TINY).latency).all()
