# SPDX-License-Identifier: Apache-2.0
"""Compressed matrices: patterns, codes, errors; with calibration and without."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from flightllm_hw.compiler.compress import Compressed, Setting, compress
from flightllm_hw.compiler.compress.gram import output_error, relative_error
from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import Pattern, dequantize_exact, prune_mask, quantize_weights
from flightllm_hw.presets import preset

SPARSE = [pattern for pattern in Pattern if pattern is not Pattern.DENSE]


def draw(rng, rows=24, columns=192, inputs=400):
    """Weights, and the Gram matrix of inputs that know of one another."""
    w = (rng.standard_t(4, (rows, columns)) / 16).astype(np.float32)
    mix = rng.standard_normal((columns, columns)) * rng.uniform(0, 1, columns) ** 2
    x = rng.standard_normal((inputs, columns)) @ mix
    return w, x.T @ x / inputs


def kept(mask, pattern):
    """Codes kept in each block, padded."""
    padded = np.pad(mask, ((0, 0), (0, -mask.shape[1] % pattern.m)))
    return padded.reshape(len(mask), -1, pattern.m).sum(-1)


def loss(w, got, gram):
    return output_error(w - got.dequantize(), gram)


@pytest.mark.parametrize("pattern", list(Pattern), ids=str)
@pytest.mark.parametrize("columns", [192, 75, 3])
@pytest.mark.parametrize("known", [True, False], ids=["calibrated", "magnitude"])
def test_at_most_n_of_each_m_are_kept(rng, pattern, columns, known):
    w, gram = draw(rng, columns=columns)
    got = compress("w", w, Setting(pattern=pattern, bits=4, zero_point=True),
                   gram if known else None)
    assert got.pattern is pattern and got.mask.shape == w.shape
    counts = kept(got.mask, pattern)
    whole = columns // pattern.m
    assert (counts[:, :whole] == pattern.n).all() and (counts <= pattern.n).all()
    assert not got.weights.centered()[~got.mask].any()
    assert not got.dequantize()[~got.mask].any()
    assert got.kept == got.mask.mean()


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("zero_point", [False, True])
@pytest.mark.parametrize("group", [16, 128])
def test_calibration_makes_errors_smaller(rng, bits, zero_point, group):
    w, gram = draw(rng)
    setting = Setting(bits=bits, group=group, zero_point=zero_point)
    plain, good = compress("w", w, setting), compress("w", w, setting, gram)
    assert good.weights.bits == bits and good.weights.group == group
    assert good.weights.signed is not zero_point
    assert loss(w, good, gram) < loss(w, plain, gram)


@pytest.mark.parametrize("pattern", SPARSE, ids=str)
def test_calibration_prunes_better_than_magnitude(rng, pattern):
    w, gram = draw(rng)
    setting = Setting(pattern=pattern)
    plain, good = compress("w", w, setting), compress("w", w, setting, gram)
    assert loss(w, good, gram) < 0.8 * loss(w, plain, gram)


def test_independent_inputs_leave_nearest_codes_and_greatest_magnitudes(rng):
    w, _ = draw(rng)
    for setting in (Setting(), Setting(pattern=Pattern.S2_4)):
        got = compress("w", w, setting, np.eye(w.shape[1]))
        plain = compress("w", w, setting)
        assert_array_equal(got.mask, plain.mask)
        # Scales have one bit less, so that not every code is the same.
        step = got.weights.spread(
            plain.weights.row_scale[:, None] * plain.weights.group_scale.astype(np.float64))
        assert (np.abs(got.dequantize() - np.where(got.mask, w, 0)) <= 0.51 * step).all()


def test_errors_go_where_the_formula_says(rng):
    """Against the greedy choice of SparseGPT in its plain form: remove, then solve for the rest."""
    w, gram = draw(rng, rows=3, columns=12)
    damped = gram + 0.01 * gram.diagonal().mean() * np.eye(12)
    setting = Setting(group=16, pattern=Pattern.S1_4)
    got = compress("w", w, setting, gram)
    scale = got.weights.row_scale.astype(float) * got.weights.group_scale[:, 0]
    for row, step, codes, mask in zip(w.astype(float), scale, got.weights.codes, got.mask,
                                      strict=True):
        rest = row.copy()
        for k in range(12):
            inverse = np.linalg.inv(damped[k:, k:])
            if k % 4 == 0:
                cost = [rest[j] ** 2 / np.linalg.inv(damped[j:, j:])[0, 0] for j in range(k, k + 4)]
                assert_array_equal(np.flatnonzero(mask[k:k + 4]), [np.argmax(cost)])
            code = np.clip(np.rint(rest[k] / step), -128, 127) if mask[k] else 0
            assert codes[k] == code
            error = (rest[k] - step * code) / inverse[0, 0]
            rest[k:] -= error * inverse[0]
            assert_allclose(rest[k], step * code, atol=1e-9)


def test_more_bits_lose_less(rng):
    w, gram = draw(rng)
    for known, zero in itertools.product((gram, None), (False, True)):
        losses = [loss(w, compress("w", w, Setting(bits=bits, zero_point=zero), known), known)
                  for bits in (2, 3, 4, 5, 6, 8)]
        assert losses == sorted(losses, reverse=True)
        assert (losses[-1] / output_error(w, known)) ** 0.5 < 0.01


def test_zero_points_help_weights_of_one_sign(rng):
    w, gram = draw(rng)
    w = np.abs(w) + np.float32(0.1)
    for known in (gram, None):
        one, other = (compress("w", w, Setting(bits=4, zero_point=zero), known)
                      for zero in (True, False))
        assert loss(w, one, known) < 0.5 * loss(w, other, known)


@pytest.mark.parametrize("pattern", SPARSE, ids=str)
@pytest.mark.parametrize("known", [True, False], ids=["calibrated", "magnitude"])
def test_weights_that_came_sparse_are_kept(rng, pattern, known):
    w, gram = draw(rng)
    w[~prune_mask(np.abs(rng.standard_normal(w.shape)), pattern)] = 0
    w[3] = 0
    got = compress("w", w, Setting(bits=3, pattern=pattern), gram if known else None)
    assert got.mask[w != 0].all()
    assert not got.dequantize()[3].any()


def test_matrices_without_calibration_are_the_nearest(rng):
    w, _ = draw(rng)
    got = compress("w", w, Setting(bits=4, zero_point=True))
    assert_array_equal(got.weights.codes, quantize_weights(w, 4, 32, True).codes)
    assert got.mask.all()


@pytest.mark.parametrize("known", [True, False], ids=["calibrated", "magnitude"])
@pytest.mark.parametrize("setting", [
    Setting(), Setting(bits=2), Setting(bits=3, zero_point=True, pattern=Pattern.S2_4),
    Setting(zero_point=True, pattern=Pattern.S8_16)], ids=str)
@pytest.mark.parametrize("kind", ["zero", "constant", "zero rows", "tiny", "huge", "one column",
                                  "outlier", "half"])
def test_odd_weights_survive(rng, setting, kind, known):
    w, gram = draw(rng, rows=6, columns=80)
    if kind == "zero":
        w[:] = 0
    elif kind == "constant":
        w[:] = 0.75
    elif kind == "zero rows":
        w[::2] = 0
    elif kind == "tiny":
        w[::2] = 1e-42
    elif kind == "huge":
        w *= np.float32(1e37)
    elif kind == "one column":
        w, gram = w[:, :1].copy(), gram[:1, :1]
    elif kind == "outlier":
        w[:, 17] = 1e4
    else:
        w = w.astype(np.float16)
    got = compress("w", w, setting, gram if known else None)
    back = dequantize_exact(got.weights)
    assert np.isfinite(back).all()
    if kind in ("zero", "zero rows"):
        assert not back[::2].any()
    if setting.bits == 8 and setting.pattern is Pattern.DENSE and kind != "tiny":
        assert relative_error(w, got.dequantize(), None) < (0.6 if known else 0.02)


@pytest.mark.parametrize("kind", ["zero", "rank one", "dead inputs", "one input", "tiny", "huge",
                                  "few texts"])
def test_inputs_that_tell_little_are_enough(rng, kind):
    w, gram = draw(rng, columns=64)
    if kind == "zero":
        gram[:] = 0
    elif kind == "rank one":
        x = rng.standard_normal(64)
        gram = np.outer(x, x)
    elif kind == "dead inputs":
        gram[::3] = gram[:, ::3] = 0
    elif kind == "one input":
        gram[:] = 0
        gram[5, 5] = 1e6
    elif kind == "tiny":
        gram *= 1e-30
    elif kind == "huge":
        gram *= 1e30
    else:
        x = rng.standard_normal((3, 64))
        gram = x.T @ x / 3
    for pattern in (Pattern.DENSE, Pattern.S2_4):
        setting = Setting(bits=4, pattern=pattern)
        plain, good = compress("w", w, setting), compress("w", w, setting, gram)
        assert loss(w, good, gram) <= 1.001 * loss(w, plain, gram)
        # What no text has shown is not thrown away: all is near what it was.
        assert relative_error(w, good.dequantize(), None) < 1
    if kind == "zero":
        assert_array_equal(good.mask, plain.mask)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("known", [True, False])
def test_weights_must_be_finite(rng, bad, known):
    w, gram = draw(rng, columns=32)
    w[2, 7] = bad
    with pytest.raises(ValueError, match=r"layers.1.q cannot be compressed: Weights must be finite,"
                                         r" but the element at \[2, 7\]"):
        compress("layers.1.q", w, Setting(pattern=Pattern.S2_4), gram if known else None)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,), (2, 2, 2)])
def test_weights_must_be_a_matrix(shape):
    for gram in (None, np.eye(4)):
        with pytest.raises(ValueError, match="w cannot be compressed: Weights must"):
            compress("w", np.zeros(shape, np.float32), Setting(), gram)


@pytest.mark.parametrize("change, message", [
    (lambda g: g[:-1], "must have the shape"), (lambda g: g * np.nan, "must be finite"),
    (lambda g: -g, "no negative diagonal"), (lambda g: g + np.triu(g, 1), "must be symmetric"),
    (lambda g: np.eye(32) - 5 * np.ones((32, 32)) + 5 * np.eye(32), "no negative eigenvalue"),
])
def test_gram_matrices_must_be_possible(rng, change, message):
    w, gram = draw(rng, columns=32)
    with pytest.raises(ValueError, match=message):
        compress("w", w, Setting(), change(gram))


def test_weights_too_great_for_scales_are_refused():
    w = np.full((2, 32), 1e300)
    for gram in (None, np.eye(32)):
        with pytest.raises(ValueError, match="w cannot be compressed: Scales must be at most"):
            compress("w", w, Setting(), gram)


def test_the_same_inputs_give_the_same_bits(rng):
    w, gram = draw(rng)
    before = w.copy(), gram.copy()
    setting = Setting(bits=3, zero_point=True, pattern=Pattern.S4_8)
    one, other = (compress("w", w, setting, gram) for _ in range(2))
    assert_array_equal(one.weights.codes, other.weights.codes)
    assert_array_equal(one.weights.group_scale, other.weights.group_scale)
    assert_array_equal(one.mask, other.mask)
    assert_array_equal(w, before[0])
    assert_array_equal(gram, before[1])


def test_wide_matrices_are_done_in_chunks_without_a_seam(rng):
    """More columns than a chunk has: the columns' order alone decides, whatever a chunk is."""
    w, gram = draw(rng, rows=4, columns=300, inputs=900)
    import flightllm_hw.compiler.compress.sparsegpt as module
    setting = Setting(bits=4, group=16, zero_point=True, pattern=Pattern.S2_4)
    got = compress("w", w, setting, gram)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 1024)
        whole = compress("w", w, setting, gram)
    assert (got.mask == whole.mask).mean() > 0.999
    assert (got.weights.codes == whole.weights.codes).mean() > 0.999


@pytest.mark.parametrize("setting", [Setting(bits=4, group=128, zero_point=True),
                                     Setting(bits=4, group=64, pattern=Pattern.S2_4)], ids=str)
def test_tapes_take_what_comes_out(rng, setting):
    w, gram = draw(rng, rows=40)
    got = compress("w", w, setting, gram)
    shape, beats = encode(got.weights, got.mask, got.pattern, preset("tiny").lane)
    assert shape.bits == 4 and len(beats)


def test_compressed_matrices_are_consistent(rng):
    w, _ = draw(rng)
    good = compress("w", w, Setting(pattern=Pattern.S2_4))
    with pytest.raises(ValueError, match="Mask must be bool of the shape"):
        Compressed(weights=good.weights, mask=good.mask[:-1], pattern=good.pattern)
    with pytest.raises(ValueError, match="keep at most 1 of each 4 neighbours, not 2"):
        Compressed(weights=good.weights, mask=good.mask, pattern=Pattern.S1_4)
    with pytest.raises(ValueError, match="that the mask drops must be zero"):
        Compressed(weights=good.weights, mask=~good.mask, pattern=good.pattern)
    with pytest.raises(ValueError, match="read-only"):
        good.mask[0, 0] = True
