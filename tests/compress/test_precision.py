# SPDX-License-Identifier: Apache-2.0
"""Mixed precision: the best bits for an average, against every choice there is."""

import itertools

import numpy as np
import pytest

from flightllm_hw.compiler.compress import (
    Recipe,
    Setting,
    choose_bits,
    compress,
    mix_precision,
    sensitivity,
)

BITS = (2, 3, 4, 5, 6, 8)


def draw(rng, count=4):
    """Losses that fall, each bit gaining less or not, and sizes."""
    names = [f"m{n}" for n in range(count)]
    table = {name: dict(zip(BITS, np.sort(rng.exponential(1, 6))[::-1].tolist(), strict=True))
             for name in names}
    return table, {name: int(rng.integers(1, 50)) for name in names}


def total(table, bits):
    return sum(table[name][own] for name, own in bits.items())


def spent(sizes, bits):
    return sum(sizes[name] * own for name, own in bits.items())


def test_no_choice_of_as_many_bits_loses_less(rng):
    found = 0
    for _ in range(30):
        table, sizes = draw(rng)
        average = rng.uniform(2, 8)
        chosen = choose_bits(table, sizes, average)
        used, budget = spent(sizes, chosen), average * sum(sizes.values())
        assert used <= budget
        every = [dict(zip(table, bits, strict=True))
                 for bits in itertools.product(BITS, repeat=len(table))]
        best = min(total(table, bits) for bits in every if spent(sizes, bits) <= budget)
        own = total(table, chosen)
        # Hull steps gain at most what the greatest of them does.
        most = max(max(losses.values()) - min(losses.values()) for losses in table.values())
        assert best <= own < best + most
        found += own == best
    assert found > 10


def test_where_every_step_fits_the_choice_is_the_best(rng):
    for _ in range(20):
        table, sizes = draw(rng)
        chosen = choose_bits(table, sizes, 8)
        assert total(table, chosen) == sum(min(losses.values()) for losses in table.values())
        # Of one size and convex: a step is a bit, and all fit at whole averages.
        gains = np.sort(rng.exponential(1, (3, 4)), axis=1)[:, ::-1]
        table = {f"m{n}": dict(enumerate(10 - np.cumsum([0, *own]), 2))
                 for n, own in enumerate(gains)}
        sizes = dict.fromkeys(table, 7)
        best = min(total(table, dict(zip(table, bits, strict=True)))
                   for bits in itertools.product(range(2, 7), repeat=3) if sum(bits) <= 12)
        assert total(table, choose_bits(table, sizes, 4)) == pytest.approx(best, abs=1e-12)


def test_more_bits_never_lose_more(rng):
    table, sizes = draw(rng, 12)
    losses = [total(table, choose_bits(table, sizes, average))
              for average in np.linspace(2, 8, 61)]
    # A step that fits in no more can keep smaller ones out, but not by much.
    assert losses[0] == max(losses) and losses[-1] == min(losses)
    assert all(b <= a * 1.02 for a, b in itertools.pairwise(losses))


def test_bits_go_where_they_gain():
    table = {"dull": dict.fromkeys(BITS, 1.0), "keen": {2: 9.0, 3: 5.0, 4: 4.0, 5: 3.9, 6: 1, 8: 1}}
    assert choose_bits(table, {"dull": 10, "keen": 10}, 4) == {"dull": 2, "keen": 6}
    # 4 and 5 lie above the line from 3 to 6.
    assert choose_bits(table, {"dull": 10, "keen": 10}, 3.5) == {"dull": 2, "keen": 3}
    assert choose_bits(table, {"dull": 10, "keen": 10}, 8) == {"dull": 2, "keen": 6}


@pytest.mark.parametrize("average", [1.9, 0, -1, float("nan")])
def test_too_few_bits_are_refused(rng, average):
    table, sizes = draw(rng)
    with pytest.raises(ValueError, match="Average bits must be at least 2, not"):
        choose_bits(table, sizes, average)


def test_nothing_to_choose_is_refused():
    with pytest.raises(ValueError, match="at least one matrix"):
        choose_bits({}, {}, 4)


def test_sensitivity_is_the_share_of_the_outputs_that_is_lost(rng):
    w = rng.standard_normal((8, 64)).astype(np.float32)
    x = rng.standard_normal((200, 64))
    gram = x.T @ x / 200
    setting = Setting(zero_point=True)
    table = sensitivity("w", w, setting, gram)
    assert list(table) == list(BITS) and list(table.values()) == sorted(table.values())[::-1]
    back = compress("w", w, Setting(bits=4, zero_point=True), gram).dequantize()
    wrong = (((w - back) @ x.T) ** 2).sum() / ((w.astype(float) @ x.T) ** 2).sum()
    assert table[4] == pytest.approx(w.size * wrong, rel=1e-6)
    assert set(sensitivity("w", w * 0, setting, gram).values()) == {0.0}
    seen = sensitivity("w", w, setting, None, (3, 8), lambda name, got: (name, got.shape))
    assert seen == {3: ("w", (8, 64)), 8: ("w", (8, 64))}


def test_recipes_take_what_was_chosen(rng):
    table, sizes = draw(rng)
    recipe = mix_precision(Recipe(default=Setting(group=64)), table, sizes, 3.5)
    chosen = choose_bits(table, sizes, 3.5)
    assert all(recipe.of(name) == Setting(bits=chosen[name], group=64) for name in table)
