# SPDX-License-Identifier: Apache-2.0
"""The examples that pages show run, and come to what the pages say."""

import re
import shutil

import dense_and_sparse
import extend_card
import extend_format
import extend_operation
import extend_preset
import gguf_to_tokens
import own_chain
import own_preset
import pytest

from flightllm_hw.boards import card


def test_a_chain_alone(tmp_path, capsys):
    own_chain.main(["-o", str(tmp_path / "two_dots.v")])
    assert "all exact" in capsys.readouterr().out
    assert "module two_dots(" in (tmp_path / "two_dots.v").read_text()


def test_a_dequantizer_with_a_bench_of_its_own(tmp_path, capsys):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    own_dequantizer = pytest.importorskip("own_dequantizer")
    own_dequantizer.main(tmp_path)
    assert "passed" in capsys.readouterr().out


def test_a_configuration_for_another_card(tmp_path, capsys):
    own_preset.main(tmp_path)
    out = capsys.readouterr().out
    refused = own_preset.refused()
    assert re.fullmatch(rf".* whole_u50 needs \d+ DSPs, but the u50 has {card('u50').dsp}", refused)
    assert refused in out and "cycles, estimated" in out
    assert "module flightllm_tiny_u50(" in (tmp_path / "flightllm_tiny_u50.v").read_text()


def test_a_gguf_file_to_tokens(tmp_path, capsys):
    gguf_to_tokens.main(tmp_path, tokens=3)
    assert capsys.readouterr().out.startswith("Once upon a time")


def test_sparse_beside_dense(capsys):
    found = dense_and_sparse.main(tokens=2)
    assert "of the cycles" in capsys.readouterr().out
    assert 0.5 < found["2:4"] / found["dense"] < 0.95


def test_an_operation(capsys):
    extend_operation.main()
    assert "agree" in capsys.readouterr().out


def test_a_format(capsys):
    extend_format.main()
    assert "bits a weight" in capsys.readouterr().out


def test_a_card(capsys, monkeypatch):
    boards = extend_card.sys.modules[extend_card.Card.__module__]
    monkeypatch.setattr(boards, "CARDS", boards.CARDS)
    monkeypatch.setitem(extend_card.sys.modules, "flightllm_hw.boards.half_u280", None)
    assert extend_card.main().lanes == 16
    assert capsys.readouterr().out.count("half_u280") == 2


def test_a_preset(tmp_path):
    config = extend_preset.main(tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == config.to_json()
