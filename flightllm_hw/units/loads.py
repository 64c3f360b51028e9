# SPDX-License-Identifier: Apache-2.0
"""Loads: from the host's memory to the vector buffer, or to RoPE's steps."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.rotary import STEP_BITS
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader, read_layout
from flightllm_hw.sfu.layouts import external_row

from .transfers import STEP_BYTES, MemoryUnitConfig, beats_for, load_task

__all__ = ["Loads"]

SETTLED = 3
"""Cycles from the last item that was taken to ``done``: it is written then."""


class Loads(wiring.Component):
    """Reads one piece of memory after the other, and cuts its beats into rows or steps.

    ::

        i ─► AxiReader ─► queue ─► | beat | beat | ... |    as many as the widest item has
                                   | item | item | ... | ─► o_row, step

    The register in the middle is filled by beats from the bottom on, and emptied by items, the
    lowest first. What is left of the last beat is dropped.

    Parameters
    ----------
    config : MemoryUnitConfig

    Members
    -------
    i : In, stream
        What to load (:func:`~.transfers.load_task`): one at a time.
    done : Out
        It is loaded, or has failed.
    base, limit : In
        The window in bytes, ``limit`` not in it; addresses count from ``base``. Held from a task
        to its ``done``.
    clear : In
        Forgets the error; while no task is under way.
    error, error_address : Out
        As the :class:`~flightllm_hw.memory.reader.AxiReader` has them; no later than ``done``. No
        task is to come then.
    o_row : Out, stream
        Rows for the vector buffer.
    step_en, step_at, step : Out
        Steps.
    m_axi : Out
        The port, reading half.

    Throughput: a beat a cycle, as far as memory gives them. After a bus error what has come before
    still goes out.
    Reset: forgets everything; as the reader's, only while no task is under way.
    """

    def __init__(self, config: MemoryUnitConfig):
        self.config = config
        port = config.read_port
        super().__init__({
            "i": In(stream.Signature(load_task(config))),
            "done": Out(1),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "clear": In(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "o_row": Out(stream.Signature(external_row(config.sfu))),
            "step_en": Out(1),
            "step_at": Out(range(config.sfu.rotary_pairs)),
            "step": Out(STEP_BITS),
            "m_axi": Out(Axi4Signature(data_bits=port.data_bits, id_bits=port.id_bits,
                                       access=Access.READ)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        port = c.read_port
        reader = place(m, platform, "reader", AxiReader(port))
        queue = place(m, platform, "queue", Queue(QueueConfig(
            width=read_layout(port).size, depth=port.fifo_depth)))
        wiring.connect(m, reader.m_axi, wiring.flipped(self.m_axi))

        # Beats wait in the queue, which has room for all that are asked for.
        taken = Signal()
        m.d.comb += [
            reader.base.eq(self.base),
            reader.limit.eq(self.limit),
            reader.clear.eq(self.clear),
            self.error.eq(reader.error),
            self.error_address.eq(reader.error_address),
            queue.i.valid.eq(reader.o.valid),
            queue.i.payload.eq(reader.o.payload.as_value()),
            queue.o.ready.eq(taken),
        ]
        m.d.sync += reader.space.eq(taken)

        # What is loaded.
        steps = Signal()
        left = Signal.like(self.i.payload.last)
        at = Signal(max(c.sfu.row_bits, len(self.step_at)))
        address = Signal(ADDRESS_BITS, reset_less=True)
        beats = Signal(port.beats_bits, reset_less=True)
        m.d.comb += [
            reader.i.payload.address.eq(address),
            reader.i.payload.beats.eq(beats),
        ]

        # Beats in, items out.
        held_bits = max(c.beat_bits, c.row_bits, 8 * STEP_BYTES)
        slots = held_bits // c.beat_bits
        items = [held_bits // c.row_bits, held_bits // (8 * STEP_BYTES)]
        held = Signal(held_bits, reset_less=True)
        slot = Signal(range(max(2, slots)))
        item = Signal(range(max(2, *items)))
        full = Signal()
        goes = Signal()
        last_item = Signal()
        empties = Signal()
        final = Signal()
        beat = data.View(read_layout(port), queue.o.payload)
        m.d.comb += [
            last_item.eq(final | (item == Mux(steps, items[1] - 1, items[0] - 1))),
            goes.eq(full & (steps | self.o_row.ready)),
            empties.eq(goes & last_item),
            taken.eq(queue.o.valid & (~full | empties)),
            self.o_row.valid.eq(full & ~steps),
            self.o_row.payload.row.eq(at),
            self.o_row.payload.enables.eq(-1),
            self.o_row.payload.elements.eq(held[:c.row_bits]),
            self.step_en.eq(full & steps),
            self.step_at.eq(at),
            self.step.eq(held[:STEP_BITS]),
        ]
        with m.If(goes):
            m.d.sync += [left.eq(left - 1), final.eq(left == 1), at.eq(at + 1),
                         item.eq(Mux(last_item, 0, item + 1))]
            with m.If(steps):
                m.d.sync += held.eq(held >> 8 * STEP_BYTES)
            if items[0] > 1:
                with m.Else():
                    m.d.sync += held.eq(held >> c.row_bits)
        with m.If(empties):
            m.d.sync += full.eq(0)
        with m.If(taken):
            whole = (slot == slots - 1) | beat.last
            m.d.sync += [slot.eq(Mux(whole, 0, slot + 1)), full.eq(whole)]
            for n in range(slots):
                with m.If(slot == n):
                    m.d.sync += held[n * c.beat_bits:(n + 1) * c.beat_bits].eq(beat.data)

        # A task. After an error it is over when all that came is gone.
        failed = Signal()
        settled = Signal(range(SETTLED))
        m.d.sync += failed.eq((reader.error != Fault.NONE) & ~reader.busy & ~queue.o.valid & ~full)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [
                    left.eq(self.i.payload.last), final.eq(self.i.payload.last == 0),
                    steps.eq(self.i.payload.steps),
                    at.eq(Mux(self.i.payload.steps, 0, self.i.payload.row)), slot.eq(0),
                    item.eq(0),
                    address.eq(self.base + Cat(Const(0, c.beat_shift), self.i.payload.beat)),
                    beats.eq(Mux(
                        self.i.payload.steps,
                        beats_for(self.i.payload.last, STEP_BYTES, c.beat_bytes),
                        beats_for(self.i.payload.last, c.row_bits // 8, c.beat_bytes))),
                ]
                with m.If(self.i.valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += reader.i.valid.eq(1)
                m.d.sync += settled.eq(SETTLED - 1)
                with m.If(reader.i.ready):
                    m.next = "MOVE"
            with m.State("MOVE"):
                with m.If(goes & final | failed):
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.sync += settled.eq(settled - 1)
                with m.If(settled == 0):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m
