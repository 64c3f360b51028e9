# SPDX-License-Identifier: Apache-2.0
"""docs/compiler.md has the sizes that today's compiler decides on."""

import compiled_sizes


def test_the_page_has_todays_sizes():
    page = compiled_sizes.PAGE.read_text(encoding="utf-8")
    assert compiled_sizes.filled(page) == page, "docs/examples/compiled_sizes.py"


def test_other_sizes_would_be_seen(monkeypatch):
    page = compiled_sizes.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(compiled_sizes, "PLANS", compiled_sizes.PLANS[1:])
    assert compiled_sizes.filled(page) != page
