# SPDX-License-Identifier: Apache-2.0
"""Elements of HTML and SVG: whatever is no markup already is escaped."""

from html import escape

__all__ = ["Markup", "joined", "tag"]

_VOID = ("br", "hr", "img", "meta")


class Markup(str):
    """Text that is markup."""

    __slots__ = ()


def joined(*pieces: str) -> Markup:
    """Pieces one behind the other, a line each; texts are escaped."""
    return Markup("\n".join(_escaped(piece) for piece in pieces if piece))


def tag(name: str, /, *children: str, **attributes: str | float) -> Markup:
    """An element.

    Parameters
    ----------
    name : str
    *children : str
        Texts, escaped, and :class:`Markup`.
    **attributes : str or number
        An underscore is a dash, one at the end is none (``class_``); numbers have one decimal.
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
                   for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{''.join(map(_escaped, children))}</{name}>")


def _escaped(text: str) -> str:
    return text if isinstance(text, Markup) else escape(text)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
