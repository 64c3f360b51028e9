# SPDX-License-Identifier: Apache-2.0
"""The prefetch FIFO: what a lane's memory port has read ahead of the chains."""

from dataclasses import dataclass

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.ram import Ram, RamConfig

__all__ = ["FifoBank", "FifoBankConfig", "PrefetchFifo", "PrefetchFifoConfig"]


@dataclass(frozen=True, kw_only=True)
class FifoBankConfig:
    """Size of a bank.

    Parameters
    ----------
    width : int
        Bits of a row.
    depth : int
        Rows; a power of two.
    """

    width: int
    depth: int


class FifoBank(wiring.Component):
    """A FIFO in UltraRAM: first in, first out, a row a cycle on either side.

    ``o`` comes from the memory's output register: a pipeline of the array's register and that one,
    each of which moves on when the next is free, so that no row waits and none is dropped.

    Parameters
    ----------
    config : FifoBankConfig
        Width and depth.

    Members
    -------
    i : In, stream
        Rows. Ready while the array has room.
    o : Out, stream
        The same rows, ``latency`` = 3 cycles later at the earliest.

    Reset: empties it.
    """

    latency = 3

    def __init__(self, config: FifoBankConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(config.width)),
            "o": Out(stream.Signature(config.width)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        ram = place(m, platform, "ram",
                    Ram(RamConfig(width=c.width, depth=c.depth, style="ultra")))

        # Whether the row on show is taken comes late in the cycle: fetches are counted a cycle
        # later, and whether there is some row to fetch is prepared for either case.
        written = Signal(range(c.depth))
        read = Signal(range(c.depth))
        filled = Signal(range(c.depth + 1))
        push = Signal()
        fetch = Signal()
        fetched = Signal()
        some = Signal()
        some_if_fetched = Signal()
        some_if_not = Signal()
        m.d.comb += [
            some.eq(Mux(fetched, some_if_fetched, some_if_not)),
            self.i.ready.eq(~filled[-1]),
            push.eq(self.i.valid & self.i.ready),
            ram.write_en.eq(push),
            ram.write_addr.eq(written),
            ram.write_data.eq(self.i.payload),
        ]
        one = Signal()
        two = Signal()
        many = Signal()
        few = filled[:3]  # All of it, unless there are many.
        m.d.comb += [
            one.eq(many | few[1:].any() | (few[0] & ~fetched)),
            two.eq(many | few[2] | (few[1] & (few[0] | ~fetched))),
        ]
        m.d.sync += [
            fetched.eq(fetch),
            many.eq(filled[2:].any()),
            some_if_fetched.eq(two | (one & push)),
            some_if_not.eq(one | push),
        ]
        with m.If(push != fetched):
            m.d.sync += filled.eq(filled + Mux(fetched, -1, 1))
        with m.If(push):
            m.d.sync += written.eq(written + 1)

        # Array's register, output register: each is free if it is empty or moves on.
        in_array = Signal()
        shown = Signal()
        m.d.comb += [
            ram.out_en.eq(~shown | self.o.ready),
            fetch.eq(some & (~in_array | ~shown | self.o.ready)),
            ram.read_en.eq(fetch),
            ram.read_addr.eq(read),
            self.o.valid.eq(shown),
            self.o.payload.eq(ram.read_data),
        ]
        with m.If(fetch):
            m.d.sync += read.eq(read + 1)
        m.d.sync += in_array.eq(fetch | (in_array & shown & ~self.o.ready))
        with m.If(ram.out_en):
            m.d.sync += shown.eq(in_array)
        return m


@dataclass(frozen=True, kw_only=True)
class PrefetchFifoConfig:
    """Size of a prefetch FIFO.

    Parameters
    ----------
    width : int
        Bits of a beat.
    beats : int
        Beats that it holds; a power of two.
    """

    width: int
    beats: int


class PrefetchFifo(wiring.Component):
    """Takes a beat a cycle and gives up to two: drains twice as fast as memory can fill it.

    Beats lie in two banks in turn, so that the next two can always be seen::

        i ──► bank 0   beats 0 2 4 ...  ──.  swap  .──► first
          └─► bank 1   beats 1 3 5 ...  ──'────────'──► second

    ``second`` is the beat after ``first``: who is ready for it must be ready for ``first``, and
    only where both are valid.

    Parameters
    ----------
    config : PrefetchFifoConfig
        Width and depth.

    Members
    -------
    i : In, stream
        Beats.
    first, second : Out, stream
        The next beat, and the one after.
    freed : Out
        Beats that left in the cycle before (0..2): credits for who reads memory.
    occupancy : Out
        Beats inside, those that left in the cycle before among them.

    Reset: empties it.
    """

    def __init__(self, config: PrefetchFifoConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(config.width)),
            "first": Out(stream.Signature(config.width)),
            "second": Out(stream.Signature(config.width)),
            "freed": Out(range(3)),
            "occupancy": Out(range(config.beats + 8)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        banks = [place(m, platform, f"bank_{n}",
                       FifoBank(FifoBankConfig(width=c.width, depth=c.beats // 2)))
                 for n in range(2)]

        # Beats go in turn into the banks, and come out of them in turn.
        into = Signal()
        for n, bank in enumerate(banks):
            m.d.comb += [
                bank.i.payload.eq(self.i.payload),
                bank.i.valid.eq(self.i.valid & (into == n)),
            ]
        m.d.comb += self.i.ready.eq(Mux(into, banks[1].i.ready, banks[0].i.ready))
        arrived = Signal()
        m.d.comb += arrived.eq(self.i.valid & self.i.ready)
        m.d.sync += into.eq(into ^ arrived)

        out_of = Signal()
        streams = Array(bank.o for bank in banks)
        takes_first = Signal()
        takes_second = Signal()
        m.d.comb += [
            self.first.valid.eq(streams[out_of].valid),
            self.first.payload.eq(streams[out_of].payload),
            self.second.valid.eq(streams[~out_of].valid),
            self.second.payload.eq(streams[~out_of].payload),
            takes_first.eq(self.first.valid & self.first.ready),
            takes_second.eq(self.second.valid & self.second.ready),
            banks[0].o.ready.eq(Mux(out_of, self.second.ready, self.first.ready)),
            banks[1].o.ready.eq(Mux(out_of, self.first.ready, self.second.ready)),
        ]
        m.d.sync += self.freed.eq(takes_first + takes_second)
        m.d.sync += out_of.eq(out_of ^ takes_first ^ takes_second)

        m.d.sync += self.occupancy.eq(self.occupancy + arrived - self.freed)
        return m
