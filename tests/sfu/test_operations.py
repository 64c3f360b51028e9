# SPDX-License-Identifier: Apache-2.0
"""Operations on the compiled unit against their formulas, to the bit, and in exact cycles."""

import numpy as np
import pytest

from flightllm_hw.compiler.operations import Operations
from flightllm_hw.config import SfuConfig
from flightllm_hw.formats import functions
from flightllm_hw.golden import operations as golden
from flightllm_hw.isa.timing import schedule
from flightllm_hw.isa.vector import Function, Output, Reduce, Step, VectorPass, Wait
from support.sfu import Unit, anything, draws, ordinary, same_bits

X, Y, TABLE, OUT = 0, 8192, 10300, 12400
SHAPES = [(1, 1), (3, 1), (5, 2), (16, 1), (17, 3), (64, 16), (100, 16), (129, 5), (1000, 1),
          (4096, 1), (4097, 2)]
"""n, segments."""


@pytest.fixture(scope="module", params=[4])
def unit(request):
    """A unit and its golden machine."""
    return Unit(SfuConfig(width=request.param, rows=16384))


@pytest.mark.parametrize("n, segments", SHAPES)
def test_norms(unit, n, segments, rng):
    ops = Operations(unit.config, n, segments)
    w, b = ordinary(rng, (2, 1, n))
    unit.write(Y, w)
    unit.write(TABLE, b)
    for x in draws(rng, n, segments):
        unit.write(X, x)
        unit.run(ops.rms_norm(X, Y, OUT, eps=1e-5, scalar=0))
        same_bits(unit.read(OUT, n, segments), golden.rms_norm(x, w, 1e-5))
        unit.run(ops.layer_norm(X, Y, TABLE, OUT, eps=1e-5, mean=16, deviation=32))
        same_bits(unit.read(OUT, n, segments), golden.layer_norm(x, w, b, 1e-5))
        unit.run(ops.l1_norm(X, Y, TABLE, OUT, eps=1e-5, mean=16, deviation=32))
        same_bits(unit.read(OUT, n, segments), golden.l1_norm(x, w, b, 1e-5))


@pytest.mark.parametrize("n, segments", SHAPES)
@pytest.mark.parametrize("causal", [False, True])
def test_softmax(unit, n, segments, causal, rng):
    ops = Operations(unit.config, n, segments)
    causal = causal and n >= segments
    limit = int(rng.integers(0, n + 1 - causal * (segments - 1)))
    counts = np.arange(n) < limit + causal * np.arange(segments)[:, None]
    mask = np.where(rng.random((segments, n)) < 0.3, np.float32(-np.inf), np.float32(0))
    for x in draws(rng, n, segments):
        unit.write(X, x)
        unit.write(Y if 2 * n * segments < 8192 else OUT, mask)
        at = Y if 2 * n * segments < 8192 else OUT
        options = {"scale": 0.088, "limit": limit, "causal": causal}
        unit.run(ops.softmax(X, X, maximum=0, total=16, **options))
        same_bits(unit.read(X, n, segments), golden.softmax(x, 0.088, counts))
        unit.write(X, x)
        unit.run(ops.softmax(X, X, maximum=0, total=16, mask=at, **options))
        same_bits(unit.read(X, n, segments), golden.softmax(x, 0.088, counts, mask))


@pytest.mark.parametrize("n, segments", SHAPES)
def test_attention_codes(unit, n, segments, rng):
    ops = Operations(unit.config, n, segments)
    x = 9 * ordinary(rng, (segments, n))
    scales = np.exp(rng.normal(-4, 1, (1, n))).astype(np.float32)
    counts = np.arange(n) < n - segments + 1 + np.arange(segments)[:, None]
    greatest = (np.float32(0.125) * x).max(1)
    unit_scale = golden.absmax_scale(scales)
    unit.write(X, x)
    unit.write(Y, scales)
    for at, values in ((0, greatest), (40, unit_scale)):
        unit.bench.write_scalars(at, values.view(np.uint32))
        unit.machine.scalars[at:at + len(values)] = values.view(np.uint32)
    given = unit.run(ops.attention_codes(X, Y, maximum=0, unit=40, total=64, scale=0.125,
                                         limit=max(0, n - segments + 1), causal=True))
    want, total = golden.attention_codes(x, scales, greatest, unit_scale[0], 0.125, counts)
    np.testing.assert_array_equal(given.codes.reshape(segments, -1)[:, :n], want)
    same_bits(unit.scalars(64, segments), total)


