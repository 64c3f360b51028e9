# SPDX-License-Identifier: Apache-2.0
"""An HTML document as a tree, if every element that was opened is closed in its turn."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Element", "parse"]

VOID = {"br", "hr", "img", "meta"}


@dataclass
class Element:
    """An element; ``inside`` are texts and elements."""

    name: str
    attributes: dict = field(default_factory=dict)
    inside: list = field(default_factory=list)

    def all(self, name):
        """Elements of this name in it, in order."""
        for piece in self.inside:
            if isinstance(piece, Element):
                if piece.name == name:
                    yield piece
                yield from piece.all(name)

    @property
    def text(self):
        """All texts in it."""
        return "".join(piece if isinstance(piece, str) else piece.text for piece in self.inside)


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.open[-1].inside.append(data)


def parse(text):
    """The document's root, which has no name."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert len(parser.open) == 1, f"{parser.open[-1].name} is not closed"
    return parser.open[0]
