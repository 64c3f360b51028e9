# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw estimate`` as users type it."""

import json

import pytest

from flightllm_hw.cli import main

KEYS = {
    "estimated", "mode", "shape", "preset", "bits", "group", "zero_point", "sparsity", "context",
    "tokens", "cycles", "cycles_per_token", "tokens_per_second", "clock_mhz", "bytes",
    "bandwidth_share", "port_share", "mac_per_dsp_per_cycle",
    "mac_dense_equivalent_per_dsp_per_cycle", "layers", "memory", "deliverable_gb_s",
    "working_cycles"}


def test_json_is_one_object(capsys):
    assert main(["estimate", "decode", "--preset", "u280", "--context", "256", "--json"]) == 0
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert set(found) == KEYS and output.err == "" and found["estimated"] is True
    assert (found["shape"], found["bits"], found["group"]) == ("llama2-7b", 4, 128)
    assert found["context"] == 256 and found["tokens"] == 1
    assert set(found["working_cycles"]) == {"memory", "engine", "special", "control"}


def test_people_are_told_that_it_is_an_estimate(capsys):
    assert main(["estimate", "prefill", "--shape", "stories110m", "--preset", "small", "--tokens",
                 "8", "--sparsity", "2:4", "--zero-point"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for piece in ("W4 G128 with zero points 2:4", "8 tokens from position 0 on",
                  "cycles, estimated", "dense-equivalent", "control in",
                  "nothing was simulated or measured"):
        assert piece in told


def test_recipes_are_taken(tmp_path, capsys):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"default": {"bits": 3, "group": 128}}))
    assert main(["estimate", "decode", "--preset", "u280", "--recipe", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bits"] == 3


@pytest.mark.parametrize("arguments, message", [
    (["decode", "--preset", "u281"], "Preset must be one of"),
    (["decode", "--preset", "u280", "--shape", "gpt"], "Shape must be one of"),
    (["decode", "--preset", "u280", "--bits", "7"], "Bits must be one of"),
    (["decode", "--preset", "u280", "--tokens", "2"], "Only prefill takes --tokens"),
    (["decode", "--preset", "u280", "--context", "5000"], "Context must be in 1..4096"),
    (["decode", "--preset", "tiny"], "needs"),
    (["prefill", "--preset", "u280", "--context", "8", "--tokens", "9"], "Tokens must be in 1..8"),
    (["decode", "--preset", "u280", "--recipe", "none.json"], "none.json: No such file")])
def test_mistakes_are_a_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["estimate", *arguments])
    told = capsys.readouterr()
    assert stopped.value.code == 2 and told.out == ""
    assert message in told.err and told.err.count("\n") == 1