@pytest.mark.parametrize("n, segments", SHAPES)
def test_element_by_element(unit, n, segments, rng):
    ops = Operations(unit.config, n, segments)
    far = OUT if n * segments > 2000 else Y
    for x in draws(rng, n, segments):
        y = anything(rng, (segments, n))
        unit.write(X, x)
        unit.write(far, y)
        for passes, want in (
                (ops.add(X, far, far), golden.add(x, y)),
                (ops.multiply(X, far, far), golden.multiply(x, golden.add(x, y))),
                (ops.scale(X, far, -0.3), golden.multiply(x, np.float32(-0.3))),
                (ops.activate(Function.SILU, X, far, gate=far), golden.multiply(
                    functions.silu(x), golden.multiply(x, np.float32(-0.3)))),
                (ops.activate(Function.GELU, X, far), functions.gelu(x)),
                (ops.activate(Function.SIGMOID, X, far), functions.sigmoid(x)),
                (ops.activate(Function.RELU, X, far), golden.relu(x)),
                (ops.activate(Function.EXP, X, far), functions.exp(x))):
            unit.run(passes)
            same_bits(unit.read(far, n, segments), want)


@pytest.mark.parametrize("n, segments", SHAPES)
def test_quantize_and_argmax(unit, n, segments, rng):
    ops = Operations(unit.config, n, segments)
    for x in draws(rng, n, segments):
        if np.isnan(x).any():
            continue
        unit.write(X, x)
        given = unit.run(ops.quantize(X, scalar=0))
        same_bits(unit.scalars(0, segments), golden.absmax_scale(x))
        np.testing.assert_array_equal(given.codes.reshape(segments, -1)[:, :n],
                                      golden.codes(x, golden.absmax_scale(x)))
        unit.run(ops.argmax(X, scalar=0))
        np.testing.assert_array_equal(unit.machine.scalars[:segments], golden.argmax(x))


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("n, segments", [(16, 1), (64, 7), (128, 32)])
def test_rope(unit, n, segments, halves, rng):
    ops = Operations(unit.config, n, segments)
    for position in (0, 1, 77, 2047, 32768):
        steps = functions.rotary_steps(float(rng.choice([1e4, 5e5])), n)
        unit.bench.make_table(TABLE, position, steps, halves)
        phase = functions.rotary_phase(np.array([position], np.uint32), steps)
        sin, cos = functions.sine_cosine(phase)
        table = np.concatenate([cos, sin]) if halves else np.stack([cos, sin], 1).ravel()
        rows = -(-n // unit.config.width)
        same_bits(unit.bench.read(TABLE, rows).ravel()[:n], table)
        unit.write(TABLE, table[None])
        for x in draws(rng, n, segments):
            unit.write(X, x)
            unit.run(ops.rope(X, TABLE, OUT, halves=halves))
            same_bits(unit.read(OUT, n, segments), golden.rope(x, cos, sin, halves))


def test_an_operation_can_reduce_what_it_gives(unit, rng):
    n, segments = 100, 4
    ops = Operations(unit.config, n, segments)
    x, y = ordinary(rng, (2, segments, n))
    unit.write(X, x)
    unit.write(Y, y)
    added = ops.reduced(ops.add(X, Y, OUT), Reduce.ABSMAX, scalar=0, step=Step.OVER, k1=127.0)
    unit.run(added)
    same_bits(unit.read(OUT, n, segments), golden.add(x, y))
    same_bits(unit.scalars(0, segments), golden.absmax_scale(golden.add(x, y)))


@pytest.mark.parametrize("passes", [
    lambda ops: ops.rms_norm(X, Y, OUT, eps=1e-5, scalar=0),
    lambda ops: ops.layer_norm(X, Y, TABLE, OUT, eps=1e-5, mean=16, deviation=32),
    lambda ops: ops.softmax(X, X, maximum=0, total=16),
    lambda ops: ops.quantize(X, scalar=0),
    lambda ops: ops.rope(X, TABLE, OUT, halves=True),
    lambda ops: ops.add(X, Y, OUT) + ops.scale(OUT, OUT, 2.0) + ops.add(X, OUT, OUT)])
@pytest.mark.parametrize("n, segments", [(16, 1), (64, 1), (64, 16), (1024, 1), (4096, 1)])
def test_an_operation_takes_the_cycles_of_its_schedule(unit, n, segments, passes):
    listed = passes(Operations(unit.config, n, segments))
    out = VectorPass(a=OUT, rows=1, limit=1, output=Output.OUT, wait=Wait.DRAIN)
    given = unit.bench.run([*listed, out])
    planned = schedule([*listed, out], unit.config.scalars)
    # The row goes at the schedule's cycle; the first pass was accepted at cycle 0 of the run.
    first = unit.bench.run([out])
    taken = int(given.cycles["o"][-1]) - planned.rows[-1][-1]
    assert taken == first.cycles["o"][-1]
