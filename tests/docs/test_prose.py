# SPDX-License-Identifier: Apache-2.0
"""Sentences have the numbers of the measurements, and measured numbers stand nowhere else."""

import re

import estimates
import marks
import measurements
import prose
import pytest

from flightllm_hw.presets import preset

FOUND = measurements.measured()
U280 = preset("u280")

# Numbers of pages that are no measurement at full size: the simulator's speed, a context.
OTHERS = {prose.README: {"89,000"}, measurements.PAGE: set(), estimates.PAGE: {"2,048"}}


def by_hand(page):
    """A page without what is between marks, and without code."""
    page = re.sub(r"<!-- (.+?) -->.*?<!-- end of \1 -->", "", page, flags=re.DOTALL)
    return re.sub(r"```.*?```|^    .*?$|`[^`]*`", "", page, flags=re.DOTALL | re.MULTILINE)


def text(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", prose.PARAGRAPHS, ids=lambda path: path.name)
def test_sentences_have_the_numbers_of_the_measurements(path):
    assert prose.filled(path, FOUND) == text(path), f"{path.name}: docs/examples/prose.py"
    other = {name: one | {"cycles_per_token": one["cycles_per_token"] + 1000 * n}
             for n, (name, one) in enumerate(FOUND.items(), 1)}
    assert prose.filled(path, other) != text(path)


def test_what_a_longer_context_costs_adds_up():
    said = " ".join(prose.longer(FOUND))
    more, megabytes, delivered, lost = (int(number.replace(",", "")) for number in re.search(
        r"takes ([\d,]+) .* for (\d+) MB .* in ([\d,]+); ([\d,-]+) cycles", said).groups())
    # Keys and values of 1,920 positions, int8 and a scale; at what the card's memories deliver.
    assert megabytes == pytest.approx(2 * 32 * 4096 * 1920 / 1e6, rel=0.05)
    assert delivered == pytest.approx(megabytes / 419.4e3 * 225e6, rel=0.002)
    assert delivered + 32 * lost == pytest.approx(more, abs=32)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_measured_number_is_written_by_hand(path):
    assert set(re.findall(r"\b\d{1,3}(?:,\d{3})+\b", by_hand(text(path)))) <= OTHERS[path]


def test_a_number_written_by_hand_would_be_seen():
    page = "It takes 1,234 cycles.\n<!-- a -->\n5,678\n<!-- end of a -->\n\n    9,012\n"
    assert by_hand(page).split() == ["It", "takes", "1,234", "cycles."]


def test_marks_that_are_missing_or_twice_are_seen():
    page = "<!-- a -->\n<!-- end of a -->\n"
    assert marks.between(page, "a", ["b"]) == "<!-- a -->\nb\n<!-- end of a -->\n"
    for broken in (2 * page, page.replace("end of", "")):
        with pytest.raises(ValueError, match="one mark of each kind for 'a'"):
            marks.between(broken, "a", ["b"])


def test_the_readme_promises_no_better_estimates_than_there_are():
    errors = re.findall(r"\| ([+-][\d.]+)% \|", text(estimates.PAGE))
    promised = float(re.search(r"within (\d+) % of the RTL", text(prose.README))[1])
    assert errors and max(abs(float(error)) for error in errors) <= promised


def test_what_the_demo_prints_fits_together():
    page = text(prose.README)
    mean, low, high = (int(number.replace(",", "")) for number in re.search(
        r"a new token +([\d,]+) cycles \(([\d,]+) to ([\d,]+)\)", page).groups())
    rate, clock = (int(number.replace(",", "")) for number in re.search(
        r"simulated rate +([\d,]+) tokens a second at (\d+) MHz", page).groups())
    assert low <= mean <= high and rate == pytest.approx(clock * 1e6 / mean, abs=1)


def test_sizes_are_those_of_the_preset():
    chain = U280.lane.chain.length
    assert (f"With {U280.lanes} lanes of {U280.lane.chains} chains of {chain} DSPs"
            in " ".join(text(prose.README).split()))
    assert (f"{U280.lanes} lanes of {U280.lane.chains * chain} chain DSPs"
            in " ".join(text(measurements.PAGE).split()))
