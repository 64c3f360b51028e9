# SPDX-License-Identifier: Apache-2.0
"""A trace's picture shows what the trace has, and a time line stands where it should."""

import json
import xml.etree.ElementTree as ET

import pytest
import trace_picture as script

from flightllm_hw.report.drawing import alone
from flightllm_hw.report.timeline import Bar, timeline

FILE = script.Path(script.__file__).parents[1] / "pictures" / "decoder_layer.trace.json"
TRACE = json.loads(FILE.read_text(encoding="utf-8"))


def titles(text):
    """What a browser says of each bar."""
    groups = [one for one in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}g")
              if one.find("{*}title") is not None]
    return [group.find("{*}title").text for group in groups]


def rectangle(text, title):
    group = next(one for one in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}g")
                 if one.findtext("{*}title") == title)
    return {key: float(group.find("{*}rect").get(key)) for key in ("x", "y", "width")}


@pytest.mark.parametrize(("first", "last"), [(0, 4577), (1000, 2000), (1900, 1901)])
def test_the_picture_has_the_events_of_its_cycles(first, last, tmp_path):
    path = tmp_path / "some.svg"
    script.main([str(FILE), "--cycles", str(first), str(last), "-o", str(path)])
    wanted = [f"{event['args']['pc']}: {event['name']}" for event in TRACE["traceEvents"]
              if event["ph"] == "X" and event["ts"] < last and event["ts"] + event["dur"] > first]
    found = [title.split(",")[0] for title in titles(path.read_text(encoding="utf-8"))]
    assert wanted and sorted(found) == sorted(wanted)


def test_a_turn_is_from_a_products_beginning_to_its_next_one(tmp_path):
    def event(start, pc):
        return {"ph": "X", "cat": "LANES", "name": "MV", "ts": start, "dur": 5, "args": {"pc": pc}}

    trace = {"traceEvents": [event(10 * n, 3 + n % 4) for n in range(1, 13)]}
    assert script.turn(trace, 0) == (10, 50) and script.turn(trace, 1) == (50, 90)
    with pytest.raises(ValueError, match=r"Turn must be in 0\.\.1, not 2"):
        script.turn(trace, 2)
    (tmp_path / "t.json").write_text(json.dumps(trace))
    script.main([str(tmp_path / "t.json"), "-o", str(tmp_path / "t.svg")])
    assert len(titles((tmp_path / "t.svg").read_text())) == 4


def test_bars_that_overlap_stand_below_one_another():
    a, b, c = (Bar(row="A", start=start, end=end, text=name, title=name)
               for start, end, name in ((0, 60, "a"), (50, 80, "b"), (60, 100, "c")))
    text = alone(timeline("Three", {"A": "blue"}, [a, b, c], first=0, last=100, ties=[(a, c)]))
    one, two, three = (rectangle(text, name) for name in "abc")
    assert one["y"] == three["y"] < two["y"]
    assert three["x"] == pytest.approx(one["x"] + one["width"], abs=0.2)
    assert two["width"] == pytest.approx(three["width"] * 30 / 40, abs=0.2)
    assert text.count("way warn") == 1 and ".way.warn" in text


def test_what_begins_before_the_picture_is_cut():
    bar = Bar(row="A", start=0, end=60, text="a", title="a")
    text = alone(timeline("One", {"A": "blue"}, [bar], first=50, last=100))
    assert rectangle(text, "a")["width"] == pytest.approx(910 / 5, abs=0.2)
