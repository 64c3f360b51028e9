# SPDX-License-Identifier: Apache-2.0
"""A lane in its place: with what appends to its memory, and its end of all ways."""

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.exchange.append import Append, append_port
from flightllm_hw.exchange.destinations import append_unit, beat_shift
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.lane.lane import Lane, port
from flightllm_hw.lane.layouts import operation, result
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.units.faults import AHEAD
from flightllm_hw.units.links import lane_link, piece

from .bank import CounterBank, CounterBankConfig, counters
from .counters import LANE

__all__ = ["PIECES", "LaneNode", "lane_inputs"]

PIECES = 32
"""Pieces of tape that can wait in a node, those on their way among them."""


def lane_inputs(config: AcceleratorConfig) -> wiring.Signature:
    """What the broadcast has for a lane, seen from there."""
    lane = config.lane
    return wiring.Signature({
        "word_en": Out(2), "word": Out(range(lane.window_words)),
        "data": Out(8 * lane.chain.window),
        "scale_en": Out(1), "scale_at": Out(range(2 * lane.tokens)), "scale_data": Out(32),
        "append_valid": Out(1),
        "append": Out(append_unit(ExchangeConfig(accelerator=config))),
        "append_ready": In(1)})


class LaneNode(wiring.Component):
    """A :class:`~flightllm_hw.lane.lane.Lane` with queues, fences, appends and counters.

    ::

        link.descriptor ─► queue ─► fence? ─► + base ─► ┌──────┐ ──► o
        link.operation ──► queue ─────────────────────► │ Lane │ ◄── reading half ┐
        inputs (words, scales) ───────────────────────► └──────┘                  ├ m_axi
        inputs (appends) ──► Append ──► AxiWriter ────────────────  writing half ─┘
                               '─ appends ─► fence

    A piece with a fence waits until one more append has arrived in memory than pieces with fences
    have gone before it, counted from the last ``halt`` on. Behind it all wait.

    During ``halt``, pieces and operations are dropped and results too; once all is done with,
    errors are forgotten and the node is quiet.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    link : In
        To control (:func:`~flightllm_hw.units.links.lane_link`).
    inputs : In
        From the broadcast (:func:`lane_inputs`).
    o : Out, stream
        Results (:func:`~flightllm_hw.lane.layouts.result`).
    base, limit : In
        The lane's window in bytes, ``limit`` not in it; a multiple of the beat.
    counters : Out
        :data:`~.counters.LANE`.
    m_axi : Out
        The memory port.

    Reset: forgets everything; with the memory only.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "link": In(lane_link(config)),
            "inputs": In(lane_inputs(config)),
            "o": Out(stream.Signature(result(config.lane))),
            "base": In(ADDRESS_BITS), "limit": In(ADDRESS_BITS),
            "counters": Out(counters(LANE)),
            "m_axi": Out(Axi4Signature(data_bits=config.lane.beat_bits, id_bits=1,
                                       access=Access.BOTH)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        exchange = ExchangeConfig(accelerator=c)
        link, inputs = self.link, self.inputs
        lane = place(m, platform, "lane", Lane(c.lane))
        append = place(m, platform, "append", Append(exchange))
        writer = place(m, platform, "writer", AxiWriter(append_port(exchange)))
        pieces = place(m, platform, "pieces", Queue(QueueConfig(
            width=piece().size, depth=PIECES)))
        operations = place(m, platform, "operations", Queue(QueueConfig(
            width=operation(c.lane).size, depth=AHEAD)))
        bank = place(m, platform, "counters", CounterBank(CounterBankConfig(
            count=len(LANE))))
        halt = link.halt

        # The memory port's halves.
        for part, access in ((lane.m_axi, Access.READ), (writer.m_axi, Access.WRITE)):
            members = Axi4Signature(data_bits=c.lane.beat_bits, id_bits=1, access=access).members
            for name, member in members.items():
                mine, its = getattr(self.m_axi, name), getattr(part, name)
                m.d.comb += mine.eq(its) if member.flow is Out else its.eq(mine)
        assert port(c.lane).id_bits == append_port(exchange).id_bits == 1

        # Pieces, behind their fences. Room is for those under way as well.
        waiting = Signal(range(PIECES + 1))
        head = data.View(piece(), pieces.o.payload)
        fences = Signal.like(append.appends)
        open_ = Signal()
        goes = Signal()
        sum_1 = Signal(ADDRESS_BITS + 1, reset_less=True)
        beats_1 = Signal.like(lane.i_descriptor.payload.beats, reset_less=True)
        valid_1 = Signal()
        m.d.comb += [
            pieces.i.valid.eq(link.descriptor_valid),
            pieces.i.payload.eq(Value.cast(link.descriptor)),
            open_.eq(~head.fence | (append.appends != fences)),
            goes.eq(pieces.o.valid & open_ & ~halt & (~valid_1 | lane.i_descriptor.ready)),
            pieces.o.ready.eq(goes | halt),
            lane.i_descriptor.valid.eq(valid_1),
            Cat(lane.i_descriptor.payload.address, lane.i_descriptor.payload.wrapped).eq(sum_1),
            lane.i_descriptor.payload.beats.eq(beats_1),
            lane.pending.eq(pieces.o.valid | valid_1),
        ]
        with m.If(~valid_1 | lane.i_descriptor.ready):
            m.d.sync += [
                valid_1.eq(goes), beats_1.eq(head.beats),
                sum_1.eq(self.base + Cat(Const(0, beat_shift(exchange)), head.address)),
            ]
        with m.If(halt):
            m.d.sync += [valid_1.eq(0), fences.eq(append.appends)]
        with m.Elif(goes):
            m.d.sync += fences.eq(fences + head.fence)
        m.d.sync += [
            waiting.eq(waiting + link.descriptor_valid - (pieces.o.valid & pieces.o.ready)),
            link.room.eq(waiting < PIECES - 2 * c.crossings - 8),
        ]

        # Operations, and what comes of them.
        m.d.comb += [
            operations.i.valid.eq(link.operation_valid),
            operations.i.payload.eq(Value.cast(link.operation)),
            lane.i.valid.eq(operations.o.valid & ~halt),
            Value.cast(lane.i.payload).eq(operations.o.payload),
            operations.o.ready.eq(lane.i.ready | halt),
            self.o.valid.eq(lane.o.valid & ~halt),
            Value.cast(self.o.payload).eq(Value.cast(lane.o.payload)),
            lane.o.ready.eq(self.o.ready | halt),
        ]
        # The one whose tape is being read, or was last.
        number = Signal.like(link.fault.operation, init=-1)
        with m.If(halt):
            m.d.sync += number.eq(-1)
        with m.Elif(lane.i.valid & lane.i.ready):
            m.d.sync += number.eq(number + 1)

        # Activations, scales, appends.
        m.d.comb += [
            lane.write_en.eq(inputs.word_en), lane.write_word.eq(inputs.word),
            lane.write_data.eq(inputs.data),
            lane.scale_en.eq(inputs.scale_en), lane.scale_at.eq(inputs.scale_at),
            Value.cast(lane.scale_data).eq(inputs.scale_data),
            append.i_valid.eq(inputs.append_valid), append.i.eq(inputs.append),
            inputs.append_ready.eq(append.ready),
            append.base.eq(self.base), append.writing.eq(writer.busy),
        ]
        connect(m, append.o, writer.i)
        connect(m, append.o_beat, writer.i_beat)

        # Windows, errors, the end.
        still = Signal()
        rests = Signal()
        m.d.comb += [
            lane.base.eq(self.base), lane.limit.eq(self.limit),
            writer.base.eq(self.base), writer.limit.eq(self.limit),
            lane.halt.eq(halt), lane.clear.eq(halt), writer.clear.eq(still),
            link.fault.fault.eq(lane.error), link.fault.address.eq(lane.error_address),
            link.fault.operation.eq(number),
            link.append_fault.fault.eq(writer.error),
            link.append_fault.address.eq(writer.error_address),
        ]
        m.d.sync += [
            link.appending.eq(append.busy | writer.busy),
            rests.eq(halt & ~lane.busy),
            still.eq(halt & ~append.busy & ~writer.busy),
            link.quiet.eq(still & rests & ~pieces.o.valid & ~operations.o.valid & ~valid_1
                          & (lane.error == Fault.NONE) & (writer.error == Fault.NONE)),
            link.moves.eq(lane.reads | lane.multiplies | self.m_axi.bvalid
                          | (self.m_axi.wvalid & self.m_axi.wready)),
        ]

        # Counters.
        m.d.comb += [
            bank.clear.eq(link.begin),
            bank.events.eq(Cat(lane.reads, lane.starves, lane.blocked, lane.multiplies)),
            Value.cast(self.counters).eq(bank.o),
        ]
        return m
