# SPDX-License-Identifier: Apache-2.0
"""A lane's end of the way that keys and values take to memory."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory.beats import SIDE, diagonal, write_layout
from flightllm_hw.memory.bursts import descriptor_layout

from .destinations import append_unit, beat_shift, unit_codes
from .layouts import ExchangeConfig

__all__ = ["APPEND_BITS", "Append", "append_port"]

APPEND_BITS = 16
"""Width of the count of appends, which wraps."""

DEPTH = 32


def append_port(config: ExchangeConfig) -> PortConfig:
    """The writing half of the lane's port: bursts of few beats, and few of them at once."""
    beat_bits = config.lane.beat_bits
    return PortConfig(data_bits=beat_bits, summed=True, diagonal=True, fifo_depth=max(
        16, PortConfig(data_bits=beat_bits).burst_beats))


class Append(wiring.Component):
    """Units to descriptors and beats with strobes, as the memory port's writer takes them.

    ::

        i ─► queue ─► + base ─┬─► o          (descriptor)
                              └─► o_beat     (diagonals, see flightllm_hw/memory/beats.py)

        keys      row at // 8         scale     half of that row
        values    column at % 8, as many rows as there are codes

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i : In
        Units (:func:`~.destinations.append_unit`); whoever sends them looks at ``ready``.
    ready : Out
        There is room for those that are under way, and for more.
    base : In
        The lane's base in bytes, a multiple of the beat.
    o, o_beat : Out, stream
        For the :class:`~flightllm_hw.memory.writer.AxiWriter`.
    writing : In
        The writer is busy.
    busy : Out
        A unit is in here.
    appends : Out
        How many appends have arrived in memory, wrapping. The next append's beats wait for that.

    Reset: forgets everything.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        port = append_port(config)
        super().__init__({
            "i_valid": In(1), "i": In(append_unit(config)), "ready": Out(1),
            "base": In(ADDRESS_BITS),
            "o": Out(stream.Signature(descriptor_layout(port))),
            "o_beat": Out(stream.Signature(write_layout(port))),
            "writing": In(1), "busy": Out(1), "appends": Out(APPEND_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        shift = beat_shift(c)
        size = unit_codes(c)
        bytes_ = 1 << shift
        of_value = max(1, 8 * size // bytes_)
        of_key = max(1, 8 // bytes_)
        beats = max(of_value, of_key)

        # What is under way both ways when it is not ready any more: the registers, and some.
        queue = place(m, platform, "queue", Queue(QueueConfig(
            width=len(self.i.as_value()), depth=DEPTH)))
        filled = Signal(range(DEPTH + 1))
        pop = Signal()
        m.d.comb += [
            queue.i.valid.eq(self.i_valid), queue.i.payload.eq(self.i.as_value()),
            queue.o.ready.eq(pop),
        ]
        m.d.sync += [
            filled.eq(filled + self.i_valid - (queue.o.valid & pop)),
            self.ready.eq(filled < DEPTH - 2 * c.crossings - 8),
        ]

        # 1: the address.
        unit = data.View(append_unit(c), queue.o.payload)
        unit_1 = Signal(append_unit(c), reset_less=True)
        address_1 = Signal(ADDRESS_BITS + 1, reset_less=True)
        valid_1 = Signal()
        told = Signal()
        closing = Signal()
        beat = Signal(range(max(2, beats)))
        goes = Signal()
        done = Signal()
        m.d.comb += [
            pop.eq(~valid_1 | done),
            self.busy.eq(self.i_valid | filled.any() | valid_1 | closing | self.o_beat.valid),
        ]
        with m.If(pop):
            m.d.sync += [
                valid_1.eq(queue.o.valid), unit_1.eq(unit),
                address_1.eq(self.base + Cat(Const(0, shift), unit.beat)),
            ]

        # 2: the descriptor, then its beats, each of which leaves through a register.
        last_beat = Signal()
        free = Signal()
        beat_2 = Signal(write_layout(append_port(c)), reset_less=True)
        count = Mux(unit_1.values, of_value, Mux(unit_1.four, 1, of_key))
        m.d.comb += [
            self.o.valid.eq(valid_1 & ~unit_1.empty & ~told & ~closing),
            Cat(self.o.payload.address, self.o.payload.wrapped).eq(address_1),
            self.o.payload.beats.eq(count),
            free.eq(~self.o_beat.valid | self.o_beat.ready),
            last_beat.eq(beat == count - 1),
            goes.eq(valid_1 & ~unit_1.empty & free & ~closing),
            done.eq(valid_1 & ~closing
                    & (unit_1.empty | (goes & last_beat & (told | self.o.ready)))),
            self.o_beat.payload.eq(beat_2),
        ]
        m.d.sync += told.eq(~done & (told | (self.o.valid & self.o.ready)))
        # The last beat waits for the descriptor to be taken.
        moves = Signal()
        m.d.comb += moves.eq(goes & (~last_beat | told | self.o.ready))
        with m.If(free):
            m.d.sync += self.o_beat.valid.eq(moves)
        with m.If(moves):
            m.d.sync += beat.eq(Mux(last_beat, 0, beat + 1))

        # A unit's second beat begins on another diagonal than the first.
        columns = len(beat_2.columns)
        in_column = Signal(columns)
        in_row = Signal(len(beat_2.rows))
        for n in range(columns):
            its = [int((v * bytes_ + n) % SIDE == p) for v in range(beats) for p in range(SIDE)]
            m.d.comb += in_column[n].eq(Mux(
                unit_1.values, Array(its)[Cat(unit_1.at[:3], beat)],
                ~unit_1.four | (unit_1.at[2] == n >> 2 if shift > 2 else 1)))
        for n in range(len(beat_2.rows)):
            m.d.comb += in_row[n].eq(Mux(unit_1.values, n < size, unit_1.at[3:] == n))
        with m.If(free):
            m.d.sync += [
                beat_2.bytes.eq(Array(unit_1.codes.rotate_right(8 * diagonal(v * bytes_))
                                      for v in range(beats))[beat]),
                beat_2.rows.eq(in_row), beat_2.columns.eq(in_column),
            ]

        # An append counts once all of the writer's bursts are answered; the writer says so some
        # cycles after it has been told. The next one waits: it may write to the same beats.
        quiet = Signal()
        idle = Signal(3)
        m.d.comb += quiet.eq(closing & ~self.o_beat.valid & ~self.writing)
        m.d.sync += idle.eq(Mux(quiet, idle << 1 | 1, 0))
        with m.If(done & unit_1.last):
            m.d.sync += closing.eq(1)
        with m.If(idle.all() & quiet):
            m.d.sync += [self.appends.eq(self.appends + 1), closing.eq(0), idle.eq(0)]
        return m
