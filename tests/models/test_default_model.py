# SPDX-License-Identifier: Apache-2.0
"""The default model and its 2:4 sister: complete, small, of the promised pattern, and trained."""

import csv
import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer

import flightllm_hw

PACKAGE = Path(flightllm_hw.__file__).parent
MODELS = PACKAGE / "models"
NAMES = ["default", "default_2_4"]
FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
MEGABYTE = 10 ** 6

STORY = """Once upon a time, there was a little girl named Lily. She loved to play outside in the \
park. One day, she saw a big, red ball. She wanted to play with it, but it was too high. Her mom \
said, "Lily, let's go to the park." Lily was very happy and ran to the park with her mom."""


@pytest.fixture(scope="module", params=NAMES)
def folder(request):
    return MODELS / request.param


@pytest.fixture(scope="module")
def config(folder):
    return json.loads((folder / "config.json").read_text())


@pytest.fixture(scope="module")
def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def tokenizer(folder):
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def linear(weights):
    """The layers that the sister prunes."""
    return {name: w for name, w in weights.items() if name.endswith("_proj.weight")}


def loss(weights, tokens):
    """Nats a token; the arithmetic is that of the training script."""
    path = PACKAGE.parent / "docs/examples/default_model.py"
    spec = importlib.util.spec_from_file_location("default_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Llama({name: w.float() for name, w in weights.items()})
    tokens = torch.tensor([tokens])
    with torch.no_grad():
        return model.losses(tokens[:, :-1], tokens[:, 1:]).item() / (tokens.numel() - 1)


def test_everything_takes_at_most_four_megabytes(folder):
    assert {path.name for path in folder.iterdir()} == FILES
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= 4 * MEGABYTE


def test_tensors_are_those_that_the_configuration_names(folder, config, weights):
    assert config["architectures"] == ["LlamaForCausalLM"] and config["tie_word_embeddings"]
    dim, hidden = config["hidden_size"], config["intermediate_size"]
    head = config["head_dim"]
    keys = config["num_key_value_heads"] * head
    assert dim == config["num_attention_heads"] * head
    expected = {"model.embed_tokens.weight": (config["vocab_size"], dim),
                "model.norm.weight": (dim,)}
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}"
        expected |= {
            f"{layer}.input_layernorm.weight": (dim,),
            f"{layer}.post_attention_layernorm.weight": (dim,),
            f"{layer}.self_attn.q_proj.weight": (dim, dim),
            f"{layer}.self_attn.k_proj.weight": (keys, dim),
            f"{layer}.self_attn.v_proj.weight": (keys, dim),
            f"{layer}.self_attn.o_proj.weight": (dim, dim),
            f"{layer}.mlp.gate_proj.weight": (hidden, dim),
            f"{layer}.mlp.up_proj.weight": (hidden, dim),
            f"{layer}.mlp.down_proj.weight": (dim, hidden),
        }
    assert {name: tuple(w.shape) for name, w in weights.items()} == expected
    assert all(w.dtype == torch.float16 and w.isfinite().all() for w in weights.values())
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_shape_fits_tiles_and_shares_keys_among_queries(config):
    for name in "hidden_size", "intermediate_size", "vocab_size", "max_position_embeddings":
        assert config[name] % 64 == 0
    assert config["num_attention_heads"] > config["num_key_value_heads"] > 1


def test_the_sister_keeps_two_of_each_four_inputs():
    sparse = linear(load_file(MODELS / "default_2_4/model.safetensors"))
    for name, w in sparse.items():
        kept = (w != 0).unflatten(1, (-1, 4)).sum(-1)
        assert kept.max() == 2, name
        # Float16 may round a tiny weight to zero, but few.
        assert kept.float().mean() > 1.99, name


def test_nothing_else_is_pruned(folder, weights):
    dense = weights if folder.name == "default" else weights.keys() - linear(weights).keys()
    for name in dense:
        assert (weights[name] != 0).float().mean() > 0.99, name


def test_the_sisters_differ_in_weights_alone():
    one, other = (MODELS / name for name in NAMES)
    for name in FILES - {"model.safetensors"}:
        assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("text", [
    STORY, "", " ", "\n\n\t", "  two  spaces ", "“Quoted”, café, 猫 🐈", "\x00\x7f\u00ff\U0010ffff",
])
def test_text_survives_the_tokenizer(tokenizer, text):
    tokens = tokenizer.encode(text).ids
    assert tokens[0] == 0 and all(0 < token < 2048 for token in tokens[1:])
    assert tokenizer.decode(tokens) == text


def test_random_text_survives_the_tokenizer(tokenizer, rng):
    for _ in range(100):
        points = rng.integers(0, 0x2_0000, 40)
        text = "".join(chr(n) for n in points if not 0xD800 <= n < 0xE000)
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_tokenizer_is_that_of_the_configuration(folder, config, tokenizer):
    assert tokenizer.get_vocab_size() == config["vocab_size"]
    assert tokenizer.token_to_id("<|endoftext|>") == config["bos_token_id"]
    generation = json.loads((folder / "generation_config.json").read_text())
    for name in "bos_token_id", "eos_token_id":
        assert generation[name] == config[name]
    assert len(tokenizer.encode(STORY).ids) < len(STORY) / 3.5


def test_a_story_is_likely_and_the_same_words_backwards_are_not(weights, tokenizer):
    story = loss(weights, tokenizer.encode(STORY).ids)
    shuffled = loss(weights, tokenizer.encode(" ".join(reversed(STORY.split()))).ids)
    assert story < 2.0 and shuffled > story + 2.0


def test_the_log_ends_with_two_trained_models():
    with (MODELS / "training_log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    held = {}
    for name in NAMES:
        log = [row for row in rows if row["model"] == name]
        steps = [int(row["step"]) for row in log]
        assert steps == list(range(50, steps[-1] + 1, 50))
        assert all(int(row["tokens"]) == 4096 * int(row["step"]) for row in log)
        held[name] = [float(row["held_out"]) for row in log if row["held_out"]]
        assert held[name][-1] == min(held[name])
    # The sister's perplexity is within 10 % of the dense model's.
    assert held["default_2_4"][-1] - held["default"][-1] < math.log(1.10)


def test_the_card_names_the_data_and_its_licence():
    card = (MODELS / "README.md").read_text()
    for words in "TinyStories", "Eldan", "CDLA-Sharing-1.0", "train_default_model.py":
        assert words in card
