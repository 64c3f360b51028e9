# SPDX-License-Identifier: Apache-2.0
"""The lane's end of the way to the vector buffer."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.lane.layouts import result

from .layouts import ExchangeConfig, placed

__all__ = ["ResultSender"]


class ResultSender(wiring.Component):
    """Sends a lane's results as long as there is a slot for them at the other end.

    A slot holds the results of one token and one row block, which come one behind the other; the
    last one of them is known by its row, the same for a whole operation. Slots are only given for
    results of the operation that is being gathered, so that the next one's wait here.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i : In, stream
        Results (:func:`~flightllm_hw.lane.layouts.result`).
    start, slots, last_row : In
        A new operation: free slots, and the row that fills one.
    credit : In
        A slot is free again.
    o_valid, o : Out
        Results, a cycle later; nobody keeps them waiting.

    Reset: no slot is free.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(result(config.lane))),
            "start": In(1),
            "slots": In(range(config.slots + 1)),
            "last_row": In(range(config.block)),
            "credit": In(1),
            "o_valid": Out(1),
            "o": Out(placed(config.lane)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        free = Signal(range(c.slots + 1))
        last_row = Signal(range(c.block), reset_less=True)
        takes = Signal()
        last = Signal()
        item = self.i.payload
        m.d.comb += [
            self.i.ready.eq(free != 0),
            takes.eq(self.i.valid & self.i.ready),
            last.eq(item.row == last_row),
        ]
        m.d.sync += free.eq(Mux(self.start, self.slots, free + self.credit - (takes & last)))
        with m.If(self.start):
            m.d.sync += last_row.eq(self.last_row)

        item_1 = Signal(placed(c.lane), reset_less=True)
        m.d.sync += [
            self.o_valid.eq(takes),
            item_1.value.eq(Value.cast(item.value)),
            item_1.row.eq(item.row),
            item_1.last.eq(last),
        ]
        m.d.comb += self.o.eq(item_1)
        return m
