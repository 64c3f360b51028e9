# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw run``, ``compile`` and ``info`` as users type them."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import trace_picture

from flightllm_hw.cli import main
from flightllm_hw.runtime.models import DEFAULT_MODEL
from support.checkpoints import draw, write_hf

GOLDEN = ["run", "--device", "golden"]
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model without a tokenizer in a folder, and compiled; the default model, compiled."""
    folder = tmp_path_factory.mktemp("cli")
    write_hf(folder / "hf", draw(np.random.default_rng(5)))
    assert main(["compile", str(folder / "hf"), "--preset", "tiny",
                 "-o", str(folder / "bare.flm")]) == 0
    assert main(["compile", str(DEFAULT_MODEL), "--preset", "tiny", "--bits", "4", "--zero-point",
                 "--context", "64", "-o", str(folder / "default.flm")]) == 0
    return folder


def run(capsys, *arguments):
    assert main([*GOLDEN, *map(str, arguments)]) == 0
    return capsys.readouterr()


def object_of(capsys, *arguments):
    return json.loads(run(capsys, *arguments, "--json").out)


def test_the_default_model_writes_a_story(capsys):
    output = run(capsys, "--prompt", "Once upon a time", "--tokens", 20)
    assert output.out.startswith("Once upon a time, there was a little")
    assert "5 of the prompt, 20 new; as many as were asked for" in " ".join(output.err.split())


def test_json_is_one_object(capsys):
    found = object_of(capsys, "--prompt", "Once", "--tokens", 5)
    assert set(found) == {"text", "token_ids", "ended", "device", "prefill_cycles",
                          "cycles_per_token", "bandwidth_share"}
    assert found["text"].startswith("Once") and len(found["token_ids"]) == 5
    assert found["device"] == "golden" and found["prefill_cycles"] is None


def test_a_compiled_file_is_run(capsys, folder):
    found = object_of(capsys, folder / "default.flm", "--prompt", "One day", "--tokens", 100)
    assert found["ended"] in ("the context of 64 tokens is full", "the text is at its end")


def test_a_seed_is_a_text(capsys):
    options = ["--temperature", 1, "--top-p", 0.9, "--tokens", 12, "--seed"]
    first, again, other = (object_of(capsys, *options, seed)["text"] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.rtl
def test_the_simulated_kernel_says_what_the_golden_machine_says(capsys, tmp_path):
    arguments = ["run", "--prompt", "Tom had a big", "--tokens", "6", "--json"]
    assert main([*arguments, "--trace", str(tmp_path / "time.json")]) == 0
    simulated = json.loads(capsys.readouterr().out)
    golden = object_of(capsys, *arguments[1:-1])
    assert simulated["token_ids"] == golden["token_ids"]
    assert len(simulated["cycles_per_token"]) == 5
    assert min(simulated["cycles_per_token"]) > 10_000 < simulated["prefill_cycles"]
    assert 0.3 < simulated["bandwidth_share"] <= 1
    events = json.loads((tmp_path / "time.json").read_text())["traceEvents"]
    assert {"MV", "MISC.PASS", "LD.VECTOR"} <= {event["name"] for event in events}
    # docs/timelines.md shows this layer; cycles do not depend on tokens.
    trace_picture.main([str(tmp_path / "time.json"), "--turn", "1",
                        "-o", str(tmp_path / "layer.svg")])
    shown = DOCS / "pictures" / "layer.svg"
    assert (tmp_path / "layer.svg").read_text() == shown.read_text(), "draw it again"


def test_info_tells_of_models_and_compiled_ones(capsys, folder):
    assert main(["info", str(DEFAULT_MODEL)]) == 0
    assert "llama, 4 layers, dim 128" in capsys.readouterr().out
    assert main(["info", str(folder / "default.flm")]) == 0
    told = capsys.readouterr().out
    assert "compiled for tiny" in told and "64 tokens" in told


def test_info_tells_of_blocks_that_are_left_out(capsys, folder, tmp_path):
    out = tmp_path / "blocks.flm"
    assert main(["compile", str(folder / "hf"), "--preset", "tiny", "--attention", "2,1",
                 "-o", str(out)]) == 0
    capsys.readouterr()
    assert main(["info", str(out)]) == 0
    assert ("2 tokens at a time, which look at the first 1 and the last 2 blocks of 64 positions"
            in capsys.readouterr().out)


# Mistakes.

BROKEN = [
    (["--tokens", "0"], "must be 1 or more"),
    (["--tokens", "x"], "invalid count value"),
    (["--temperature", "-1"], "Temperature must be 0 or more"),
    (["--temperature", "nan"], "Temperature must be 0 or more"),
    (["--top-p", "0"], "Top-p must be more than 0"),
    (["--top-p", "2"], "Top-p must be more than 0"),
    (["--seed", "-3"], "Seed must be 0 or more"),
    (["--device", "card"], "invalid choice"),
    (["--device", "xrt"], "needs pyxrt"),
    (["--preset", "u281"], "Preset must be one of"),
    (["--bits", "7"], "Bits must be one of"),
    (["--group", "48"], "Group must be one of"),
    (["--sparsity", "3:4"], "Sparsity must be one of"),
    (["--attention", "2"], "Attention must be numbers of near and first blocks, such as 2,1"),
    (["--attention", "0,1"], "At least 1 near and 0 first blocks must be kept, not 0 and 1"),
    (["--attention", "9,0", "--context", "512"], "tiny has no room for one at a context of 512"),
    (["--context", "0"], "must be 1 or more"),
    (["--context", "100000"], "Context must be in 1..512"),
    (["--config", "missing.json"], "missing.json: No such file"),
    (["--trace", "t.json"], "Only the simulated device"),
    (["--waves", "w.fst"], "Only the simulated device"),
    (["missing.bin"], "missing.bin"),
    (["missing.flm"], "missing.flm"),
    (["empty"], "empty"),
    (["text"], "text"),
    (["text.flm"], "no .flm file, or was cut short"),
    (["bare.flm"], "came without a tokenizer"),
    (["default.flm", "--preset", "small"], "compiled for tiny"),
    (["default.flm", "--prompt", "one two three " * 40], "The prompt has"),
    (["hf", "--tokenizer", "nowhere"], "nowhere"),
    (["hf", "--bits", "3", "--sparsity", "1:4"], "Group of 1:4 weights"),
]


@pytest.mark.parametrize("arguments, message", BROKEN,
                         ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "")
def test_mistakes_are_one_sentence(arguments, message, folder, capsys, monkeypatch):
    (folder / "empty").mkdir(exist_ok=True)
    for name in ("text", "text.flm"):
        (folder / name).write_text("no model")
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as exit_:
        main([*(["run"] if "--device" in arguments else GOLDEN), *arguments])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("flightllm-hw") and output.err.count("\n") == 1
    assert message in output.err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_told(share, folder, tmp_path, capsys):
    whole = (folder / "bare.flm").read_bytes()
    cut = tmp_path / "cut.flm"
    cut.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(SystemExit) as exit_:
        main([*GOLDEN, str(cut)])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_leaves_nothing_behind(folder, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", str(tmp_path / "out.flm"))

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(SystemExit) as exit_:
        main(["compile", str(folder / "hf"), "--preset", "tiny", "-o", str(tmp_path / "out.flm")])
    assert exit_.value.code == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_compiled_models_name_ends_in_flm(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["compile", str(folder / "hf"), "--preset", "tiny", "-o", str(tmp_path / "out.bin")])
    assert "must end in .flm" in capsys.readouterr().err


def test_texts_make_compression_better(folder, tmp_path, capsys):
    stories = tmp_path / "stories.jsonl"
    story = "Once upon a time, there was a little girl named Lily. She loved to play in the park. "
    stories.write_text("".join(json.dumps({"text": story * n}) + "\n" for n in (1, 2)))
    out = tmp_path / "mixed.flm"
    assert main(["compile", str(DEFAULT_MODEL), "--preset", "tiny", "--average-bits", "3.5",
                 "--group", "32", "--zero-point", "--calibration", str(stories),
                 "--context", "32", "-o", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == str(out)
    lines = [line.split() for line in told if line.startswith("layers.")]
    assert len(lines) == 4 * 7
    bits = [[int(line[3]) for line in lines if line[0].startswith(f"layers.{n}.")]
            for n in range(4)]
    assert 1 < 1 + sum(a != b for a, b in itertools.pairwise(bits)) <= 3
    assert main(["info", str(out)]) == 0
    assert "2 tokens at a time" in capsys.readouterr().out
    found = object_of(capsys, out, "--prompt", "Once upon a", "--tokens", 3)
    assert found["text"].startswith("Once upon a time")


@pytest.mark.parametrize("arguments, message", [
    (["--average-bits", "3.5"], "needs --calibration"),
    (["--runs", "2"], "--runs needs --average-bits"),
    (["--runs", "0"], "must be 1 or more"),
    (["--average-bits", "1", "--calibration", "good"], "Average bits must be at least 2"),
    (["--calibration", "bad"], "line 1 must be a JSON object with a text"),
    (["--calibration", "nowhere"], "nowhere: No such file"),
])
def test_mistakes_with_texts_are_one_sentence(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").write_text('{"text": "Once upon a time"}\n')
    (tmp_path / "bad").write_text("no object\n")
    with pytest.raises(SystemExit) as exit_:
        main(["compile", str(DEFAULT_MODEL), "--preset", "tiny", "-o", "x.flm", *arguments])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err and not (tmp_path / "x.flm").exists()
