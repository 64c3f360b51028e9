# SPDX-License-Identifier: Apache-2.0
"""Facts of the cards, and the page that tells them."""

from collections import Counter
from pathlib import Path

import pytest

from flightllm_hw.boards import CARDS, card
from flightllm_hw.boards.platforms import PLATFORMS, platform
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.presets import U280

PAGE = Path(__file__).parents[2] / "docs" / "boards.md"

# Part, the vendor's board, watts, GB of memory: written down apart from boards/.
FACTS = {
    "u280": ("xcu280-fsvh2892-2L-e", "xilinx.com:au280:part0:1.1", 160, 8),
    "u50": ("xcu50-fsvh2104-2-e", "xilinx.com:au50:part0:1.0", 63, 8),
    "u55c": ("xcu55c-fsvh2892-2L-e", "xilinx.com:au55c:part0:1.0", 100, 16),
    "u250": ("xcu250-figd2104-2L-e", "xilinx.com:au250:part0:1.3", 160, 64),
    "vhk158": ("xcvh1582-vsva3697-2MP-e-S", "", 0, 32),
    "v80": ("xcv80-lsva4737-2MHP-e-S", "xilinx.com:v80:part0:1.0", 0, 32),
}


def rows(first):
    """The rows of the page's table whose header begins with ``first``."""
    lines = iter(PAGE.read_text().splitlines())
    header = next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    keys = [cell.strip() for cell in header.strip("|").split("|")]
    for line in lines:
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        yield dict(zip(keys, cells, strict=True))


def test_every_card_is_what_was_written_down():
    assert set(FACTS) == set(CARDS)
    for name, (part, board, watts, gigabytes) in FACTS.items():
        known = card(name)
        assert (known.part, known.board_part, known.power_budget_w) == (part, board, watts)
        assert known.memory.count * known.memory.bytes_each == gigabytes << 30
        assert known.versal == (name in ("v80", "vhk158"))


@pytest.mark.parametrize("name", ["v80", "vhk158"])
def test_nothing_is_claimed_of_what_no_document_states(name):
    known = card(name)
    assert (known.lut, known.ff, known.bram, known.uram, known.dsp) == (0, 0, 0, 0, 0)


def test_a_card_without_a_preset_takes_a_configuration():
    config = AcceleratorConfig(name="v80", card="v80", lanes=U280.lanes, lane=U280.lane,
                               crossings=U280.crossings, sfu=U280.sfu)
    assert config.target == card("v80")


def test_the_page_has_every_card():
    told = {row["card"].lower(): row for row in rows("card")}
    assert set(told) == set(CARDS)
    for name, row in told.items():
        known = card(name)
        assert row["part"] == f"`{known.part}`"
        assert row["memory of the lanes"].endswith(
            f"{FACTS[name][3]} GB, {known.memory.count} channels")
        assert row["power budget"] == (f"{known.power_budget_w} W" if known.power_budget_w else "")
        assert (row[""] == "platform") == (name in PLATFORMS)


def test_the_page_has_every_resource():
    told = {row["resource"].strip("`"): row for row in rows("resource")}
    for name in PLATFORMS:
        count = Counter(key[0] for key in platform(name).resources)
        assert {resource: int(row[name]) for resource, row in told.items() if row[name]} == count
