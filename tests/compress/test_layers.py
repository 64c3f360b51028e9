# SPDX-License-Identifier: Apache-2.0
"""Bits for runs of layers, against every choice there is."""

import itertools

import pytest

from flightllm_hw.compiler.compress import choose_bits, choose_bits_of_runs

BITS = (2, 3, 4, 8)
LAYERS = 4
WHOLE = {"k": ("k", "v"), "down": ("down",)}


def draw(rng, tensors=("k", "v", "down"), layers=LAYERS):
    """Losses that fall, and sizes."""
    names = [f"layers.{n}.{tensor}" for n in range(layers) for tensor in tensors] + ["head"]
    table = {name: dict(zip(BITS, sorted(rng.exponential(rng.uniform(0.1, 3), 4))[::-1],
                            strict=True)) for name in names}
    sizes = {tensor: int(rng.integers(1, 50)) for tensor in (*tensors, "head")}
    return table, {name: sizes[name.rsplit(".", 1)[-1]] for name in names}


def every(table, sizes, most):
    """Bits in all and loss of every choice of bits for the head and at most so many runs."""
    for layers in itertools.product(itertools.product(BITS, repeat=len(WHOLE)), repeat=LAYERS):
        if 1 + sum(a != b for a, b in itertools.pairwise(layers)) > most:
            continue
        chosen = {f"layers.{n}.{tensor}": bits for n, own in enumerate(layers)
                  for bits, tensors in zip(own, WHOLE.values(), strict=True) for tensor in tensors}
        for head in BITS:
            bits = chosen | {"head": head}
            yield spent(sizes, bits), total(table, bits)


def total(table, bits):
    return sum(table[name][own] for name, own in bits.items())


def spent(sizes, bits):
    return sum(sizes[name] * own for name, own in bits.items())


def runs_of(bits, layers=LAYERS):
    """Runs, if what is one matrix has the same bits."""
    for n in range(layers):
        for names in (("k", "v"), ("gate", "up")):
            assert len({bits[f"layers.{n}.{name}"] for name in names
                        if f"layers.{n}.{name}" in bits}) <= 1
    own = [{name.split(".", 2)[2]: b for name, b in bits.items() if name.startswith(f"layers.{n}.")}
           for n in range(layers)]
    return 1 + sum(a != b for a, b in itertools.pairwise(own))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_choice_of_as_many_bits_loses_less(most, rng):
    for _ in range(2):
        table, sizes = draw(rng)
        codes, choices = sum(sizes.values()), list(every(table, sizes, most))
        for price in rng.exponential(0.02, 6):
            # What is best at a price is the best of all that have as many bits.
            budget, least = min(choices, key=lambda choice: choice[1] + price * choice[0])
            bits = choose_bits_of_runs(table, sizes, (budget + 0.5) / codes, most)
            assert spent(sizes, bits) == budget and runs_of(bits) <= most
            assert total(table, bits) == pytest.approx(least, rel=1e-12)


def hull(choices, budget):
    """Loss at the last corner of the lower hull of bits and losses that fits."""
    at = min(choices)
    while True:
        more = [((at[1] - loss) / (own - at[0]), own, loss) for own, loss in choices
                if own > at[0] and loss < at[1]]
        if not more or max(more)[1] > budget:
            return at[1]
        at = max(more)[1:]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_any_average_is_kept_and_used(most, rng):
    best = []
    for _ in range(2):
        table, sizes = draw(rng)
        codes, choices = sum(sizes.values()), list(every(table, sizes, most))
        for average in rng.uniform(2, 8, 6):
            bits = choose_bits_of_runs(table, sizes, average, most)
            assert spent(sizes, bits) <= average * codes and runs_of(bits) <= most
            own = total(table, bits)
            least = min(loss for bits, loss in choices if bits <= average * codes)
            assert least * (1 - 1e-12) <= own <= hull(choices, average * codes) * (1 + 1e-12)
            best.append(own == pytest.approx(least))
    assert any(best)


def test_more_runs_never_lose_more(rng):
    for _ in range(5):
        table, sizes = draw(rng, ("q", "k", "v", "o", "gate", "up", "down"), 6)
        average = rng.uniform(2.2, 7)
        losses = []
        for most in range(1, 8):
            bits = choose_bits_of_runs(table, sizes, average, most)
            assert spent(sizes, bits) <= average * sum(sizes.values())
            assert runs_of(bits, 6) <= most
            losses.append(total(table, bits))
        assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_one_run_is_a_choice_by_kind(rng):
    table, sizes = draw(rng)
    kinds = {kind: {bits: sum(table[f"layers.{n}.{name}"][bits] for n in range(LAYERS)
                              for name in names) for bits in BITS}
             for kind, names in WHOLE.items()} | {"head": table["head"]}
    codes = {kind: LAYERS * sum(sizes[f"layers.0.{name}"] for name in names)
             for kind, names in WHOLE.items()} | {"head": sizes["head"]}
    for average in (2, 2.7, 3.5, 6, 8):
        want = choose_bits(kinds, codes, average)
        bits = choose_bits_of_runs(table, sizes, average, 1)
        assert all(bits[f"layers.{n}.{name}"] == want[kind] for n in range(LAYERS)
                   for kind, names in WHOLE.items() for name in names)
        assert bits["head"] == want["head"]


def test_bits_go_to_the_layers_that_need_them():
    keen, dull = {2: 9.0, 4: 1.0, 8: 0.9}, {2: 1.0, 4: 0.9, 8: 0.8}
    table = {f"layers.{n}.o": keen if n in (0, 5) else dull for n in range(6)} | {"head": dull}
    sizes = dict.fromkeys(table, 10)
    bits = choose_bits_of_runs(table, sizes, 2.6, 3)
    assert [bits[f"layers.{n}.o"] for n in range(6)] == [4, 2, 2, 2, 2, 4]
    # Two runs: either end, and no more.
    bits = choose_bits_of_runs(table, sizes, 2.6, 2)
    assert sorted(bits[f"layers.{n}.o"] for n in range(6)) == [2, 2, 2, 2, 2, 4]


@pytest.mark.parametrize("average, runs, message", [
    (1.9, 2, "Average bits must be at least 2, not 1.9"), (float("nan"), 2, "at least 2, not nan"),
    (4, 0, "Runs must be at least 1, not 0")])
def test_refusals(average, runs, message, rng):
    with pytest.raises(ValueError, match=message):
        choose_bits_of_runs(*draw(rng), average, runs)
