# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw bench`` as users type it."""

import json

import pytest

from flightllm_hw.cli import main

TINY = ["--shape", "stories260k", "--preset", "tiny", "--bits", "4", "--group", "32"]

KEYS = {
    "mode", "shape", "preset", "bits", "group", "zero_point", "sparsity", "context", "tokens",
    "seed", "cycles", "cycles_per_token", "tokens_per_second", "clock_mhz", "bytes",
    "bandwidth_share", "port_share", "mac_per_dsp_per_cycle",
    "mac_dense_equivalent_per_dsp_per_cycle", "bit_exact", "first_difference", "layers",
    "layers_simulated", "extrapolated", "cycles_simulated", "programs", "deliverable_gb_s",
    "counters", "memory", "compile_seconds", "build_seconds", "simulation_seconds",
    "simulated_cycles_per_second", "golden_seconds"}


@pytest.mark.rtl
def test_json_is_one_object(capsys):
    assert main(["bench", "decode", *TINY, "--layers", "2", "--context", "24", "--json"]) == 0
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert set(found) == KEYS and output.err == ""
    assert found["bit_exact"] is True and found["layers_simulated"] == 2 and found["layers"] == 5
    assert found["context"] == 24 and found["tokens"] == 1 and found["clock_mhz"] == 225
    assert len(found["counters"]["lanes"]) == 2 and found["memory"].startswith("HBM of the u280")


@pytest.mark.rtl
def test_people_get_a_table(capsys):
    assert main(["bench", "prefill", *TINY, "--layers", "2", "--tokens", "2", "--sparsity", "2:4",
                 "--no-check"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for piece in ("W4 G32 2:4, random weights", "2 tokens from position 0 on", "not compared",
                  "2 of 5 layers simulated, the others extrapolated", "dense-equivalent",
                  "tokens a second at 225 MHz; no card was measured"):
        assert piece in told


@pytest.mark.parametrize("arguments, message", [
    (["guess"], "invalid choice: 'guess'"),
    (["decode"], "one of the arguments --preset --config is required"),
    (["decode", *TINY, "--shape", "gpt"], "Shape must be one of llama2-7b"),
    (["decode", *TINY, "--shape", "own.json"], "own.json: the model's dim must be"),
    (["decode", *TINY, "--shape", "none.json"], "none.json: No such file"),
    (["decode", *TINY, "--preset", "u281"], "Preset must be one of"),
    (["decode", *TINY, "--layers", "0"], "must be 1 or more, not 0"),
    (["decode", *TINY, "--layers", "6"], "Layers must be in 2..5, not 6"),
    (["decode", *TINY, "--layers", "1"], "Layers must be in 2..5, not 1"),
    (["decode", *TINY, "--bits", "7"], "Bits must be one of"),
    (["decode", *TINY, "--sparsity", "3:4"], "Sparsity must be one of"),
    (["decode", *TINY, "--context", "513"], "Context must be in 1..512"),
    (["decode", *TINY, "--tokens", "4"], "Only prefill takes --tokens"),
    (["prefill", *TINY, "--tokens", "9", "--context", "8"], "Tokens must be in 1..8"),
    (["prefill", *TINY, "--tokens", "600"], "Tokens must be in 1..512"),
    (["decode", *TINY, "--seed", "-1"], "Seed must be 0 or more"),
    (["decode", *TINY, "--seed", "x"], "invalid int value"),
    (["decode", *TINY, "--keep", "model.bin"], "must end in .flm"),
    (["decode", *TINY, "--keep", "bad.flm"], "bad.flm is no .flm file, or was cut short"),
    (["decode", *TINY, "--keep", "no/where.flm"], "No such file"),
    (["decode", *TINY, "--shape", "llama2-13b"], "but tiny has"),
])
def test_mistakes_are_one_sentence(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.json").write_text(json.dumps({
        "architecture": "opt", "dim": -1, "hidden": 1, "layers": 1, "heads": 1, "kv_heads": 1,
        "head_dim": 1, "vocab": 1, "context": 1, "eps": 1e-5, "activation": "relu",
        "tied": True}))
    (tmp_path / "bad.flm").write_text("no model")
    with pytest.raises(SystemExit) as exit_:
        main(["bench", *arguments])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    assert message in output.err.replace(": is", " is")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.flm", "own.json"]
