# SPDX-License-Identifier: Apache-2.0
"""The unit of `u280`, sixteen elements a cycle: some of each operation, as for narrower ones."""

import numpy as np
import pytest

from flightllm_hw.compiler.operations import Operations
from flightllm_hw.formats import functions
from flightllm_hw.golden import operations as golden
from flightllm_hw.isa.timing import schedule
from flightllm_hw.isa.vector import Function, Output, Reduce, Step, VectorPass, Wait
from flightllm_hw.presets import preset
from support.sfu import Unit, anything, draws, ordinary, same_bits

CONFIG = preset("u280").sfu
X, Y, TABLE, OUT = 0, 1024, 2048, 3072
SHAPES = [(1, 1), (17, 16), (64, 3), (1000, 1), (4096, 1), (4097, 2)]
"""n, segments."""

shapes = pytest.mark.parametrize("n, segments", SHAPES)


@pytest.fixture(scope="module")
def unit():
    return Unit(CONFIG)


@shapes
def test_norms(unit, n, segments, rng):
    ops = Operations(CONFIG, n, segments)
    w, b = ordinary(rng, (2, 1, n))
    unit.write(Y, w)
    unit.write(TABLE, b)
    for x in draws(rng, n, segments):
        unit.write(X, x)
        unit.run(ops.rms_norm(X, Y, OUT, eps=1e-5, scalar=0))
        same_bits(unit.read(OUT, n, segments), golden.rms_norm(x, w, 1e-5))
        unit.run(ops.layer_norm(X, Y, TABLE, OUT, eps=1e-5, mean=16, deviation=32))
        same_bits(unit.read(OUT, n, segments), golden.layer_norm(x, w, b, 1e-5))


@shapes
def test_a_residual_sum_is_measured_on_its_way(unit, n, segments, rng):
    ops = Operations(CONFIG, n, segments)
    x, y = ordinary(rng, (2, segments, n))
    w = ordinary(rng, (1, n))
    unit.write(X, x)
    unit.write(Y, y)
    unit.write(TABLE, w)
    normalized = ops.reduced(ops.normalize(OUT, TABLE, Y, scalar=0), Reduce.ABSMAX, scalar=16,
                             step=Step.OVER, k1=127.0)
    unit.run([*ops.residual(X, Y, OUT, eps=1e-5, scalar=0), *normalized])
    want = golden.rms_norm(golden.add(x, y), w, 1e-5)
    same_bits(unit.read(OUT, n, segments), golden.add(x, y))
    same_bits(unit.read(Y, n, segments), want)
    same_bits(unit.scalars(16, segments), golden.absmax_scale(want))


@shapes
def test_softmax_and_attention_codes(unit, n, segments, rng):
    ops = Operations(CONFIG, n, segments)
    limit = max(1, n - segments)
    counts = np.arange(n) < limit + np.arange(segments)[:, None]
    options = {"scale": 0.088, "limit": limit, "causal": True}
    for x in draws(rng, n, segments):
        unit.write(X, x)
        unit.run(ops.softmax(X, OUT, maximum=0, total=16, **options))
        same_bits(unit.read(OUT, n, segments), golden.softmax(x, 0.088, counts))

    x = 9 * ordinary(rng, (segments, n))
    x[~counts] = -np.inf  # so that the test's own maximum leaves them out
    scales = np.exp(rng.normal(-4, 1, (1, n))).astype(np.float32)
    greatest = (np.float32(0.088) * x).max(1)
    one = golden.absmax_scale(scales)
    unit.write(X, x)
    unit.write(Y, scales)
    unit.bench.write_scalars(40, one.view(np.uint32))
    unit.machine.scalars[40] = one.view(np.uint32)[0]
    unit.run(ops.maximum(X, scalar=0, **options))
    same_bits(unit.scalars(0, segments), greatest)
    given = unit.run(ops.attention_codes(X, Y, maximum=0, unit=40, total=64, **options))
    want, total = golden.attention_codes(x, scales, greatest, one[0], 0.088, counts)
    np.testing.assert_array_equal(given.codes.reshape(segments, -1)[:, :n], want)
    same_bits(unit.scalars(64, segments), total)


@shapes
def test_element_by_element(unit, n, segments, rng):
    ops = Operations(CONFIG, n, segments)
    for x in draws(rng, n, segments):
        y = anything(rng, (segments, n))
        unit.write(X, x)
        unit.write(Y, y)
        for passes, want in (
                (ops.add(X, Y, OUT), golden.add(x, y)),
                (ops.multiply(X, Y, OUT), golden.multiply(x, y)),
                (ops.activate(Function.SILU, X, OUT, gate=Y),
                 golden.multiply(functions.silu(x), y)),
                (ops.activate(Function.GELU, X, OUT), functions.gelu(x))):
            unit.run(passes)
            same_bits(unit.read(OUT, n, segments), want)


@shapes
def test_quantize_and_argmax(unit, n, segments, rng):
    ops = Operations(CONFIG, n, segments)
    for x in draws(rng, n, segments):
        if np.isnan(x).any():
            continue
        unit.write(X, x)
        given = unit.run(ops.quantize(X, scalar=0))
        np.testing.assert_array_equal(given.codes.reshape(segments, -1)[:, :n],
                                      golden.codes(x, golden.absmax_scale(x)))
        unit.run(ops.argmax(X, scalar=0))
        np.testing.assert_array_equal(unit.machine.scalars[:segments], golden.argmax(x))


@pytest.mark.parametrize("halves", [False, True])
def test_rope(unit, halves, rng):
    n, segments = 128, 32
    ops = Operations(CONFIG, n, segments)
    steps = functions.rotary_steps(1e4, n)
    unit.bench.make_table(TABLE, 2047, steps, halves)
    sin, cos = functions.sine_cosine(functions.rotary_phase(np.array([2047], np.uint32), steps))
    table = np.concatenate([cos, sin]) if halves else np.stack([cos, sin], 1).ravel()
    same_bits(unit.bench.read(TABLE, n // CONFIG.width).ravel(), table)
    unit.write(TABLE, table[None])
    for x in draws(rng, n, segments):
        unit.write(X, x)
        unit.run(ops.rope(X, TABLE, OUT, halves=halves))
        same_bits(unit.read(OUT, n, segments), golden.rope(x, cos, sin, halves))


@pytest.mark.parametrize("passes", [
    lambda ops: ops.rms_norm(X, Y, OUT, eps=1e-5, scalar=0),
    lambda ops: ops.softmax(X, X, maximum=0, total=16),
    lambda ops: ops.quantize(X, scalar=0),
    lambda ops: ops.rope(X, TABLE, OUT, halves=True),
    lambda ops: ops.reduced(ops.add(X, Y, OUT), Reduce.ABSMAX, scalar=0, step=Step.OVER, k1=127.0)],
    ids=["rms_norm", "softmax", "quantize", "rope", "add and absmax"])
@pytest.mark.parametrize("n, segments", [(32, 1), (64, 16), (4096, 1)])
def test_an_operation_takes_the_cycles_of_its_schedule(unit, n, segments, passes):
    listed = passes(Operations(CONFIG, n, segments))
    out = VectorPass(a=OUT, rows=1, limit=1, output=Output.OUT, wait=Wait.DRAIN)
    given = unit.bench.run([*listed, out])
    planned = schedule([*listed, out], CONFIG.scalars)
    alone = unit.bench.run([out])
    assert given.cycles["o"][-1] - planned.rows[-1][-1] == alone.cycles["o"][-1]
