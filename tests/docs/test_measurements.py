# SPDX-License-Identifier: Apache-2.0
"""What the documents say was measured is what was measured."""

import shlex

import measurements as script
import pytest

from flightllm_hw.cli.main import main


def test_tables_are_those_of_the_files():
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.filled(page, script.measured()) == page


def test_a_figure_that_differs_would_be_seen():
    page, found = script.PAGE.read_text(encoding="utf-8"), script.measured()
    name, one = next(iter(found.items()))
    other = one | {"cycles_per_token": one["cycles_per_token"] + 1}
    assert script.filled(page, found | {name: other}) != page


def test_every_measurement_was_exact_and_is_what_its_command_says():
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


def test_all_commands_are_understood(capsys):
    for call in script.MEASUREMENTS.values():
        # What follows --help is not looked at, what precedes it is.
        with pytest.raises(SystemExit) as ended:
            main(["bench", *call.split(), "--help"])
        assert ended.value.code == 0
    capsys.readouterr()


def test_the_readme_has_the_figures_of_the_whole_model():
    one = script.measured()["decode_128"]
    said = (f"takes {one['cycles_per_token']:,.0f} cycles a token,"
            f" {one['tokens_per_second']:.1f} tokens a second at {one['clock_mhz']} MHz")
    assert one["layers_simulated"] == one["layers"] == 32 and one["bit_exact"]
    assert said in " ".join((script.HERE.parent / "README.md").read_text().split())
