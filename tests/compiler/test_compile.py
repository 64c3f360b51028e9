# SPDX-License-Identifier: Apache-2.0
"""What the compiler makes of small random Llamas, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import LoadError, load
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.quantizer import compressed as compress_tensor
from flightllm_hw.formats import Pattern, dequantize
from flightllm_hw.golden.model import Cache, Model
from flightllm_hw.isa.encoding import decode, encode
from flightllm_hw.presets import preset
from support.checkpoints import LLAMA, draw, write_gguf, write_hf, write_v0, write_v2
from support.compiled import Golden, any_shape, compiled, deviation, distance

LLAMA_7B = replace(LLAMA, dim=4096, hidden=11008, layers=32, heads=32, kv_heads=32, head_dim=128,
                   vocab=32000, context=4096)
LLAMA_8B = replace(LLAMA_7B, hidden=14336, kv_heads=8, vocab=128256, context=8192)
W4 = Recipe(default=Setting(bits=4, group=128))


@pytest.mark.parametrize("changes", [
    {}, {"kv_heads": 4}, {"kv_heads": 1}, {"head_dim": 10, "heads": 6, "kv_heads": 3},
    {"hidden": 77, "vocab": 33, "layers": 1}, {"dim": 36, "head_dim": 40, "heads": 1,
                                               "kv_heads": 1}, {"tied": True}],
    ids=str)
@pytest.mark.parametrize("name", ["tiny", "small", "u280"])
def test_logits_are_near_the_reference(name, changes, tmp_path, rng):
    config = preset(name)
    if changes.get("head_dim", 16) > 2 * config.sfu.rotary_pairs:
        config = replace(config, sfu=replace(config.sfu, rotary_pairs=32))
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, **changes)))
    model = compiled(checkpoint, config, tmp_path)
    tokens = rng.integers(0, checkpoint.config.vocab, 6).tolist()
    assert deviation(checkpoint, model, tokens) < 0.05


@pytest.mark.parametrize("style", ["adjacent", "halves"])
def test_either_kind_of_rotation(style, tmp_path, rng):
    drawn = draw(rng)
    checkpoint = load(write_v0(tmp_path / "model.bin", drawn))
    checkpoint = replace(checkpoint, config=replace(checkpoint.config, rope_style=style))
    model = compiled(checkpoint, preset("tiny"), tmp_path)
    assert deviation(checkpoint, model, rng.integers(0, LLAMA.vocab, 8).tolist()) < 0.05


@pytest.mark.parametrize("setting", [
    Setting(bits=6, group=16), Setting(bits=5, group=64), Setting(bits=4, group=32,
                                                                 zero_point=True),
    Setting(bits=8, group=128, pattern=Pattern.S8_16)], ids=str)
def test_settings(setting, tmp_path, rng):
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng)))
    model = compiled(checkpoint, preset("small"), tmp_path, recipe=Recipe.uniform(setting))

    # The reference has the same weights.
    class Compressed:
        config = checkpoint.config

        def read(self, name):
            w = checkpoint.read(name)
            if w.ndim == 1 or name == "embedding":
                return w
            own = Recipe.uniform(setting).of(name)
            return dequantize(compress_tensor(name, checkpoint.tensor(name), own).weights)

    tokens = rng.integers(0, LLAMA.vocab, 6).tolist()
    assert deviation(Compressed(), model, tokens) < 0.05


@pytest.mark.parametrize("name", ["tiny", "small"])
@pytest.mark.parametrize("changes", [{}, {"kv_heads": 4}, {"kv_heads": 1}], ids=str)
def test_tokens_order_all_that_matters(name, changes, tmp_path, rng):
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng, LLAMA, **changes)))
    model = compiled(checkpoint, preset(name), tmp_path)
    usual = Golden(model)
    others = [Golden(model, order=np.random.default_rng(seed)) for seed in range(3)]
    for position, token in enumerate(rng.integers(0, LLAMA.vocab, 10).tolist()):
        usual.step(token, position)
        for other in others:
            other.step(token, position)
            assert_array_equal(other.machine.host.data, usual.machine.host.data)
            for own, lane in zip(other.machine.lanes, usual.machine.lanes, strict=True):
                assert_array_equal(own.memory.data, lane.memory.data)


def test_a_full_context_and_a_new_text(tmp_path, rng):
    # What an earlier text has left behind means nothing.
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng)))
    golden = Golden(compiled(checkpoint, preset("tiny"), tmp_path))
    for _ in range(2):
        tokens = rng.integers(0, LLAMA.vocab, LLAMA.context).tolist()
        got = np.array([golden.step(token, n) for n, token in enumerate(tokens)])
        assert distance(got, Model(checkpoint).logits(tokens, Cache())) < 0.05


@pytest.mark.parametrize("name, changes", [
    ("small", {"kv_heads": 4}), ("small", {"kv_heads": 1}), ("u280", {"head_dim": 130})], ids=str)
def test_long_texts(name, changes, tmp_path, rng):
    # Values of several groups; more scales than are loaded whether they are needed or not.
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, layers=1, context=300,
                                                             **changes)))
    config = preset(name)
    model = compiled(checkpoint, config, tmp_path)
    tokens = rng.integers(0, LLAMA.vocab, 264).tolist()
    golden, logits = Golden(model), []
    tile = model.tile if model.prefill is not None else 1
    for position in range(0, len(tokens), tile):
        own = tokens[position:position + tile]
        logits.append(golden.step(own if tile > 1 else own[0], position))
    want = Model(checkpoint).logits(tokens, Cache())[tile - 1::tile]
    assert distance(np.array(logits), want) < 0.05


def test_a_head_in_parts(tmp_path, rng):
    config = preset("tiny")
    config = replace(config, sfu=replace(config.sfu, rows=512))
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng, LLAMA, vocab=1999)))
    assert Plan.of(checkpoint.config, config).buffer.parts > 2
    model = compiled(checkpoint, config, tmp_path)
    assert deviation(checkpoint, model, rng.integers(0, 1999, 4).tolist()) < 0.05


# Programs and plans of models that are too large to run here.

@pytest.mark.parametrize("model, name, context", [
    (LLAMA_7B, "u280", 128), (LLAMA_8B, "u280", 256), (LLAMA_7B, "u55c", 512),
    (LLAMA, "tiny", 48)])
def test_programs_are_small_and_legal(model, name, context):
    programs = place_programs(Plan.of(model, preset(name), context, W4))
    for placed in programs:
        assert placed.size == 64 * len(placed.program)
        assert [decode(encode(instruction)) for instruction in placed.program] == placed.program
    assert sum(placed.size for placed in programs) <= 64 << 10
    # One program for every context that there is room for.
    assert len(programs[0].program) < 200


# Codes in files.

def test_codes_of_files_are_taken_over(tmp_path, rng):
    drawn = draw(rng)
    for path, setting in (
            (write_v2(tmp_path / "model.bin", drawn), Setting(bits=8, group=32)),
            (write_v2(tmp_path / "model.bin", drawn), Setting(bits=8, group=16)),
            (write_gguf(tmp_path / "q4.gguf", drawn, "Q4_0"),
             Setting(bits=4, group=32, zero_point=True))):
        tensor = load(path).tensor("layers.1.down")
        got, want = compress_tensor("down", tensor, setting).weights, tensor.codes()
        assert_array_equal(got.codes, want.codes)
        scale = got.spread(got.row_scale[:, None] * got.group_scale.astype(float))
        error = np.abs(scale - np.repeat(want.scale, 32, axis=1))
        assert (error <= want.scale.max(axis=1, keepdims=True) * 2.0 ** -16).all()


def test_what_compresses_must_do_as_asked(tmp_path, rng):
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng)))

    def three_bits(name, weights, setting):
        tensor = checkpoint.tensor(name)
        return compress_tensor(name, tensor, replace(setting, bits=3))

    with pytest.raises(CompileError, match=r"layers\.0\.k must be compressed to W8 G32"):
        compile_model(checkpoint, preset("tiny"), tmp_path / "x.flm", compress=three_bits)
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]


# What does not fit.

@pytest.mark.parametrize("model, name, options, message", [
    (LLAMA, "tiny", {"context": 49}, r"Context must be in 1\.\.48, the model's, not 49"),
    (replace(LLAMA, context=9999), "tiny", {}, "context of 9999 needs .* rows .* tiny has 1024"),
    (replace(LLAMA, dim=4096), "tiny", {}, "dim 4096, .* needs 4... rows of the vector buffer"),
    (replace(LLAMA, hidden=4000), "tiny", {}, "rows of the vector buffer"),
    (replace(LLAMA, heads=8, kv_heads=1), "tiny", {"context": 8}, "8 tokens of an operation"),
    (replace(LLAMA, heads=1, kv_heads=1, head_dim=64), "tiny", {}, "32 pairs of a head"),
    (replace(LLAMA_7B, layers=64), "u280", {"context": 64},
     "MiB of each lane's memory, but a channel of the u280 has 256"),
    (replace(LLAMA_7B, context=8192), "u280", {}, "there is room for a context of [0-9]+$"),
    (LLAMA, "tiny", {"recipe": Recipe(overrides={"layers.1.gate": Setting(bits=4)})},
     r"layers\.1\.gate is compressed to W4 G32 .* layers\.1\.up must be, too, not to W8"),
    (LLAMA, "tiny", {"recipe": Recipe(default=Setting(group=16, pattern=Pattern.S1_4))},
     "Matrix k of W8 G16 .* must be at least 64 columns"),
])
def test_refusals(model, name, options, message):
    with pytest.raises(CompileError, match=message) as caught:
        Plan.of(model, preset(name), **options)
    assert "\n" not in str(caught.value)


# Files.

@pytest.fixture
def file(tmp_path, rng):
    checkpoint = load(write_v0(tmp_path / "model.bin", draw(rng)))
    return compile_model(checkpoint, preset("tiny"), tmp_path / "model.flm")


def test_files_are_safetensors(file):
    from safetensors.numpy import load_file

    model, tensors = open_flm(file), load_file(file)
    assert_array_equal(tensors["host"], model.host)
    for n, lane in enumerate(model.lanes):
        assert_array_equal(tensors[f"lane.{n}"], lane)
    assert model.config == preset("tiny") and model.model.dim == LLAMA.dim
    assert model.tokenizer is None
    assert not model.host.flags.writeable


def test_files_of_other_configurations_are_refused(file):
    with pytest.raises(CompileError, match="was compiled for tiny .* not for small"):
        open_flm(file, preset("small"))


def test_broken_files_are_refused(file, tmp_path):
    data = file.read_bytes()
    for broken in (data[:100], data[:-1], data[:len(data) // 2], b"", b"\xff" * 200, data[:9],
                   data.replace(b"flightllm 1", b"flightllm 0"), data.replace(b"lane.1", b"lane.2"),
                   data.replace(b'"digest": "', b'"digest": "f')):
        path = tmp_path / "broken.flm"
        path.write_bytes(broken)
        with pytest.raises(LoadError, match=r"broken\.flm: "):
            open_flm(path)


def test_registers(file):
    model = open_flm(file)
    assert model.registers(7, 3) == [7, 3, *[0] * 7, 1]
    assert model.registers(7, 3, logits=False) == [7, 3, *[0] * 8]
    with pytest.raises(ValueError, match=r"Token must be in 0\.\.79, not 80"):
        model.registers(80, 0)
    with pytest.raises(ValueError, match=r"Position must be in 0\.\.47, not 48"):
        model.registers(0, 48)
    with pytest.raises(ValueError, match=r"Position of 2 tokens must be a multiple of 2, not 3"):
        model.registers([1, 2], 3)
    with pytest.raises(ValueError, match=r"Tokens must be 1 or 2, not 3"):
        model.registers([1, 2, 3], 0)
