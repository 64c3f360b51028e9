# SPDX-License-Identifier: Apache-2.0
"""The examples of ``docs/golden.md`` give what it says."""

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "golden.md"


def test_examples():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert tried >= 15 and not failed
