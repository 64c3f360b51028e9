# SPDX-License-Identifier: Apache-2.0
"""The same chains in Amaranth's simulator and compiled, in both flavours; whole matrices on it."""

import numpy as np
import pytest

from flightllm_hw.compiler.tile import lay_out, lay_windows, read_sums
from flightllm_hw.compute.array import ChainArray
from flightllm_hw.compute.layouts import step, tile
from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.formats import dot_products, prune_mask, quantize_activations, quantize_weights
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.sim import verilator
from flightllm_hw.sim.pysim import simulate
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY, TRAFFIC
from flightllm_hw.sim.vendor import vendor_cells
from flightllm_hw.sim.words import from_items
from support.tiles import draw, stored

CONFIGS = {
    "split": LaneConfig(chains=2, chain=ChainConfig(window=16, slots=32)),
    "u280": LaneConfig(chains=2, chain=preset("u280").lane.chain),
}


def compiled(config, platform=None):
    dut = ChainArray(config)
    text = convert(dut, name="dut", platform=platform or BehaviouralPlatform())
    if isinstance(platform, VendorPlatform):
        assert "DSP48E2" in text
        text += vendor_cells(text)
    return verilator.compile_verilog(text, "dut", shapes=verilator.shapes(dut))


def recorded(config, cycles):
    """Outputs of every cycle in Amaranth's simulator."""
    dut = ChainArray(config)
    seen = []

    async def testbench(ctx):
        for items in cycles:
            for stream, item in zip((dut.i_tile, dut.i_step), items, strict=True):
                ctx.set(stream.valid, item is not None)
                if item is not None:
                    ctx.set(stream.payload, item)
            sample = (dut.i_tile.ready, dut.i_step.ready, dut.o.valid,
                      dut.o.payload.as_value())
            _, _, *values = await ctx.tick().sample(*sample)
            seen.append(values)

    # Items come and go here as no well-behaved source would let them.
    simulate(dut, testbench, rules=False)
    return seen


@pytest.mark.parametrize("name, flavour", [
    ("split", BehaviouralPlatform), ("split", VendorPlatform), ("u280", VendorPlatform)],
    ids=["split-behavioural", "split-vendor", "u280-vendor"])
def test_both_simulators_agree_in_every_cycle(name, flavour, rng):
    config = CONFIGS[name]
    cycles = []
    for _ in range(80):
        case = draw(rng, config, Pattern(rng.integers(len(Pattern))), 1)
        cycles.append((case.payload if rng.random() < 0.8 else None,
                       case.steps[0] if rng.random() < 0.8 else None))
    want = recorded(config, cycles)

    sim = compiled(config, flavour())
    inputs = {}
    for n, (stream, shape) in enumerate({"i_tile": tile(config), "i_step": step(config.chain)}
                                        .items()):
        # A payload stays until the next; before the first it is what it powers up as.
        held, rows = 0, []
        for cycle in cycles:
            held = held if cycle[n] is None else cycle[n]
            rows.append(held)
        inputs[f"{stream}_payload"] = from_items(shape, rows)
        inputs[f"{stream}_valid"] = np.array([[cycle[n] is not None] for cycle in cycles],
                                             np.uint32)
    got = sim.run(inputs)
    for cycle, (tile_ready, step_ready, valid, payload) in enumerate(want):
        assert got["i_tile_ready"][cycle, 0] == tile_ready, cycle
        assert got["i_step_ready"][cycle, 0] == step_ready, cycle
        assert got["o_valid"][cycle, 0] == valid, cycle
        words = got["o_payload"][cycle].astype(object)
        assert sum(int(word) << 32 * n for n, word in enumerate(words)) == payload, cycle


