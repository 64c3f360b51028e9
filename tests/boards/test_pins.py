# SPDX-License-Identifier: Apache-2.0
"""Every pin of every platform against a table that was written down apart from them."""

from collections import Counter
from pathlib import Path

import pytest

from flightllm_hw.boards import CARDS, card
from flightllm_hw.boards.platforms import PLATFORMS, platform
from support.alveo import Pin, built, members, pins_of, single

TABLE = Path(__file__).with_name("pins.txt")


def table():
    """The written table: for each card what ``pins_of`` should give."""
    cards = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            pins = cards[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            name, where, standard, mhz = (column.strip() for column in line.split("|"))
            kind, _, pull = standard.partition(" ")
            assert name not in pins, f"{name} twice"
            pins[name] = Pin(
                tuple(tuple(ball.split("/")) if "/" in ball else ball
                      for ball in where.removeprefix("~").split()),
                where.startswith("~"), kind or None, pull or None, float(mhz) if mhz else None)
    return cards


def balls(pins):
    """All balls of a table."""
    return [ball for pin in pins.values() for ball in single(pin)]


def test_there_is_a_table_for_each_platform():
    assert sorted(table()) == sorted(PLATFORMS)
    assert set(CARDS) - set(PLATFORMS) == {name for name in CARDS if card(name).versal}


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_pin_is_the_tables(name):
    assert pins_of(platform(name)) == table()[name]


@pytest.mark.parametrize("name", PLATFORMS)
def test_no_pin_is_there_twice(name):
    assert Counter(balls(pins_of(platform(name)))).most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", PLATFORMS)
def test_pairs_are_whole(name):
    """Clocks, and whatever has no standard, are pairs; a pair's balls are neighbours."""
    for resource, pin in pins_of(platform(name)).items():
        if pin.mhz is not None or pin.standard in (None, "LVDS"):
            for positive, negative in pin.pins:
                assert distance(positive, negative) == 1, resource
        else:
            assert all(isinstance(ball, str) for ball in pin.pins), resource


@pytest.mark.parametrize("name", PLATFORMS)
def test_only_what_is_driven_has_a_strength(name):
    for key, resource in platform(name).resources.items():
        for path, part, attrs, _ in members(resource):
            driven = part.dir != "i" and "IOSTANDARD" in attrs and key[0] != "hbm_cattrip"
            assert (attrs.get("SLEW") == "SLOW" and "DRIVE" in attrs) == driven, (key, path)
            assert driven or not {"SLEW", "DRIVE"} & set(attrs), (key, path)


def distance(one, other):
    """Rows and columns between two balls: ``AR15`` is row AR, column 15."""
    letters = "ABCDEFGHJKLMNPRTUVWY"  # Those that packages use.

    def place(ball):
        row = ball.rstrip("0123456789")
        number = 0
        for letter in row:
            number = number * len(letters) + letters.index(letter) + 1
        return number, int(ball[len(row):])

    return sum(abs(a - b) for a, b in zip(place(one), place(other), strict=True))


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_xdc_has_every_pin_once_with_its_standard(name):
    """Also what differs between the table and what Amaranth makes of a resource would be seen."""
    written, clocks = {}, 0
    for line in built(name, "all").files["all.xdc"].splitlines():
        words = line.split()
        if words[:1] == ["set_property"]:
            port = " ".join(words[3:])
            written.setdefault(port, {})[words[1]] = words[2].strip('"')
        clocks += words[:1] == ["create_clock"]
    expected = table()[name]
    locations = [attributes["LOC"] for attributes in written.values()]
    assert sorted(locations) == sorted(balls(expected))
    standards = {ball: pin.standard for pin in expected.values() for ball in single(pin)}
    assert standards == {a["LOC"]: a.get("IOSTANDARD") for a in written.values()}
    assert clocks == sum(pin.mhz is not None for pin in expected.values())
