# SPDX-License-Identifier: Apache-2.0
"""``--help``: what a command is for, and calls of it that the program takes."""

import re
import shlex

import pytest

from flightllm_hw import __version__
from flightllm_hw.cli import main
from flightllm_hw.cli.main import _parser

COMMANDS = ("run", "compile", "bench", "estimate", "report", "info", "verilog", "package")


def said(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_with_calls_that_are_taken(command, capsys):
    text = said(capsys, command, "--help")
    purpose = re.search(r"\n\n([A-Z][^.]*\.)\n\n", text)
    assert purpose, "says what it is for, in a sentence"
    calls = re.findall(rf"^  flightllm-hw ({command}.*)$", text.split("for example:")[1], re.M)
    assert calls
    for call in calls:
        assert _parser().parse_args(shlex.split(call)).command == command


def test_all_commands_are_told_with_what_they_are_for(capsys):
    text = said(capsys, "--help")
    told = re.findall(r"^    (\w+)  +\w", text, re.M)
    assert tuple(told) == tuple(c for c in _order() if c in COMMANDS) and set(told) == set(COMMANDS)


def _order():
    """Commands as the parser has them."""
    return _parser()._subparsers._group_actions[0].choices


def test_its_version(capsys):
    assert said(capsys, "--version") == f"flightllm-hw {__version__}\n"
