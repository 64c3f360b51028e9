# SPDX-License-Identifier: Apache-2.0
"""What the documents say was measured is what was measured."""

import importlib.util
import shlex
from pathlib import Path

import pytest

import flightllm_hw
from flightllm_hw.cli.main import main

SCRIPT = Path(flightllm_hw.__file__).parent.parent / "docs" / "examples" / "measurements.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("measurements", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_files(script):
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.filled(page, script.measured()) == page


def test_a_figure_that_differs_would_be_seen(script):
    page, found = script.PAGE.read_text(encoding="utf-8"), script.measured()
    name, one = next(iter(found.items()))
    other = one | {"cycles_per_token": one["cycles_per_token"] + 1}
    assert script.filled(page, found | {name: other}) != page


def test_every_measurement_was_exact_and_is_what_its_command_says(script):
    found = script.measured()
    assert found
    for name, one in found.items():
        words = shlex.split(script.MEASUREMENTS[name])
        given = dict(zip(words[1::2], words[2::2], strict=True))
        assert one["bit_exact"] is True and one["first_difference"] is None
        assert (one["mode"], one["shape"], one["preset"], one["context"]) == (
            words[0], given["--shape"], given["--preset"], int(given["--context"]))
        assert one["layers_simulated"] == int(given.get("--layers", one["layers"]))
        assert one["sparsity"] == given.get("--sparsity", "dense")


def test_all_commands_are_understood(script, capsys):
    for call in script.MEASUREMENTS.values():
        # What follows --help is not looked at, what precedes it is.
        with pytest.raises(SystemExit) as ended:
            main(["bench", *call.split(), "--help"])
        assert ended.value.code == 0
    capsys.readouterr()
