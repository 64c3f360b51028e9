# SPDX-License-Identifier: Apache-2.0
"""Stores: from the vector buffer, or the scalars, to the host's memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory.beats import write_layout
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.sfu.layouts import external_row, vector_pass

from .packer import Packer
from .passes import DEPTH, StorePasses
from .transfers import WORD_BITS, MemoryUnitConfig, beats_for, store_task

__all__ = ["Stores"]

QUIET = 3
"""Cycles in which nothing is under way, until it is believed."""


class Stores(wiring.Component):
    """Has rows or scalars put out by passes, and writes them.

    ::

        i ──┬─► StorePasses ─► o_pass ─ ─ (unit) ─ ─► i_out ─► queue ─► Packer ─┐ beats
            │        room ▲──────────────────────────────────────┘              ▼
            └─► address ─► inside? ─► descriptor ─────────────────────────► AxiWriter

    Rows are one descriptor. Scalars are taken one after the other: those that lie in the same beat
    are written together, those that do not each have a descriptor, and the beat follows it. So the
    first one outside of the window ends it there, and no two bursts write to one beat.

    Parameters
    ----------
    config : MemoryUnitConfig

    Members
    -------
    i : In, stream
        What to store (:func:`~.transfers.store_task`): one at a time.
    done : Out
        It has arrived in memory, or has failed.
    base, limit : In
        The window in bytes, ``limit`` not in it; addresses count from ``base``. Held from a task
        to its ``done``.
    clear : In
        Forgets the error; while no task is under way.
    error, error_address : Out
        As the :class:`~flightllm_hw.memory.writer.AxiWriter` has them, but for a scalar outside of
        the window: its own address. No later than ``done``. No task is to come then.
    o_pass : Out, stream
        Passes for the special function unit.
    i_out_valid, i_out, i_out_z : In
        The rows that they give, and the scalars that come with them.
    m_axi : Out
        The port, writing half.

    Throughput: a row or a beat a cycle, whatever is less; four cycles a scalar, and three a beat of
    them. An error ends a task once all rows that were asked for have come.
    Reset: forgets everything; as the writer's, only while no task is under way.
    """

    def __init__(self, config: MemoryUnitConfig):
        self.config = config
        port = config.write_port
        super().__init__({
            "i": In(stream.Signature(store_task(config))),
            "done": Out(1),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "clear": In(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "o_pass": Out(stream.Signature(vector_pass(config.sfu))),
            "i_out_valid": In(1),
            "i_out": In(external_row(config.sfu)),
            "i_out_z": In(32),
            "m_axi": Out(Axi4Signature(data_bits=port.data_bits, id_bits=port.id_bits,
                                       access=Access.WRITE)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        port = c.write_port
        low = c.beat_shift
        writer = place(m, platform, "writer", AxiWriter(port))
        passes = place(m, platform, "passes", StorePasses(c))
        queue = place(m, platform, "queue", Queue(QueueConfig(width=c.row_bits, depth=DEPTH)))
        packer = place(m, platform, "packer", Packer(c))
        # Registers on the way to the writer, whose room is known late in the cycle.
        out = place(m, platform, "out", Queue(QueueConfig(width=write_layout(port).size, depth=2)))
        wiring.connect(m, writer.m_axi, wiring.flipped(self.m_axi))
        wiring.connect(m, passes.o, wiring.flipped(self.o_pass))

        # Rows wait in the queue, which has room for all that passes ask for.
        task = Signal(store_task(c))
        starts = Signal()
        ends = Signal()
        pops = Signal()
        m.d.comb += [
            starts.eq(self.i.valid & self.i.ready),
            passes.start.eq(starts),
            passes.first.eq(self.i.payload.first),
            passes.last.eq(self.i.payload.last),
            passes.scalars.eq(self.i.payload.scalars),
            passes.stop.eq(ends),
            packer.start.eq(starts),
            packer.last.eq(self.i.payload.last),
            packer.scalars.eq(task.scalars),
            packer.stop.eq(ends),
            queue.i.valid.eq(self.i_out_valid),
            queue.i.payload.eq(Cat(Mux(task.scalars, self.i_out_z, self.i_out.elements[0]),
                                   self.i_out.elements.as_value()[32:])),
            packer.i.valid.eq(queue.o.valid),
            packer.i.payload.eq(queue.o.payload),
            queue.o.ready.eq(packer.i.ready),
            pops.eq(queue.o.valid & queue.o.ready),
        ]
        m.d.sync += passes.freed.eq(pops)

        # Addresses. A sum beyond 64 bits is outside, too.
        word = Signal.like(task.word)
        address = Signal(ADDRESS_BITS + 1, reset_less=True)
        beats = Signal(port.beats_bits, reset_less=True)
        outside = Signal()
        beat = Signal(len(word) - (low - 2), reset_less=True)
        same = Signal()
        filled = Signal()
        stopped = Signal()
        failed = Signal()
        m.d.sync += stopped.eq(writer.error != Fault.NONE)
        m.d.comb += [
            writer.base.eq(self.base),
            writer.limit.eq(self.limit),
            writer.clear.eq(self.clear),
            writer.i.payload.address.eq(Cat(
                address[:low] & (~task.scalars).replicate(low), address[low:])),
            writer.i.payload.beats.eq(beats),
            writer.i_beat.payload.as_value().eq(out.o.payload),
            writer.i_beat.valid.eq(out.o.valid),
            out.o.ready.eq(writer.i_beat.ready),
            out.i.payload.eq(packer.o.payload.as_value()),
            packer.place.eq(address[2:low]),
            self.error.eq(Mux(failed, Fault.OUTSIDE, writer.error)),
            self.error_address.eq(Mux(failed, address, writer.error_address)),
        ]

        quiet = Signal(QUIET)
        gives = Signal()
        m.d.comb += [
            out.i.valid.eq(gives & packer.o.valid),
            packer.o.ready.eq(gives & out.i.ready),
        ]
        with m.If(self.clear):
            m.d.sync += failed.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [
                    task.eq(self.i.payload), word.eq(self.i.payload.word),
                    beats.eq(Mux(self.i.payload.scalars, 1, beats_for(
                        self.i.payload.last, c.row_bits // 8, c.beat_bytes))),
                    quiet.eq(0),
                ]
                with m.If(self.i.valid):
                    m.next = "ADDRESS"
            with m.State("ADDRESS"):
                m.d.sync += [
                    address.eq(self.base + Cat(Const(0, 2), word)),
                    same.eq(filled & (word[low - 2:] == beat)),
                    beat.eq(word[low - 2:]),
                    word.eq((word + task.step)[:WORD_BITS]),
                ]
                m.next = "CHECK"
            with m.State("CHECK"):
                # The writer looks at rows, all of them.
                m.d.sync += outside.eq(task.scalars & ~packer.all_in
                                       & (address[low:] >= self.limit[low:]))
                m.next = "DECIDE"
            with m.State("DECIDE"):
                with m.If(filled & (packer.all_in | ~same)):
                    m.next = "CLOSE"
                with m.Elif(packer.all_in | outside | stopped):
                    m.next = "END"
                with m.Elif(same):
                    m.next = "FILL"
                with m.Else():
                    m.next = "DESCRIBE"
            with m.State("CLOSE"):
                m.d.comb += [gives.eq(1), packer.close.eq(1)]
                with m.If(out.i.ready):
                    m.d.sync += filled.eq(0)
                    m.next = "DECIDE"
            with m.State("DESCRIBE"):
                m.d.comb += writer.i.valid.eq(1)
                with m.If(writer.i.ready):
                    m.next = "WRITE"
                    with m.If(task.scalars):
                        m.next = "FILL"
            with m.State("FILL"):
                m.d.comb += packer.take.eq(1)
                with m.If(queue.o.valid):
                    m.d.sync += filled.eq(1)
                    m.next = "ADDRESS"
            with m.State("WRITE"):
                m.d.comb += gives.eq(1)
                with m.If(stopped | (packer.o.valid & out.i.ready & packer.final)):
                    m.next = "END"
            with m.State("END"):
                # What comes now is not wanted any more.
                m.d.comb += ends.eq(1)
                m.d.sync += quiet.eq(Mux(writer.busy | passes.busy | out.o.valid, 0,
                                         quiet << 1 | 1))
                with m.If(quiet.all()):
                    # An error of a scalar before this one was found later, but counts.
                    m.d.sync += failed.eq(outside & (writer.error == Fault.NONE))
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.d.sync += [outside.eq(0), filled.eq(0)]
                m.next = "IDLE"
        return m
