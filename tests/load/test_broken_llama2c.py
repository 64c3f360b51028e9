# SPDX-License-Identifier: Apache-2.0
"""Files of llama2.c and their tokenizers that are cut short or false give one sentence."""

import struct

import numpy as np
import pytest

from flightllm_hw.compiler.load import LoadError, load
from support.checkpoints import (
    draw,
    flat,
    pack_tokens,
    write_gguf,
    write_hf,
    write_v0,
    write_v2,
)
from support.refusals import patched, refuses

HEADER = ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context")


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("field", range(7), ids=HEADER)
@pytest.mark.parametrize("value", [0, -1, 1, 77, 2 ** 31 - 1, -2 ** 31])
def test_no_false_header_of_llama2c_is_believed(rng, tmp_path, version, field, value):
    path = [write_v0, None, write_v2][version](tmp_path / "model.bin", draw(rng))
    patched(path, (0, None, 8)[version] + 4 * field, struct.pack("<i", value))
    if version == 2 and HEADER[field] == "context" and value > 0:
        # Nothing in such a file depends on it.
        assert load(path).config.context == value
        return
    refuses(path, "must be positive|must have .* bytes|no multiple|cannot share|must be even|"
                  r"token must be in 0\.\.0")


@pytest.mark.parametrize("writer", [write_v0, write_v2])
def test_no_cut_file_of_llama2c_is_believed(rng, tmp_path, writer):
    path = writer(tmp_path / "model.bin", draw(rng))
    whole = path.read_bytes()
    for size in [*range(1, 64), 255, 256, 257, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        refuses(path, "header|version|no model|must have")
    path.write_bytes(whole + b"\0")
    refuses(path, f"must have {len(whole)} bytes .* not {len(whole) + 1}")


@pytest.mark.parametrize("offset, data, match", [
    (4, struct.pack("<i", 1), "of version 1 of llama2.c"),
    (4, struct.pack("<i", 3), "of version 3 of llama2.c"),
    (36, b"\x02", "flag of a shared head must be 0 or 1, not 2"),
    (36, b"\x01", "tied head"),
    (37, struct.pack("<i", 0), "group size must be positive"),
    (37, struct.pack("<i", -32), "group size must be positive"),
    (37, struct.pack("<i", 64), "must have"),
    (256, struct.pack("<f", np.nan), r"layers\.0\.attention_norm must be finite.*\[0\] is nan"),
])
def test_false_fields_of_version_2_are_refused(rng, tmp_path, offset, data, match):
    refuses(patched(write_v2(tmp_path / "model.bin", draw(rng)), offset, data), match)


@pytest.mark.parametrize("scale", [np.nan, np.inf, -0.5])
def test_false_scales_of_version_2_are_refused(rng, tmp_path, scale):
    drawn = draw(rng)
    coded = flat(drawn)
    coded["layers.1.up"][1][5] = scale
    refuses(write_v2(tmp_path / "model.bin", drawn, coded),
            "scales of tensor layers.1.up must be finite and not negative, but one is")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(rng, tmp_path, value):
    drawn = draw(rng)
    drawn.floats["layers.1.gate"][3, 7] = value
    what = rf"must be finite, but its element at \[3, 7\] is {value}"
    refuses(write_v0(tmp_path / "a.bin", drawn), r"layers\.1\.gate " + what)
    refuses(write_gguf(tmp_path / "a.gguf", drawn), r"blk\.1\.ffn_gate\.weight " + what)
    for kind in ("F32", "F16", "BF16"):
        path = write_hf(tmp_path / kind, drawn, kind)
        with pytest.raises(LoadError, match=r"layers\.1\.mlp\.gate_proj\.weight " + what):
            load(path).tensors["layers.1.gate"].rows(2)
        load(path).tensors["layers.1.gate"].rows(0, 3)


PIECES = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % n for n in range(77))]


@pytest.mark.parametrize("data, match", [
    (b"", "is empty"),
    (pack_tokens(PIECES, [0.0] * 80)[:3], "at least 12|no tokenizer"),
    (pack_tokens(PIECES, [0.0] * 80)[:7], "within the score and length of token 0"),
    (pack_tokens(PIECES, [0.0] * 80)[:-1], "token 79 would have 6 bytes"),
    (pack_tokens(PIECES, [0.0] * 80)[:-6], "token 79 would have 6 bytes"),
    (pack_tokens(PIECES[:79], [0.0] * 79), "has 79 tokens, but the model has 80"),
    (pack_tokens([*PIECES, b"a"], [0.0] * 81), "has 81 tokens, but the model has 80"),
    (pack_tokens(PIECES, [np.nan] * 80), "score of token 0 must be finite"),
    (pack_tokens(PIECES, [0.0] * 80, longest=2), "token 0 would have 5 bytes, but at most 2"),
    (b"\x05\0\0\0" + struct.pack("<fI", 0, 2 ** 32 - 1), "token 0 would have 4294967295 bytes"),
    (b"\x05\0\0\0", "holds no tokens"),
    (b'{"model": 1}' + bytes(0), "is no tokenizer.json"),
    (b'{"model": ', "is no tokenizer.json"),
    (b"\n\x0e\n\x05<unk>\x15" + b"\xff" * 60, "is no SentencePiece model"),
    (b"\x80\x04K\x01.", "no tokenizer that can be read"),
])
def test_false_tokenizers_are_refused(rng, tmp_path, data, match):
    path = write_v0(tmp_path / "model.bin", draw(rng))
    (tmp_path / "words").write_bytes(data)
    refuses(path, match, tokenizer=tmp_path / "words")
    (tmp_path / "tok80.bin").write_bytes(data)
    refuses(path, match)
    (tmp_path / "folder").mkdir()
    refuses(path, "holds no tokenizer", tokenizer=tmp_path / "folder")
