# SPDX-License-Identifier: Apache-2.0
"""Recipes: which setting a matrix has, and the text that a recipe is written as."""

import json

import pytest

from flightllm_hw.compiler.compress import LocalGlobal, Recipe, Setting
from flightllm_hw.formats import CODE_BITS, GROUP_SIZES, Pattern

PLAIN, SMALL, SPARSE = Setting(), Setting(bits=3), Setting(pattern=Pattern.S2_4)


def test_the_longest_key_that_fits_counts():
    recipe = Recipe(default=PLAIN, overrides={"down": SMALL, "3.down": SPARSE,
                                              "layers.13.down": PLAIN})
    assert recipe.of("layers.2.down") == SMALL
    assert recipe.of("layers.3.down") == SPARSE
    assert recipe.of("layers.13.down") == PLAIN
    assert recipe.of("layers.33.down") == SMALL  # "3.down" is no end after a dot
    assert recipe.of("layers.2.updown") == recipe.of("head") == PLAIN
    assert recipe.of("down") == SMALL


def test_heads_stay_dense_unless_somebody_says_so():
    assert Recipe.uniform(SPARSE).of("head") == PLAIN
    assert Recipe.uniform(SPARSE).of("layers.0.q") == SPARSE
    assert Recipe.uniform(SMALL) == Recipe(default=SMALL)


def test_bits_of_single_matrices_leave_the_rest_as_it_is():
    recipe = Recipe(default=SPARSE, overrides={"o": SMALL})
    mixed = recipe.with_bits({"layers.0.q": 5, "layers.0.o": 2})
    assert mixed.of("layers.0.q") == Setting(bits=5, pattern=Pattern.S2_4)
    assert mixed.of("layers.0.o") == Setting(bits=2)
    assert mixed.of("layers.1.o") == SMALL and mixed.of("layers.1.q") == SPARSE


def test_json_gives_the_recipe_back(rng):
    for _ in range(50):
        def draw():
            return Setting(bits=int(rng.choice(CODE_BITS)), group=int(rng.choice(GROUP_SIZES)),
                           zero_point=bool(rng.integers(2)),
                           pattern=list(Pattern)[rng.integers(len(Pattern))])
        keys = rng.choice(["q", "head", "layers.0.down", "1.up", "odd \"key\"\n"], 3, replace=False)
        recipe = Recipe(default=draw(), overrides={str(key): draw() for key in keys})
        again = Recipe.from_json(recipe.to_json())
        assert again == recipe and hash(again) == hash(recipe)


def test_attention_is_part_of_a_recipe():
    recipe = Recipe(default=SMALL, attention=LocalGlobal(near=2, first=1))
    assert Recipe.from_json(recipe.to_json()) == recipe != Recipe(default=SMALL)
    assert recipe.with_bits({"layers.0.q": 5}).attention == recipe.attention
    assert "attention" not in json.loads(Recipe().to_json())


def test_recipes_can_be_written_by_hand():
    assert Recipe.from_json("{}") == Recipe()
    assert Recipe.from_json('{"attention": {"near": 3}}').attention == LocalGlobal(near=3, first=0)
    recipe = Recipe.from_json('{"default": {"bits": 4}, "overrides": {"q": {"pattern": "2:4"}}}')
    assert recipe.of("layers.0.q") == Setting(bits=4, pattern=Pattern.S2_4)
    assert str(recipe.of("layers.0.q")) == "W4 G32 2:4"


@pytest.mark.parametrize("text, message", [
    ("", "A recipe must be JSON"), ("[" * 100_000, "A recipe must be JSON"),
    ("[]", "A recipe must be an object with default, overrides"),
    ('{"defaults": {}}', "must be an object with default, overrides"),
    ('{"overrides": 3}', "overrides must be an object, not 3"),
    ('{"default": null}', "The setting of the default must be an object"),
    ('{"default": {"bit": 3}}', "must be an object with bits, group, zero_point, pattern"),
    ('{"default": {"bits": 7}}', "the default is wrong: Bits must be one of 2, 3, 4, 5, 6, 8"),
    ('{"default": {"bits": true}}', "not True"), ('{"default": {"bits": 8.0}}', "not 8.0"),
    ('{"default": {"bits": [4]}}', "not \\[4\\]"),
    ('{"default": {"group": 48}}', "Group must be one of 16, 32, 64, 128, not 48"),
    ('{"default": {"zero_point": 1}}', "Zero point must be true or false, not 1"),
    ('{"overrides": {"q": {"pattern": "3:4"}}}', "The setting of q is wrong: Sparsity must be"),
    ('{"overrides": {"q": {"pattern": ["2:4"]}}}', "Sparsity must be one of"),
    ('{"attention": [2, 1]}', "A recipe's attention must be an object with near, first"),
    ('{"attention": {"near": 0}}', "At least 1 near and 0 first blocks must be kept, not 0 and 0"),
    ('{"overrides": {"": {}}}', "key must be a matrix's name or its end"),
])
def test_what_is_no_recipe_is_refused_in_a_sentence(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        Recipe.from_json(text)
    assert "\n" not in str(caught.value)


def test_keys_must_fit_something():
    names = ["layers.0.q", "head"]
    Recipe(overrides={"q": SMALL, "head": SMALL}).require_fit(iter(names))
    with pytest.raises(ValueError, match="must fit a matrix of the model, not 'w1'"):
        Recipe(overrides={"q": SMALL, "w1": SMALL}).require_fit(iter(names))


def test_recipes_do_not_change():
    overrides = {"q": SMALL}
    recipe = Recipe(overrides=overrides)
    overrides["q"] = SPARSE
    assert recipe.of("q") == SMALL
    with pytest.raises(TypeError):
        recipe.overrides["q"] = SPARSE
    assert json.loads(recipe.to_json())["overrides"] == {"q": {"bits": 3}}
