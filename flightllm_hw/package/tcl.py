# SPDX-License-Identifier: Apache-2.0
"""Values as Tcl writes them: words, and lists of lists of words."""

import re
from collections.abc import Mapping, Sequence

__all__ = ["Value", "assignments", "word"]

Value = str | int | Sequence["Value"]
"""What can be written: a string, a number, a list of such."""

_PLAIN = re.compile(r"[\w./:+\-]+")


def word(value: Value) -> str:
    """One word of Tcl, which nothing is substituted in.

    Raises
    ------
    ValueError
        If braces cannot hold it.
    """
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return "{" + " ".join(map(word, value)) + "}"
    if _PLAIN.fullmatch(value):
        return value
    if re.search(r"[{}\\\n]", value):
        raise ValueError(f"Braces cannot hold {value!r}")
    return "{" + value + "}"


def assignments(values: Mapping[str, Value], width: int = 100) -> str:
    """``set`` for each name; a list that is too long for a line is one line an element."""
    texts = []
    for name, value in values.items():
        line = f"set {name:<15} {word(value)}"
        if len(line) > width and not isinstance(value, str | int):
            inner = "".join(f"    {word(element)}\n" for element in value)
            line = f"set {name} {{\n{inner}}}"
        texts.append(line + "\n")
    return "".join(texts)
