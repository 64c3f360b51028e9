# SPDX-License-Identifier: Apache-2.0
"""What sections of the page are made of: tables, figures, commands, and where figures are from."""

from collections.abc import Sequence

from flightllm_hw.report.markup import Markup, joined, tag

__all__ = ["bar", "command", "figure", "kind", "section", "table"]

KINDS = {"simulated": "simulated", "estimated": "estimated", "counted": "from the configuration",
         "plan": "a plan"}


def kind(which: str) -> Markup:
    """Where a figure is from: one of ``KINDS``."""
    return tag("span", KINDS[which], class_=f"kind {which}")


def command(text: str) -> Markup:
    """What makes a figure; nothing if nothing does."""
    if not text:
        return Markup("")
    # Lines break between options.
    pieces = [piece if n == 0 else f"--{piece}" for n, piece in enumerate(text.split(" --"))]
    return tag("code", *(tag("span", piece + " ") for piece in pieces), class_="command")


def section(title: str, *inside: str) -> Markup:
    """A section of the page."""
    return tag("section", Markup("\n"), joined(tag("h2", title), *inside), Markup("\n"))


def figure(picture: Markup, *caption: str) -> Markup:
    """A picture and what stands below it."""
    return tag("figure", Markup("\n"), picture, Markup("\n"),
               tag("figcaption", Markup("".join(
                   piece if isinstance(piece, Markup) else tag("p", piece)
                   for piece in caption if piece))), Markup("\n"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> Markup:
    """A table: ``words`` columns of words, then numbers, to the right; no head if there is none."""
    def cells(name: str, row: Sequence[str]) -> Markup:
        return tag("tr", *(tag("th" if name == "th" or (n == 0 and not head) else name, cell,
                               **({"class_": "number"} if n >= words else {}))
                           for n, cell in enumerate(row)))

    body = tag("tbody", Markup("\n"), joined(*(cells("td", row) for row in rows)))
    top = (tag("thead", cells("th", head)),) if head else ()
    return tag("div", tag("table", *top, body, **({"class_": "data"} if head else {})),
               class_="scroll")


def bar(parts: Sequence[tuple[float, str]], title: str) -> Markup:
    """A bar of coloured parts of 1."""
    pieces, at = list[Markup](), 0.0
    for share, colour in parts:
        wide = 100 * min(share, 1 - at)
        pieces.append(tag("rect", x=100 * at, y=0, width=max(0.0, wide), height=10,
                          class_=f"part {colour}"))
        at = min(1.0, at + share)
    return tag("svg", tag("title", title), tag("rect", x=0, y=0, width=100, height=10,
                                               class_="part empty"), *pieces,
               viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=title,
               class_="bar")
