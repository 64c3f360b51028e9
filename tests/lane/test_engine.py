# SPDX-License-Identifier: Apache-2.0
"""Whole matrices times tokens on the compiled engine, against plain integers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.compiler.tape import encode
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.lane.engine import LaneEngine
from flightllm_hw.presets import preset
from flightllm_hw.sim import verilator
from flightllm_hw.sim.traffic import STEADY, TRAFFIC
from flightllm_hw.sim.vendor import vendor_cells
from support.lanes import expected, multiply
from support.tapes import draw_tape

LANES = {name: preset(name).lane for name in ("tiny", "small")}


@pytest.fixture(scope="module", params=LANES)
def lane(request):
    """A configuration and its simulator."""
    config = LANES[request.param]
    return config, verilator.compile(LaneEngine(config))


def check(lane, pattern, rows, k, bits, group, zero_point, masked, tokens, traffic, seed):
    config, sim = lane
    rng = np.random.default_rng(seed)
    weights, mask, shape, beats = draw_tape(rng, config, pattern, rows, k, bits, group, zero_point,
                                            masked)
    x = rng.choice([-127, -126, 0, 127, int(rng.integers(-127, 128))], (tokens, k)).astype(np.int8)
    got, transfers = multiply(sim, config, shape, beats, x, traffic, seed)
    np.testing.assert_array_equal(got["sums"][:, :rows], expected(weights, mask, x))
    np.testing.assert_array_equal(got["row_scales"][:rows], weights.row_scale)
    return transfers, beats


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_shape_and_format(lane, data):
    config, _ = lane
    pattern = data.draw(st.sampled_from(config.patterns))
    least = 16 if pattern is Pattern.DENSE else 2 * config.tile_columns(pattern)
    bits = data.draw(st.sampled_from([2, 3, 4, 5, 6, 8]))
    groups = [g for g in (16, 32, 64, 128) if g >= least * (1 + bits % 2 * (pattern.n == 2))]
    check(lane, pattern, data.draw(st.integers(1, 200)), data.draw(st.integers(1, 1100)), bits,
          data.draw(st.sampled_from(groups)), data.draw(st.booleans()), data.draw(st.booleans()),
          data.draw(st.integers(1, config.tokens)), data.draw(st.sampled_from(TRAFFIC)),
          data.draw(st.integers(0, 1 << 30)))


@pytest.mark.parametrize("tokens", [1, 2, 3, 4])
@pytest.mark.parametrize("pattern", LANES["tiny"].patterns, ids=str)
def test_every_pattern_and_number_of_tokens(lane, pattern, tokens):
    check(lane, pattern, 41, 300, 4, 128, False, False, tokens, STEADY, 5)


def test_the_longest_sum(lane):
    # Everything at its largest: 1100 products of (-128) * (-128), times 65535.
    config, sim = lane
    rng = np.random.default_rng(0)
    weights, mask, _, _ = draw_tape(rng, config, Pattern.DENSE, 8, 1100, 8, 128, False)
    weights = replace(weights, codes=np.full((8, 1100), -128, np.int8),
                      group_scale=np.full((8, 9), 65535, np.uint16))
    shape, beats = encode(weights, mask, Pattern.DENSE, config)
    x = np.full((2, 1100), -128, np.int8)
    got, _ = multiply(sim, config, shape, beats, x)
    assert (got["sums"][:, :8] == 1100 * 128 * 128 * 65535).all()


def test_activations_may_be_anything_behind_the_last_column(lane):
    # A buffer full of other tokens' activations: the tape's padding is zero.
    config, sim = lane
    for k in (1000, 37):
        check(lane, Pattern.S2_4, 20, k, 4, 128, True, False, 2, STEADY, k)


def test_the_vendors_flavour_gives_the_same():
    # Chains and accumulators: DSP slices of one set of attributes.
    config = LANES["tiny"]
    dut = LaneEngine(config)
    text = convert(dut, name="dut", platform=VendorPlatform())
    assert "DSP48E2" in text
    sim = verilator.compile_verilog(text + vendor_cells(text), "dut",
                                    shapes=verilator.shapes(dut))
    for pattern in config.patterns:
        for tokens in (1, 4):
            check((config, sim), pattern, 25, 200, 4, 64, False, False, tokens, STEADY, tokens)


@pytest.mark.parametrize("pattern", [Pattern.DENSE, Pattern.S2_4], ids=str)
def test_small_groups_take_three_cycles(lane, pattern):
    # Two tiles a group, one token: the accumulators are the limit, three cycles a group of a header
    # (dense) or two groups and six.
    config, _ = lane
    group = 2 * config.tile_columns(pattern)
    transfers, beats = check(lane, pattern, 64, 512, 2, group, False, False, 1, STEADY, 1)
    groups = -(-64 // config.tile_rows(pattern)) * 512 // group
    latency = 75 + config.tile_rows(pattern)
    assert transfers.total <= max(len(beats), 3 * groups) + latency


@pytest.mark.parametrize("tokens", [1, 4])
def test_a_beat_a_cycle_or_all_chains_busy(lane, tokens):
    # One token: the tape is the limit. Many: a step a cycle.
    config, _ = lane
    transfers, beats = check(lane, Pattern.DENSE, 64, 512, 4, 128, False, False, tokens, STEADY, 1)
    steps = -(-64 // config.tile_rows(Pattern.DENSE)) * 512 // 8 * tokens
    latency = 75 + config.tile_rows(Pattern.DENSE) * tokens
    assert transfers.total <= max(len(beats), steps) + latency
