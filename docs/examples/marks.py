# SPDX-License-Identifier: Apache-2.0
"""What scripts write into pages, between ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""

import textwrap

__all__ = ["between", "paragraph"]


def between(page, name, lines):
    """The page with these lines between the marks of a name, each of which it has once."""
    first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if page.count(first) != 1 or page.count(last) != 1:
        raise ValueError(f"There is not one mark of each kind for {name!r}")
    before, rest = page.split(first)
    return before + first + "".join(f"{line}\n" for line in lines) + last + rest.split(last)[1]


def paragraph(text):
    """Its lines."""
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
