# SPDX-License-Identifier: Apache-2.0
"""Small things on streams."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Merge", "MergeConfig", "Queue", "QueueConfig"]


@dataclass(frozen=True, kw_only=True)
class QueueConfig:
    """Size of a queue.

    Parameters
    ----------
    width : int
        Bits of an item.
    depth : int
        Items; a power of two.
    """

    width: int
    depth: int = 16

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"Queue width must be at least 1 bit, not {self.width!r}")
        if self.depth < 2 or self.depth & (self.depth - 1):
            raise ValueError(f"Queue depth must be a power of two from 2 on, not {self.depth!r}")


class Queue(wiring.Component):
    """First in, first out, in the LUTs' memory; an item a cycle on either side.

    Parameters
    ----------
    config : QueueConfig
        Width and depth.

    Members
    -------
    i : In, stream
        Items.
    o : Out, stream
        The same, ``latency`` = 1 cycle later at the earliest.

    Reset: empties it.
    """

    latency = 1

    def __init__(self, config: QueueConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(config.width)),
            "o": Out(stream.Signature(config.width)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        array = Memory(shape=c.width, depth=c.depth, init=[], attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write, read = array.write_port(), array.read_port(domain="comb")
        written = Signal(range(c.depth))
        taken = Signal(range(c.depth))
        filled = Signal(range(c.depth + 1))
        push = Signal()
        pop = Signal()
        # Ready and valid are registers, so that chains of queues are no chains of logic.
        room = Signal(init=1)
        some = Signal()
        m.d.comb += [
            self.i.ready.eq(room),
            self.o.valid.eq(some),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            write.en.eq(push),
            write.addr.eq(written),
            write.data.eq(self.i.payload),
            read.addr.eq(taken),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            written.eq(written + push),
            taken.eq(taken + pop),
            filled.eq(filled + push - pop),
            room.eq(pop | (filled < c.depth - 1) | ((filled == c.depth - 1) & ~push)),
            some.eq(push | (filled > 1) | ((filled == 1) & ~pop)),
        ]
        return m


@dataclass(frozen=True, kw_only=True)
class MergeConfig:
    """What is merged.

    Parameters
    ----------
    width : int
        Bits of an item.
    """

    width: int


class Merge(wiring.Component):
    """Two streams as one; ``first`` goes first.

    Parameters
    ----------
    config : MergeConfig
        Width.

    Members
    -------
    first, second : In, stream
    o : Out, stream
        In the same cycle, by wires: an offer of ``second`` that nobody takes is withdrawn for one
        of ``first``.
    """

    def __init__(self, config: MergeConfig):
        self.config = config
        super().__init__({name: flow(stream.Signature(config.width))
                          for name, flow in (("first", In), ("second", In), ("o", Out))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.o.valid.eq(self.first.valid | self.second.valid),
            self.first.ready.eq(self.o.ready),
            self.second.ready.eq(self.o.ready & ~self.first.valid),
            self.o.payload.eq(self.second.payload),
        ]
        with m.If(self.first.valid):
            m.d.comb += self.o.payload.eq(self.first.payload)
        return m
