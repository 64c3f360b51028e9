# SPDX-License-Identifier: Apache-2.0
"""Which modules of a design Verilator translates once for all of their instances.

::

    dut ─┬─ core ─┬─ control          one instance: becomes part of dut
         │        ├─ lane 0 ── ...    ┐
         │        ├─ lane 1 ── ...    ├ an island: one function, 32 times with other data
         │        └─ lane 31 ── ...   ┘

A module's functions serve all of its instances if they touch nothing but the module's own signals.
So whatever is inside an island becomes part of it, and so does what has one instance of what is
around it. Otherwise 4,096 DSPs would be as many functions, more than a processor's cache holds, and
each cycle would read all of them from memory.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["mark_islands"]

LEAST = 4_000
"""Characters of Verilog below which a module, with all inside, is not worth a call."""

HEAD = re.compile(r"^module (\\\S+ |\w+)\s*\([^;]*?\);", re.M)
INSTANCE = re.compile(r"^  (\\\S+|\w+)\s+(?:\\\S+ |\w+)\s*\(", re.M)


@dataclass
class _Modules:
    """Modules of a text: how long they are, and what is in them."""

    top: str
    sizes: dict[str, int] = field(default_factory=dict)
    children: dict[str, Counter[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, top: str) -> "_Modules":
        modules = cls(top)
        heads = list(HEAD.finditer(text))
        names = {head[1].strip() for head in heads}
        for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)], strict=True):
            name, body = head[1].strip(), text[head.end():end]
            modules.sizes[name] = len(body)
            modules.children[name] = Counter(
                child for child in INSTANCE.findall(body) if child in names)
        return modules

    @cached_property
    def order(self) -> list[str]:
        """All modules, each behind those that it is in."""
        order: list[str] = []

        def visit(name: str) -> None:
            for child in self.children[name]:
                if child not in order:
                    visit(child)
            order.append(name)

        visit(self.top)
        return order[::-1]

    def islands(self) -> set[str]:
        """Repeated modules, the greatest first, none within another."""
        counts = Counter({self.top: 1})
        for name in self.order:
            for child, times in self.children[name].items():
                counts[child] += times * counts[name]
        inside: dict[str, set[str]] = {}
        whole: dict[str, int] = {}
        for name in reversed(self.order):
            children = self.children[name]
            inside[name] = set(children).union(*(inside[child] for child in children))
            whole[name] = self.sizes[name] + sum(n * whole[child] for child, n in children.items())
        chosen: set[str] = set()
        for name in sorted(whole, key=lambda name: (-whole[name] * counts[name], name)):
            related = any(name in inside[other] or other in inside[name] for other in chosen)
            if counts[name] > 1 and whole[name] >= LEAST and not related:
                chosen.add(name)
        return chosen


def mark_islands(text: str, top: str) -> str:
    """The Verilog with what Verilator must know of each module.

    Parameters
    ----------
    text : str
        As Yosys writes it.
    top : str
        The top module.
    """
    modules = _Modules.of(text, top)
    if top not in modules.sizes:
        return text
    own = modules.islands() | {top}

    def mark(head: re.Match[str]) -> str:
        which = "no_inline_module" if head[1].strip() in own else "inline_module"
        return f"{head[0]} /*verilator {which}*/"

    return HEAD.sub(mark, text)
