# SPDX-License-Identifier: Apache-2.0
"""Block sparsity: from a mask to the numbers of the blocks that hold anything."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
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

        # What is left of the word, its lowest bit, and what is left without it. The number of the
        # lowest bit is an OR for each of its digits: no chain of priorities.
        left = Signal(blocks)
        full = Signal()
        empty = Signal(init=1)
        less_one = Signal(blocks)
        lowest = Signal(blocks)
        rest = Signal(blocks)
        block = Signal(range(blocks))
        m.d.comb += [
            less_one.eq(left - 1),
            lowest.eq(left & ~less_one),
            rest.eq(left & less_one),
            *(block[digit].eq(Cat(lowest[n] for n in range(blocks) if n >> digit & 1).any())
              for digit in range(len(block))),
        ]

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
                full.eq(rest != 0),
                empty.eq(rest == 0),
                shown.eq(1),
                shown_1.block.eq(block),
                shown_1.last.eq(rest == 0),
                shown_1.empty.eq(left == 0),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += shown.eq(0)
        return m
