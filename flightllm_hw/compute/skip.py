# SPDX-License-Identifier: Apache-2.0
"""Block sparsity: from a mask to the numbers of the blocks that hold anything."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
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
    the blocks that are named, and for no others. A word follows the one before without a bubble. A
    word without a bit still gives one item, ``empty``: rows of nothing but zeros have results too.

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

    Latency: ``latency`` = 1 cycle from a word to its first block. Reset: forgets the word.
    """

    latency = 1

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

        # What is left of the word, and the same without its lowest bit.
        left = Signal(blocks)
        full = Signal()
        rest = Signal(blocks)
        block = Signal(range(blocks))
        m.d.comb += rest.eq(left & (left - 1))
        for n in reversed(range(blocks)):
            with m.If(left[n]):
                m.d.comb += block.eq(n)

        m.d.comb += [
            self.o.valid.eq(full),
            self.o.payload.block.eq(block),
            self.o.payload.last.eq(rest == 0),
            self.o.payload.empty.eq(left == 0),
            self.i.ready.eq(~full | (self.o.ready & self.o.payload.last)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [left.eq(self.i.payload), full.eq(1)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(rest), full.eq(~self.o.payload.last)]
        return m
