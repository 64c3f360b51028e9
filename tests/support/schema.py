# SPDX-License-Identifier: Apache-2.0
"""A schema for XML as small as what it is for: elements, their attributes, how many of each."""

import re
from dataclasses import dataclass, field

__all__ = ["Element", "complaints"]


@dataclass
class Element:
    """An element: a pattern for each attribute, all of which must be there, and its children.

    Of children by the same name, a given one is the first whose attributes fit.
    """

    name: str
    attributes: dict
    children: list = field(default_factory=list)
    least: int = 1
    most: int | None = None


def _attributes(element, schema):
    found = [f"{element.tag} lacks {name}" for name in schema.attributes
             if name not in element.attrib]
    for name, value in element.attrib.items():
        if name not in schema.attributes:
            found.append(f"{element.tag} knows no {name}")
        elif not re.fullmatch(schema.attributes[name], value):
            found.append(f"{element.tag}: {name} is {value!r}")
    return found


def complaints(element, schema):
    """Everything that is wrong with an element, in sentences."""
    found = _attributes(element, schema) if element.tag == schema.name else [
        f"{element.tag} in place of {schema.name}"]
    if element.text and element.text.strip():
        found.append(f"{element.tag} has text")
    counts = [0] * len(schema.children)
    for child in element:
        fitting = [n for n, kind in enumerate(schema.children) if kind.name == child.tag]
        if not fitting:
            found.append(f"{element.tag} has no {child.tag}")
            continue
        best = min(fitting, key=lambda n: len(_attributes(child, schema.children[n])))
        counts[best] += 1
        found += complaints(child, schema.children[best])
    for kind, count in zip(schema.children, counts, strict=True):
        if count < kind.least:
            found.append(f"{kind.name}: {count} of at least {kind.least}")
        if kind.most is not None and count > kind.most:
            found.append(f"{kind.name}: {count} of at most {kind.most}")
    return found
