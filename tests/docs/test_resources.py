# SPDX-License-Identifier: Apache-2.0
"""What the documents say that the kernel takes is what its report says."""

import json
import re

import pytest
import resource_tables as script

REPORT = json.loads(script.KEPT.read_text())
OTHER = REPORT | {"lut": REPORT["lut"] + 1, "modules": {
    name: one | {"lut": one["lut"] + 1000} for name, one in REPORT["modules"].items()}}


@pytest.mark.parametrize("path", script.TABLES, ids=lambda path: path.name)
def test_tables_are_those_of_the_report(path):
    page = path.read_text(encoding="utf-8")
    assert script.filled(path, REPORT) == page, f"{path.name}: docs/examples/resource_tables.py"
    assert script.filled(path, OTHER) != page


def test_modules_on_their_own_are_parts_of_the_reports():
    page = (script.ROOT / "docs" / "core.md").read_text(encoding="utf-8")
    table = page.split("without those below it | instances |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", table, re.MULTILINE)
    known = 0
    for name, *numbers in rows:
        count, each, total = (int(number.replace(",", "")) for number in numbers)
        assert total == pytest.approx(count * each, abs=count)
        if one := REPORT["modules"].get(name):
            known += 1
            assert count == one["count"]
            assert 0.85 * one["lut"] <= each <= one["lut"], name
    assert known >= 8
