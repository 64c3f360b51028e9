# SPDX-License-Identifier: Apache-2.0
"""What the documents say that the kernel takes is what its report says."""

import json

import pytest
import resource_tables as script

REPORT = json.loads(script.KEPT.read_text())


@pytest.mark.parametrize("path", script.TABLES, ids=lambda path: path.name)
def test_tables_are_those_of_the_report(path):
    assert script.filled(path, REPORT) == path.read_text(encoding="utf-8")
    other = REPORT | {"lut": REPORT["lut"] + 1}
    other["modules"] = REPORT["modules"] | {"core": REPORT["modules"]["core"] | {"lut": 1}}
    assert script.filled(path, other) != path.read_text(encoding="utf-8")
