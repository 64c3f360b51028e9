# SPDX-License-Identifier: Apache-2.0
"""Tables of cosines and sines for RoPE, made from positions.

::

    steps (48-bit fractions of a turn) ──► position x step ──► cos, sin ──► queue ──► elements
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.rotary import RotaryPhase, RotaryPhaseConfig
from flightllm_hw.arith.sine import SineCosine, SineCosineConfig
from flightllm_hw.config import SfuConfig
from flightllm_hw.formats.functions.rotary import POSITION_BITS, STEP_BITS
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig

from .layouts import external_row

__all__ = ["RotationTable", "rotation"]

QUEUE = 16
"""Pairs that can wait for the vector buffer."""


def rotation(config: SfuConfig):
    """A table: that of ``position``, from ``row`` on, ``last_pair`` + 1 pairs.

    ``halves``: all cosines, then all sines; else cos_0, sin_0, cos_1, ...
    """
    return data.StructLayout({
        "position": POSITION_BITS, "row": config.row_bits,
        "last_pair": range(config.rotary_pairs), "halves": 1})


class RotationTable(wiring.Component):
    """cos and sin of position * step_i for all pairs i, a pair every two cycles.

    Numerics: bit-exact to :func:`~flightllm_hw.formats.functions.rotary_phase` and
    :func:`~flightllm_hw.formats.functions.sine_cosine`. The steps hold the base and whatever else
    (:func:`~flightllm_hw.formats.functions.rotary_steps`).

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    step_en, step_at, step : In
        A step to keep.
    i : In, stream
        Tables to make (:func:`rotation`).
    o : Out, stream
        Their elements, for the vector buffer.
    busy : Out
        A table is not complete.

    Reset: forgets what is under way; steps stay.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        super().__init__({
            "step_en": In(1), "step_at": In(range(config.rotary_pairs)), "step": In(STEP_BITS),
            "i": In(stream.Signature(rotation(config))),
            "o": Out(stream.Signature(external_row(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        array = Memory(shape=STEP_BITS, depth=c.rotary_pairs, init=[],
                       attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write, read = array.write_port(), array.read_port(domain="comb")
        m.d.comb += [write.en.eq(self.step_en), write.addr.eq(self.step_at),
                     write.data.eq(self.step)]

        # Pair after pair, as long as the queue has room for all under way.
        phase = place(m, platform, "phase", RotaryPhase(RotaryPhaseConfig()))
        angle = place(m, platform, "angle", SineCosine(SineCosineConfig()))
        queue = place(m, platform, "queue", Queue(QueueConfig(width=64, depth=QUEUE)))
        task = Signal(rotation(c))
        runs = Signal()
        pair = Signal(range(c.rotary_pairs))
        owed = Signal(range(QUEUE + 1))
        taken = Signal()
        goes = Signal()
        step = Signal(STEP_BITS, reset_less=True)
        flags = Signal(1 + phase.latency + angle.latency)
        m.d.comb += [
            goes.eq(runs & (owed != QUEUE)),
            read.addr.eq(pair),
            phase.position.eq(task.position),
            phase.step.eq(step),
            angle.phase.eq(phase.phase),
            queue.i.valid.eq(flags[-1]),
            queue.i.payload.eq(Cat(angle.cosine.as_value(), angle.sine.as_value())),
        ]
        m.d.sync += [step.eq(read.data), flags.eq(flags << 1 | goes),
                     owed.eq(owed + goes - taken)]
        with m.If(goes):
            m.d.sync += pair.eq(pair + 1)
            with m.If(pair == task.last_pair):
                m.d.sync += runs.eq(0)

        # Elements: the cosine, then the sine. They leave through a register.
        writes = Signal()
        second = Signal()
        at = Signal(range(c.rotary_pairs))
        place_of = Signal(range(2 * c.rotary_pairs))
        lane_bits = c.width.bit_length() - 1
        row_1 = Signal(c.row_bits, reset_less=True)
        enables_1 = Signal(c.width, reset_less=True)
        element_1 = Signal(32, reset_less=True)
        waits_1 = Signal()
        moves = Signal()
        m.d.comb += [
            place_of.eq(Mux(task.halves, at + Mux(second, task.last_pair + 1, 0),
                            at << 1 | second)),
            moves.eq(~waits_1 | self.o.ready),
            taken.eq(queue.o.valid & moves & second),
            queue.o.ready.eq(moves & second),
            self.o.valid.eq(waits_1),
            self.o.payload.row.eq(row_1),
            self.o.payload.enables.eq(enables_1),
            *(element.eq(element_1) for element in self.o.payload.elements),
        ]
        with m.If(moves):
            m.d.sync += [
                waits_1.eq(queue.o.valid),
                row_1.eq(task.row + (place_of >> lane_bits)),
                enables_1.eq(1 << place_of[:lane_bits]),
                element_1.eq(Mux(second, queue.o.payload[32:], queue.o.payload[:32])),
            ]
            with m.If(queue.o.valid):
                m.d.sync += second.eq(~second)
        with m.If(taken):
            m.d.sync += at.eq(at + 1)
            with m.If(at == task.last_pair):
                m.d.sync += writes.eq(0)

        # The next table.
        m.d.comb += [self.i.ready.eq(~writes), self.busy.eq(writes | waits_1)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [task.eq(self.i.payload), runs.eq(1), writes.eq(1), pair.eq(0), at.eq(0)]
        return m
