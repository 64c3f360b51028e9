# SPDX-License-Identifier: Apache-2.0
"""``docs/package.md`` says what the tables say."""

import re
from pathlib import Path

import pytest

import flightllm_hw
from flightllm_hw.boards import card
from flightllm_hw.boards.flows import FLOWS
from flightllm_hw.package.memory import HOST, banks
from flightllm_hw.package.placement import dies
from flightllm_hw.presets import PRESETS

PAGE = (Path(flightllm_hw.__file__).parent.parent / "docs" / "package.md").read_text()


def row(start):
    """The cells of the first table row that begins so."""
    found = re.search(rf"^\| {re.escape(start)} \|(.*)\|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("name", [name for name, flow in FLOWS.items() if flow.vitis])
def test_platforms_and_banks_are_told(name):
    assert row(f"`{name}`")[0] == f"`{FLOWS[name].vitis.platform}`"
    bank = row(f"`{name}`, {PRESETS[name].lanes}")[0]
    assert bank.split(",")[0] == banks(PRESETS[name], card(name))[HOST]
    assert FLOWS[name].vitis.tools == FLOWS[name].vivado.tools == "2023.1"
    assert FLOWS[name].vitis.tools in PAGE


def test_cards_without_a_platform_are_told():
    assert row("`v80`, `vhk158`")[0] == "there is none"
    assert [name for name, flow in FLOWS.items() if flow.vitis is None] == ["v80", "vhk158"]


def test_a_die_has_room_for_as_many_lanes_as_it_says():
    most = int(re.search(r"A die has UltraRAM for (\d+) lanes", PAGE)[1])
    u280 = card("u280")
    each = PRESETS["u280"].lane.uram
    assert most * each <= u280.uram / u280.slr < (most + 1) * each
    where = dies(PRESETS["u280"], u280)
    clusters = [set(where[n:n + 8]) for n in range(0, 32, 8)]
    assert sum(len(some) > 1 for some in clusters) == 2
    assert "two of four such clusters" in " ".join(PAGE.split())
