# SPDX-License-Identifier: Apache-2.0
"""Files that are no models, or damaged anywhere, give one sentence."""

import os
import pickle
import struct

import pytest

from flightllm_hw.compiler.load import LoadError, load
from support.checkpoints import (
    LLAMA,
    draw,
    write_gguf,
    write_v2,
)
from support.refusals import pieces, read_all, refuses

ANYTHING = {
    "empty": (b"", "is empty"),
    "text": (b"# A model\n\nThis is a model card, long enough to look like something, maybe.\n" * 3,
             "no model that can be read"),
    "json": (b'{"architectures": ["LlamaForCausalLM"]}' + b" " * 99, "give the folder"),
    "zip of PyTorch": (b"PK\x03\x04" + bytes(100), "pickle of PyTorch"),
    "pickle": (pickle.dumps({"weights": [1.0] * 50}), "pickle of PyTorch"),
    "pickle, protocol 2": (pickle.dumps({"weights": [1.0] * 50}, 2), "pickle of PyTorch"),
    "safetensors alone": (struct.pack("<Q", 10) + b'{"a": 1} ' + bytes(99), "its config.json"),
    "pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64,
                           "git lfs pull"),
    "zeros": (bytes(4096), "dim must be positive, not 0"),
    "ones": (b"\xff" * 24 + bytes(400), "dim must be positive, not -1"),
    "a few bytes": (b"\x40\0\0\0\x60", "the header would end at byte 28"),
}


@pytest.mark.parametrize("case", ANYTHING)
def test_other_files_are_refused(tmp_path, case):
    data, match = ANYTHING[case]
    (tmp_path / "model.bin").write_bytes(data)
    refuses(tmp_path / "model.bin", match)


def test_places_without_a_model_are_refused(tmp_path):
    refuses(tmp_path / "nothing.bin", "cannot be read .No such file")
    refuses(tmp_path / "nothing", "cannot be read")
    os.mkfifo(tmp_path / "pipe")
    refuses(tmp_path / "pipe", "not a regular file")
    (tmp_path / "folder").mkdir()
    refuses(tmp_path / "folder", "holds no config.json")
    refuses(tmp_path / "a\0b", "null")



@pytest.mark.parametrize("kind", ["v2", "gguf"])
def test_nothing_but_a_sentence_comes_of_damage(rng, tmp_path, kind):
    """Every cut of the header, and bytes changed at random, anywhere."""
    drawn = draw(rng, LLAMA, vocab=32, dim=32, head_dim=8, hidden=32)
    path = write_v2(tmp_path / "m", drawn) if kind == "v2" else write_gguf(
        tmp_path / "m", drawn, "Q4_1", lambda w: (
            w.add_tokenizer_model("llama"), w.add_token_list(pieces(drawn.config)),
            w.add_token_scores([0.0] * 32)))
    whole = path.read_bytes()
    read_all(load(path))
    header = 256 if kind == "v2" else whole.index(b"blk.1.ffn_up.weight") + 64
    for size in range(0, header, 1 if kind == "v2" else 7):
        path.write_bytes(whole[:size])
        refuses(path, None)
    refused, header = 0, 41 if kind == "v2" else header
    for n in range(600):
        data = bytearray(whole)
        for at in rng.integers(0, header if n % 2 else len(whole), 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_all(load(path))
        except LoadError as e:
            assert str(e).isprintable()
            refused += 1
    assert refused > 100
