# SPDX-License-Identifier: Apache-2.0
"""Block sparsity: from a mask to the numbers of the blocks that hold anything."""

from dataclasses import dataclass
from typing import NamedTuple

from amaranth.hdl import Array, C, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BlockWalk", "BlockWalkConfig"]


@dataclass(frozen=True, kw_only=True)
class BlockWalkConfig:
    """Size of a mask.

    Parameters
    ----------
    blocks : int
        Bits of a mask word, a block each.
    """

    blocks: int = 64

    def __post_init__(self) -> None:
        if not 2 <= self.blocks <= 64:
            raise ValueError(f"Block walk must take 2..64 blocks, not {self.blocks!r}")


class _Node(NamedTuple):
    """Some bits of a word."""

    any: Value
    """One is set."""
    two: Value
    """Two are set."""
    lowest: Value
    """The number of the lowest that is set, or 0."""


def _join(branches: list[_Node]) -> _Node:
    """The bits of up to four nodes, lower ones first."""
    found = Cat(node.any for node in branches)
    first = C(0, 2)
    for n in reversed(range(len(branches))):
        first = Mux(found[n], n, first)
    several = Cat(found[n] & found[n + 1:].any() for n in range(len(branches) - 1))
    return _Node(any=found.any(),
                 two=(Cat(node.two for node in branches) | several).any(),
                 lowest=Cat(Array(node.lowest for node in branches)[first], first))


class BlockWalk(wiring.Component):
    """Names the set bits of a mask in ascending order, one a cycle.

    Blocks of zeros take no tile on the tape and no cycle in the chains: activations are read for
    the blocks that are named, and for no others. From one word to the next a cycle passes. A word
    without a bit still gives one item, ``empty``: rows of nothing but zeros have results too.

    ::

        i 0b01001 ──► o {0}, {3, last}         i 0b00000 ──► o {empty, last}

    Parameters
    ----------
    config : BlockWalkConfig
        Bits of a word.

    Members
    -------
    i : In, stream
        Masks; bit n is set where block n holds anything.
    o : Out, stream
        ``block``: its number; ``last``: of its word; ``empty``: the word has none (``block`` is 0).

    Latency: ``latency`` = 2 cycles from a word to its first block. Reset: forgets the word.
    """

    latency = 2

    def __init__(self, config: BlockWalkConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(config.blocks)),
            "o": Out(stream.Signature(data.StructLayout({
                "block": range(config.blocks), "last": 1, "empty": 1}))),
        })

    def elaborate(self, platform):
        m = Module()
        blocks = self.config.blocks

        # A tree over what is left of the word, four to one. A node tells whether it has any bit,
        # whether it has two, and which of its branches its lowest bit is in.
        left = Signal(blocks)
        full = Signal()
        empty = Signal(init=1)
        level = [_Node(bit, C(0, 1), C(0, 0)) for bit in left]
        levels = [level]
        while len(level) > 1:
            level = [_join(level[n:n + 4]) for n in range(0, len(level), 4)]
            for n, node in enumerate(level):
                named = _Node(*(Signal.like(value, name=f"{name}_{len(levels)}_{n}")
                                for name, value in zip(_Node._fields, node, strict=True)))
                m.d.comb += [signal.eq(value) for signal, value in zip(named, node, strict=True)]
                level[n] = named
            levels.append(level)
        root, = level

        # What is left without the lowest bit: bits that have another one below, in their own four
        # or in a branch before it.
        below = [C(0, 1)]
        for depth in reversed(range(len(levels) - 1)):
            nodes = levels[depth]
            above, below = below, []
            for n in range(len(nodes)):
                blocked = Signal(name=f"blocked_{depth}_{n}")
                m.d.comb += blocked.eq(
                    above[n // 4] | Cat(node.any for node in nodes[n // 4 * 4:n]).any())
                below.append(blocked)
        rest = Signal(blocks)
        m.d.comb += rest.eq(left & Cat(below))

        # The lowest bit moves on to the output register, the rest stays.
        shown = Signal()
        shown_1 = Signal.like(self.o.payload, reset_less=True)
        moves = Signal()
        m.d.comb += [
            self.o.valid.eq(shown),
            self.o.payload.eq(shown_1),
            self.i.ready.eq(empty),
            moves.eq(full & (~shown | self.o.ready)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [left.eq(self.i.payload), full.eq(1), empty.eq(0)]
        with m.If(moves):
            m.d.sync += [
                left.eq(rest),
                full.eq(root.two),
                empty.eq(~root.two),
                shown.eq(1),
                shown_1.block.eq(root.lowest),
                shown_1.last.eq(~root.two),
                shown_1.empty.eq(~root.any),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += shown.eq(0)
        return m
