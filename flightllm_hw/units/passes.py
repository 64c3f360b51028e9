# SPDX-License-Identifier: Apache-2.0
"""Passes that have rows or scalars put out, as many as there is room for."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.vector import Output, Step, VectorPass, encode
from flightllm_hw.sfu.layouts import vector_pass

from .transfers import MemoryUnitConfig, store_task

__all__ = ["DEPTH", "PIECE", "TAG", "StorePasses"]

DEPTH = 128
"""Rows that there is room for: a pass's, and those that come while the next takes effect."""

PIECE = 32
"""Rows of a pass."""

TAG = 15
"""Their tag, which nobody looks at."""


class StorePasses(wiring.Component):
    """Cuts a store into passes of ``PIECE`` rows, or segments of a row with a scalar each.

    Nothing holds rows up once a pass is accepted, so one is only offered when all of its rows have
    room: ``DEPTH``, less what was asked for and not freed yet.

    A scalar comes as the z of a row whose elements do not matter. The pass looks z up since its
    ``step`` would take it, though nothing is reduced.

    Parameters
    ----------
    config : MemoryUnitConfig

    Members
    -------
    start, first, last, scalars : In
        Rows ``first`` and on, ``last`` + 1 of them; or scalars. Only while not ``busy``.
    stop : In
        Asks for no more.
    freed : In
        A row has left the queue.
    busy : Out
        There are rows to ask for, or some that have not been freed.
    o : Out, stream
        Passes.

    Throughput: a pass every three cycles. Reset: forgets everything.
    """

    def __init__(self, config: MemoryUnitConfig):
        self.config = config
        task = store_task(config).members
        super().__init__({
            "start": In(1), "first": In(task["first"]), "last": In(task["last"]),
            "scalars": In(1), "stop": In(1), "freed": In(1),
            "busy": Out(1),
            "o": Out(stream.Signature(vector_pass(config.sfu))),
        })

    def elaborate(self, platform):
        m = Module()
        sfu = self.config.sfu
        bits = (PIECE - 1).bit_length()
        scalars = Signal()
        first = Signal.like(self.first)
        left = Signal.like(self.last)  # Less one.
        asking = Signal()
        owed = Signal(range(DEPTH + 1))
        room = Signal()
        whole = Signal()
        asks = Signal()
        last = Signal(bits)
        size = Signal(bits + 1)
        offers = Signal()
        at_1 = Signal.like(self.first, reset_less=True)
        last_1 = Signal(bits, reset_less=True)
        m.d.comb += [
            asks.eq(asking & room & ~offers),
            self.busy.eq(asking | offers | (owed != 0)),
        ]
        # A cycle late: a pass is offered for a cycle at least, and the first one waits for that.
        m.d.sync += [
            whole.eq(left[bits:].any()),
            last.eq(Mux(left[bits:].any(), PIECE - 1, left[:bits])),
            size.eq(Mux(left[bits:].any(), PIECE, left[:bits] + 1)),
            room.eq((owed <= DEPTH - PIECE) & ~self.start),
            owed.eq(owed + Mux(asks, size, 0) - self.freed),
        ]
        with m.If(self.start):
            m.d.sync += [scalars.eq(self.scalars), first.eq(self.first), left.eq(self.last),
                         asking.eq(1)]
        with m.Elif(self.stop):
            m.d.sync += asking.eq(0)
        with m.Elif(asks):
            m.d.sync += [first.eq(first + PIECE), left.eq(left - PIECE), asking.eq(whole)]
        with m.If(asks):
            m.d.sync += [offers.eq(1), at_1.eq(first), last_1.eq(last)]
        with m.Elif(self.o.ready):
            m.d.sync += offers.eq(0)

        # All that is the same for every pass, and then what is not.
        fields = {name: Const(value) for name, value in encode(
            VectorPass(output=Output.OUT, limit=sfu.rows * sfu.width), sfu).items()}
        fields |= {
            "a": at_1, "z": at_1, "z_step": 1, "tag": TAG,
            "last_row": Mux(scalars, 0, last_1), "last_segment": Mux(scalars, last_1, 0),
            "step": Mux(scalars, Step.UNDER, Step.KEEP),
        }
        m.d.comb += self.o.valid.eq(offers)
        m.d.comb += [Value.cast(self.o.payload[name]).eq(value) for name, value in fields.items()]
        return m
