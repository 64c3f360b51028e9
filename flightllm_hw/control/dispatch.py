# SPDX-License-Identifier: Apache-2.0
"""A unit's queue: what it is to do, one after the other, each when its tokens are there."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.isa.table import Unit

from .layouts import PC_BITS, UNITS, entry, task

__all__ = ["Dispatcher", "DispatcherConfig"]


@dataclass(frozen=True, kw_only=True)
class DispatcherConfig:
    """A unit's queue.

    Parameters
    ----------
    unit : Unit
        Whose.
    depth : int
        Instructions that wait; a power of two.
    in_flight : int
        Instructions that the unit may have and not have done; a power of two.
    """

    unit: Unit
    depth: int = 16
    in_flight: int = 8

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"Dispatcher unit must be one of"
                             f" {', '.join(unit.name for unit in UNITS)}, not {self.unit!r}")
        for name in ("depth", "in_flight"):
            value = getattr(self, name)
            if value < 2 or value & (value - 1):
                raise ValueError(f"Dispatcher {name} must be a power of two from 2 on, not"
                                 f" {value!r}")


class Dispatcher(wiring.Component):
    """Gives a unit its instructions, in their order, and tokens to others when they are done.

    ::

        i ─► queue ─► all tokens there? ─► offer ─► o
                            │                └─► in flight: release, pc ──.
                          take                                    done ──►(pop)─► give

    The unit may take the next instruction before it has done the last one; it is done with them
    in the order in which it took them.

    Parameters
    ----------
    config : DispatcherConfig
        Unit and sizes.

    Members
    -------
    i : In, stream
        Instructions, :func:`~flightllm_hw.control.layouts.entry`.
    o : Out, stream
        Tasks, :func:`~flightllm_hw.control.layouts.task`.
    done : In
        The oldest task is done; after its transfer.
    some : In
        Units that there is a token from.
    take : Out
        Units that a token is taken from, in the cycle before the task is offered.
    give : Out
        Units that get a token, in the cycle of ``done``.
    stop : In
        Throws away what is in the queue, and what comes. What is offered already still stands.
    waits : Out
        The first instruction of the queue waited for tokens in the cycle before.
    idle : Out
        Nothing is in here, and all that the unit took is done.
    pc : Out
        The oldest task that is not done; without one, of some earlier task.

    Latency: ``latency`` cycles from ``i`` to ``o``. An instruction in two cycles.
    Reset: empties it.
    """

    latency = Queue.latency + 2

    def __init__(self, config: DispatcherConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(entry(config.unit))),
            "o": Out(stream.Signature(task(config.unit))),
            "done": In(1),
            "some": In(len(Unit)),
            "take": Out(len(Unit)),
            "give": Out(len(Unit)),
            "stop": In(1),
            "waits": Out(1),
            "idle": Out(1),
            "pc": Out(PC_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        layout = entry(c.unit)
        kept = data.StructLayout({"release": len(Unit), "pc": PC_BITS})
        queue = place(m, platform, "queue", Queue(QueueConfig(width=layout.size, depth=c.depth)))
        in_flight = place(m, platform, "in_flight",
                          Queue(QueueConfig(width=kept.size, depth=c.in_flight)))
        m.d.comb += [
            queue.i.payload.eq(self.i.payload),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
        ]

        # From the queue to the offer, once all tokens are there: nobody else takes them, so that
        # what was there a cycle ago still is.
        head = data.View(layout, queue.o.payload)
        offer = Signal(task(c.unit), reset_less=True)
        offered = Signal()
        granted = Signal()
        goes = Signal()
        there = Signal()
        m.d.comb += there.eq((head.wait & ~self.some) == 0)
        m.d.sync += [granted.eq(queue.o.valid & there & ~goes),
                     self.waits.eq(queue.o.valid & ~there)]
        m.d.comb += [
            goes.eq(granted & in_flight.i.ready & (~offered | self.o.ready) & ~self.stop),
            queue.o.ready.eq(goes | self.stop),
            self.take.eq(head.wait & goes.replicate(len(Unit))),
            self.o.valid.eq(offered),
            self.o.payload.eq(offer),
        ]
        with m.If(goes):
            m.d.sync += [offered.eq(1), Value.cast(offer).eq(head.task)]
        with m.Elif(self.o.ready):
            m.d.sync += offered.eq(0)

        # What it releases waits for the unit.
        oldest = data.View(kept, in_flight.o.payload)
        newest = data.View(kept, in_flight.i.payload)
        m.d.comb += [
            newest.release.eq(head.release),
            newest.pc.eq(head.task.pc),
            in_flight.i.valid.eq(goes),
            in_flight.o.ready.eq(self.done),
            self.pc.eq(oldest.pc),
            self.idle.eq(~queue.o.valid & ~in_flight.o.valid),
        ]
        with m.If(self.done & in_flight.o.valid):
            m.d.comb += self.give.eq(oldest.release)
        return m
