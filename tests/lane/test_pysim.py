# SPDX-License-Identifier: Apache-2.0
"""The same equality in Amaranth's own simulator, which Verilog and its compiler have no part in."""

import numpy as np
import pytest
from amaranth.hdl import Value

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.lane.lane import Lane
from flightllm_hw.presets import preset
from flightllm_hw.sim.pysim import receive, send, simulate
from flightllm_hw.sim.traffic import BURSTY, STEADY
from support.lanes import draw_scales, expected_values
from support.tapes import draw_tape, payload, words

TINY = preset("tiny").lane


def memory(dut, beats, rng):
    """A testbench that answers reads of ``beats``, one a cycle or later."""
    async def answer(ctx):
        axi, asked = dut.m_axi, []
        while True:
            ready = int(rng.random() < 0.8)
            ctx.set(axi.arready, ready)
            _, _, valid, address, length = await ctx.tick().sample(
                axi.arvalid, axi.araddr, axi.arlen)
            if valid and ready:
                first = address // (TINY.beat_bits // 8)
                asked += [(beats[first + n], n == length) for n in range(length + 1)]
            given = bool(asked) and rng.random() < 0.8
            ctx.set(axi.rvalid, given)
            if given:
                data, last = asked.pop(0)
                ctx.set(axi.rdata, data)
                ctx.set(axi.rlast, last)
    return answer


def run(shape, beats, x, scales, rng, traffic):
    """The bits of the lane's results, (tokens, rows)."""
    dut = Lane(TINY)
    tokens, window = len(x), TINY.chain.window
    stride = -(-x.shape[1] // window)
    padded = np.pad(x, ((0, 0), (0, stride * window - x.shape[1])))
    rows = TINY.tile_rows(shape.pattern)
    got = np.zeros((tokens, shape.row_blocks * rows), np.uint32)
    came = np.zeros_like(got)

    async def operate(ctx):
        ctx.set(dut.limit, 1 << 20)
        for token in range(tokens):
            ctx.set(dut.scale_en, 1)
            ctx.set(dut.scale_at, token)
            ctx.set(Value.cast(dut.scale_data), int(scales[token:token + 1].view(np.uint32)[0]))
            for word in range(stride):
                data = padded[token, word * window:][:window].tobytes()
                ctx.set(dut.write_en, 1 << token % 2)
                ctx.set(dut.write_word, token // 2 * stride + word)
                ctx.set(Value.cast(dut.write_data), int.from_bytes(data, "little"))
                await ctx.tick()
        ctx.set(dut.scale_en, 0)
        ctx.set(dut.write_en, 0)
        await send(ctx, dut.i, [{"tape": payload(shape), "tokens": tokens, "stride": stride}])

    async def describe(ctx):
        await send(ctx, dut.i_descriptor, [{"address": 0, "beats": len(beats)}])

    async def take(ctx):
        items = await receive(ctx, dut.o, got.size, traffic)
        for n, item in enumerate(items):
            row = n // (rows * tokens) * rows + item.row
            got[item.token, row] = item.value.as_bits()
            came[item.token, row] += 1
        assert (came == 1).all()
        assert ctx.get(dut.error).value == 0

    simulate(dut, operate, describe, take, background=[memory(dut, words(beats), rng)],
             deadline=20_000)
    return got


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("pattern, rows, k, bits, group, zero_point, masked, traffic", [
    (Pattern.DENSE, 9, 70, 4, 32, False, False, STEADY),
    (Pattern.DENSE, 5, 40, 3, 16, True, False, BURSTY),
    (Pattern.DENSE, 6, 130, 8, 64, False, True, STEADY),
    (Pattern.S2_4, 5, 100, 4, 64, True, False, BURSTY),
    (Pattern.S2_4, 4, 150, 5, 32, False, True, STEADY),
    (Pattern.S2_16, 3, 80, 2, 64, False, False, STEADY),
], ids=str)
def test_results_are_those_of_plain_integers(pattern, rows, k, bits, group, zero_point, masked,
                                             traffic, tokens, rng):
    weights, mask, shape, beats = draw_tape(rng, TINY, pattern, rows, k, bits, group, zero_point,
                                            masked)
    x = rng.choice([-127, -126, 0, 127, 5], (tokens, k)).astype(np.int8)
    scales = draw_scales(rng, tokens)
    got = run(shape, beats, x, scales, rng, traffic)[:, :rows]
    want = expected_values(weights, mask, x, scales)
    np.testing.assert_array_equal(got, want.view(np.uint32))
