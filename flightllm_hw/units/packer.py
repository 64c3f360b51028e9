# SPDX-License-Identifier: Apache-2.0
"""From rows to beats."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.memory.beats import write_layout

from .transfers import MemoryUnitConfig, store_task

__all__ = ["Packer"]


class Packer(wiring.Component):
    """Cuts rows into beats, or puts several into one; or puts words of 4 bytes into beats.

    ::

        i ─► | row  | row  | ... |    as many as a beat has
             | beat | beat | ... | ─► o   or as many as a row has

    The register in the middle is filled by rows from the bottom on, and emptied by beats, the
    lowest first. What nothing was put into is not strobed.

    Parameters
    ----------
    config : MemoryUnitConfig

    Members
    -------
    start, last : In
        ``last`` + 1 rows are to come. Only when all that came before are gone.
    scalars : In
        Of each row only the first element counts, and goes to word ``place`` of the beat. Held
        from ``start`` on.
    place, take, close : In
        For scalars: where the next one goes; it may be taken; the beat that was filled is offered,
        until it is taken, and none is taken then.
    stop : In
        Takes and drops all, and forgets what is in here.
    i : In, stream
        Rows.
    o : Out, stream
        Beats; ``stop`` takes them back.
    all_in : Out
        All rows were taken.
    final : Out
        And the beat that ``o`` offers is the last one.

    Latency: one cycle. Throughput: a row or a beat a cycle, whatever is less. Reset: empties it.
    """

    def __init__(self, config: MemoryUnitConfig):
        self.config = config
        super().__init__({
            "start": In(1), "last": In(store_task(config).members["last"]),
            "scalars": In(1), "place": In(config.beat_shift - 2), "take": In(1), "close": In(1),
            "stop": In(1),
            "i": In(stream.Signature(config.row_bits)),
            "o": Out(stream.Signature(write_layout(config.write_port))),
            "all_in": Out(1), "final": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        held_bits = max(c.beat_bits, c.row_bits)
        rows, beats = held_bits // c.row_bits, held_bits // c.beat_bits
        words = c.beat_bytes // 4
        held = Signal(data.ArrayLayout(32, held_bits // 32), reset_less=True)
        there = Signal(words)
        left = Signal.like(self.last)
        row = Signal(range(max(2, rows)))
        beat = Signal(range(max(2, beats)))
        full = Signal()
        last_beat = Signal()
        empties = Signal()
        takes = Signal()
        whole = Signal()
        m.d.comb += [
            last_beat.eq(self.scalars | (beat == beats - 1)),
            self.o.valid.eq(full | self.close),
            self.o.payload.data.eq(held.as_value()[:c.beat_bits]),
            self.o.payload.strobe.eq(Cat(bit.replicate(4) for bit in there)),
            self.final.eq(self.all_in & last_beat),
            empties.eq(self.o.valid & self.o.ready & last_beat),
            self.i.ready.eq(Mux(self.scalars, self.take, ~full | empties) | self.stop),
            takes.eq(self.i.valid & self.i.ready),
            whole.eq((row == rows - 1) | (left == 0)),
        ]

        # Out.
        with m.If(full & self.o.ready):
            m.d.sync += beat.eq(Mux(last_beat, 0, beat + 1))
            if beats > 1:
                m.d.sync += held.as_value().eq(held.as_value() >> c.beat_bits)
        with m.If(empties):
            m.d.sync += [full.eq(0), there.eq(0)]

        # In: each word has an enable of its own.
        fills = Signal(held_bits // 32)
        of_row = c.sfu.width
        with m.If(self.scalars):
            m.d.comb += fills.eq(1 << self.place)
        with m.Else():
            m.d.comb += fills.eq(Cat((row == n).replicate(of_row) for n in range(rows)))
        with m.If(takes):
            m.d.sync += [
                left.eq(left - 1), self.all_in.eq(left == 0),
                there.eq(Mux(empties, 0, there) | fills),
            ]
            with m.If(~self.scalars):
                m.d.sync += [row.eq(Mux(whole, 0, row + 1)), full.eq(whole)]
            for n in range(held_bits // 32):
                with m.If(fills[n]):
                    m.d.sync += held[n].eq(Mux(self.scalars, self.i.payload[:32],
                                               self.i.payload.word_select(n % of_row, 32)))
        with m.If(self.start):
            m.d.sync += [left.eq(self.last), self.all_in.eq(0)]
        with m.If(self.start | self.stop):
            m.d.sync += [full.eq(0), row.eq(0), beat.eq(0), there.eq(0)]
        return m
