# SPDX-License-Identifier: Apache-2.0
"""The operations' formulas in FP32 against the same in float64, on vectors as models have them."""

import numpy as np
import pytest

from flightllm_hw.formats import functions
from flightllm_hw.golden import operations as golden

EPS = 1e-5

# Tokens of LLaMA2-7B; a head's scores at several contexts; short ones.
LENGTHS = [64, 128, 4096, 11008]

# Bounds in 2^-24, which is half an ulp of a number just above a power of two: the greatest error of
# many seeds, and a little. A scalar's error is common to a segment, and exp multiplies that of its
# argument, t - max(t): by 2^6 where scores are spread over 2^7.
RMS, LAYER, L1 = 6, 5, 6
SOFTMAX = {1: 7, 30: 80}
SOFTMAX_SUM = 5
CODES = 300
TOTAL = 5
ROPE = 4
SWIGLU = 4


def hidden(rng, tokens, n):
    """Activations: a mean, a spread, and a few channels a hundred times as large as the others."""
    x = rng.normal(0.05, 0.6, (tokens, n))
    x[:, rng.integers(n, size=max(1, n // 1000))] *= 100
    return x.astype(np.float32)


def weights(rng, n):
    return rng.normal(0.5, 0.2, n).astype(np.float32)


def worst(name, error, bound):
    """Print the greatest error in 2^-24, and assert that it is within ``bound`` of these."""
    error = float(np.max(error)) * 2 ** 24
    print(f"{name}: {error:.2f} * 2^-24")
    assert error <= bound


def scaled(got, want):
    """Errors as parts of the greatest element of each segment."""
    return np.abs(got - want) / np.abs(want).max(axis=1, keepdims=True)


def relative(got, want):
    return np.abs(got - want) / np.abs(want)


@pytest.mark.parametrize("n", LENGTHS)
def test_rms_norm(n, rng):
    x, w = hidden(rng, 40, n), weights(rng, n)
    wide = x.astype(np.float64)
    want = wide / np.sqrt((wide ** 2).mean(1, keepdims=True) + EPS) * w
    worst(f"RMSNorm {n}", relative(golden.rms_norm(x, w, EPS), want), RMS)


def centred(x):
    wide = x.astype(np.float64)
    return wide - wide.mean(1, keepdims=True)


@pytest.mark.parametrize("n", LENGTHS)
def test_layer_norm(n, rng):
    x, w, b = hidden(rng, 40, n), weights(rng, n), weights(rng, n)
    c = centred(x)
    want = c * w / np.sqrt((c ** 2).mean(1, keepdims=True) + EPS) + b
    worst(f"LayerNorm {n}", scaled(golden.layer_norm(x, w, b, EPS), want), LAYER)


@pytest.mark.parametrize("n", LENGTHS)
def test_l1_norm(n, rng):
    x, w, b = hidden(rng, 40, n), weights(rng, n), weights(rng, n)
    c = centred(x)
    want = c * w / (np.abs(c).mean(1, keepdims=True) + EPS) + b
    worst(f"L1 norm {n}", scaled(golden.l1_norm(x, w, b, EPS), want), L1)


@pytest.mark.parametrize("n", [1, 17, 128, 2048, 4096])
@pytest.mark.parametrize("spread", [1, 30])
def test_softmax(n, spread, rng):
    """Errors of weights, in parts of the greatest; and what all weights sum to."""
    scale = np.float32(128 ** -0.5)
    x = rng.normal(0, spread / scale, (40, n)).astype(np.float32)
    wide = x.astype(np.float64) * scale
    power = np.exp(wide - wide.max(1, keepdims=True))
    want = power / power.sum(1, keepdims=True)
    got = golden.softmax(x, float(scale))
    worst(f"softmax {n}, spread {spread}", scaled(got, want), SOFTMAX[spread])
    worst("sum of weights", np.abs(got.astype(np.float64).sum(1) - 1), SOFTMAX_SUM)


def test_softmax_of_what_counts(rng):
    x = rng.normal(0, 3, (8, 100)).astype(np.float32)
    counts = np.arange(100) < rng.integers(1, 101, 8)[:, None]
    mask = np.where(rng.random((8, 100)) < 0.3, np.float32(-np.inf), np.float32(0))
    mask[:, 0] = 0
    power = np.where(counts, np.exp(x.astype(np.float64) + mask), 0)
    want = power / power.sum(1, keepdims=True)
    got = golden.softmax(x, 1.0, counts, mask)
    worst("masked softmax", scaled(got, want), SOFTMAX[1])
    assert not got[~counts].any() and not got[np.isneginf(mask)].any()
    # Nothing counts: zeros. Everything is masked: as float64 has it, no weight is a number.
    assert not golden.softmax(x, 1.0, np.zeros(x.shape, bool)).any()
    assert np.isnan(golden.softmax(x, 1.0, None, np.full(x.shape, np.float32(-np.inf)))).all()


@pytest.mark.parametrize("context", [16, 128, 2048])
def test_attention_codes(context, rng):
    """Codes are off by one at most; with c / sum they give the weights of V to half a code."""
    scale = np.float32(128 ** -0.5)
    x = rng.normal(0, 20, (32, context)).astype(np.float32)
    value_scales = np.exp(rng.normal(-4, 0.5, context)).astype(np.float32)
    unit = golden.absmax_scale(value_scales[None])[0]
    t = x.astype(np.float64) * scale
    greatest = (x * scale).max(1)
    power = np.exp(t - greatest[:, None])
    codes, total = golden.attention_codes(x, value_scales, greatest, unit, float(scale),
                                          np.ones(x.shape, bool))
    exact = power * value_scales / unit
    worst("codes", (np.abs(codes - exact) - 0.5).clip(0), CODES)
    worst("c / sum", relative(total, unit / power.sum(1)), TOTAL)
    assert codes.max() <= 127


@pytest.mark.parametrize("halves", [False, True])
def test_rope(halves, rng):
    """Against angles in float64, up to a million positions away; errors in parts of the pair."""
    n = 128
    x = rng.normal(0, 2, (64, n)).astype(np.float32)
    angles = 10000.0 ** (-np.arange(n // 2) / (n // 2))
    steps = functions.rotary_steps(10000.0, n)
    for position in (0, 1, 100, 2047, 32_767, (1 << 20) - 1):
        phase = functions.rotary_phase(np.array([position], np.uint32), steps)
        sin, cos = functions.sine_cosine(phase)
        got = golden.rope(x, cos, sin, halves).astype(np.float64)
        first, second = ((x[:, :n // 2], x[:, n // 2:]) if halves else (x[:, 0::2], x[:, 1::2]))
        turned = (first + 1j * second) * np.exp(1j * position * angles)
        got = got[:, :n // 2] + 1j * got[:, n // 2:] if halves else got[:, 0::2] + 1j * got[:, 1::2]
        worst(f"RoPE at {position}", relative(got, turned), ROPE)


def test_quantized_vectors_are_off_by_half_a_step(rng):
    x = hidden(rng, 40, 4096)
    scale = golden.absmax_scale(x)
    worst("absmax / 127", relative(scale, np.abs(x.astype(np.float64)).max(1) / 127), 1)
    codes = golden.codes(x, scale)
    steps = np.abs(codes - x.astype(np.float64) / scale[:, None])
    assert steps.max() <= 0.5 + 127 * 2.0 ** -24
    assert (np.abs(codes).max(1) == 127).all()
    assert not golden.codes(x, np.zeros(40, np.float32)).any()


def test_gated_silu(rng):
    gate, up = (rng.normal(0, 2, (16, 11008)).astype(np.float32) for _ in range(2))
    wide = gate.astype(np.float64)
    want = wide / (1 + np.exp(-wide)) * up
    worst("SwiGLU", relative(golden.multiply(functions.silu(gate), up), want), SWIGLU)


def test_the_greatest_and_the_positive(rng):
    x = hidden(rng, 20, 1000)
    x[3, 5] = x[3, 800] = 1e6
    np.testing.assert_array_equal(golden.argmax(x), x.argmax(1))
    assert golden.argmax(x)[3] == 5
    np.testing.assert_array_equal(golden.relu(x), np.maximum(x, 0))
    assert np.isnan(golden.relu(np.full((1, 1), np.nan, np.float32))).all()
