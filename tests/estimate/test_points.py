# SPDX-License-Identifier: Apache-2.0
"""Estimates beside cycles of the RTL: all that there are, and one that is run."""

from pathlib import Path

import estimates
import pytest

from flightllm_hw.bench.bench import bench
from flightllm_hw.estimate.estimate import estimate

POINTS = estimates.points()
"""``flightllm-hw bench ARGUMENTS BENCH`` took so many cycles."""

LIVE = "decode --shape stories260k --preset tiny --bits 8 --group 32 --context 64"


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p['arguments']} {p['bench']}".strip())
def test_estimates_are_within_3_percent_of_the_rtl(point, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    found = estimate(estimates.wanted(point["arguments"]))
    assert found["cycles"] == pytest.approx(point["cycles"], rel=0.03)


def test_there_are_points_enough():
    works = [estimates.wanted(p["arguments"]) for p in POINTS if "/" not in p["arguments"]]
    wanted = {(work.mode, work.config.name) for work in works}
    assert len(POINTS) >= 12
    assert wanted >= {("decode", "tiny"), ("decode", "small"), ("decode", "u280"),
                      ("prefill", "tiny"), ("prefill", "small")}


@pytest.mark.rtl
def test_the_rtl_still_takes_as_many_cycles():
    point, = (p for p in POINTS if (p["arguments"], p["bench"]) == (LIVE, ""))
    wanted = estimates.wanted(LIVE)
    found = bench(wanted, check=False)
    assert found["cycles"] == pytest.approx(point["cycles"], rel=0.005)
    estimated = estimate(wanted)
    assert estimated["cycles"] == pytest.approx(found["cycles"], rel=0.03)
    # These are counted, not estimated.
    for name in ("bytes", "tokens", "deliverable_gb_s", "memory"):
        assert estimated[name] == found[name]


def test_the_page_has_this_table(monkeypatch):
    monkeypatch.chdir(estimates.ROOT)
    page = estimates.PAGE.read_text(encoding="utf-8")
    assert estimates.filled(page) == page