def multiply(sim, config, codes, mask, pattern, x, traffic, seed=0):
    """Multiply x by codes.T on the chains: product, cycles of the results, number of steps."""
    tiled = lay_out(codes, mask, pattern, config)
    windows = lay_windows(x, pattern, config)
    holds = tiled.holds
    blocks, steps = np.nonzero(holds)
    passes = windows.shape[1]
    code, mate = stored(pattern, tiled.code[holds], tiled.mate[holds])
    tiles = sim.pack("i_tile", {
        "pattern": np.full(len(blocks), pattern.value), "elements": {"code": code, "mate": mate}})
    last = np.zeros((len(blocks), passes), int)
    last[:, -1] = 1
    sent = sim.pack("i_step", {"windows": windows[steps].reshape(-1, *windows.shape[2:]),
                               "last": last.reshape(-1)})
    got = sim.stream({"i_tile": tiles, "i_step": sent}, {"o": len(sent)}, seed=seed,
                     traffic={"i_tile": traffic, "i_step": traffic}, deadline=200 * len(sent) + 99)
    values = sim.unpack("o", got["o"])
    sums = np.stack([values["lo"], values["hi"]], -1).astype(np.int64)
    sums = sums.reshape(len(blocks), passes, *sums.shape[1:])
    rows = read_sums(sums, pattern, config)
    product = np.zeros((holds.shape[0], *rows.shape[1:]), np.int64)
    np.add.at(product, blocks, rows)
    product = np.moveaxis(product, 0, 1).reshape(product.shape[1], -1)
    return product[:len(x), :len(codes)], got.cycles["o"], len(sent)


@pytest.mark.parametrize("pattern", Pattern, ids=str)
@pytest.mark.parametrize("name", CONFIGS)
def test_whole_matrices(name, pattern, rng):
    config = CONFIGS[name]
    sim = compiled(config)
    for tokens in (1, 2, 7, 16):
        for bits in (2, 3, 4, 5, 6, 8):
            rows, k = int(rng.integers(1, 90)), int(rng.integers(1, 200))
            low, high = -(1 << bits - 1), (1 << bits - 1) - 1
            codes = rng.choice([low, high], (rows, k)) if tokens == 7 else rng.integers(
                low, high + 1, (rows, k))
            codes = codes.astype(np.int8)
            codes[:, k // 3:k // 2] = 0  # some tiles hold nothing and are skipped
            codes[0, 0] = low
            x = rng.integers(-128, 128, (tokens, k)).astype(np.int8)
            if config.chain.tokens(pattern) == 2:
                x[1::2] = np.maximum(x[1::2], -127)
            mask = prune_mask(codes.astype(np.float32), pattern)
            sim.reset()
            traffic = TRAFFIC[int(rng.integers(3))]
            got, cycles, steps = multiply(sim, config, codes, mask, pattern, x, traffic)
            want = x.astype(int) @ np.where(mask, codes, 0).T.astype(int)
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("pattern", Pattern, ids=str)
def test_n_steps_take_n_cycles_and_the_latency(pattern, rng):
    config = CONFIGS["u280"]
    sim = compiled(config)
    codes = rng.integers(-128, 128, (64, 512)).astype(np.int8)
    mask = prune_mask(codes.astype(np.float32), pattern)
    x = rng.integers(-128, 128, (1, 512)).astype(np.int8)
    _, cycles, steps = multiply(sim, config, codes, mask, pattern, x, STEADY)
    np.testing.assert_array_equal(cycles, ChainArray(config).latency + np.arange(steps))


@pytest.mark.parametrize("traffic", [BURSTY, STARVED], ids=str)
def test_quantized_layer(traffic, rng):
    # From float weights to exact dot products, group scales applied to the chains' group sums.
    config = CONFIGS["split"]
    sim = compiled(config)
    w = rng.standard_normal((40, 96)).astype(np.float32)
    weights = quantize_weights(w, 4, 32, zero_point=True)
    x, _ = quantize_activations(rng.standard_normal((3, 96)).astype(np.float32))
    centered = weights.centered()
    total = np.zeros((3, 40), np.int64)
    for g in range(weights.groups):
        part = slice(32 * g, 32 * (g + 1))
        codes = np.ascontiguousarray(centered[:, part])
        sim.reset()
        sums, _, _ = multiply(sim, config, codes, np.ones(codes.shape, bool), Pattern.DENSE,
                              np.ascontiguousarray(x[:, part]), traffic)
        total += sums * weights.group_scale[:, g].astype(np.int64)
    np.testing.assert_array_equal(total, dot_products(weights, x))
