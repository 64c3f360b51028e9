# SPDX-License-Identifier: Apache-2.0
"""Where a lane's results wait until a row of them is complete."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .layouts import ExchangeConfig, placed

__all__ = ["ResultSlots"]


class ResultSlots(wiring.Component):
    """Slots that results are written into in any order, one slot after the other.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i : In
        Results; whoever sends them knows that there is room.
    some : Out
        A slot is full.
    done : In
        The oldest full slot is taken (it may still be read, until its place is given away).
    clear : In
        Empties it.
    at, o : In, Out
        The slot's number, above the row in it, and what is there; combinational.

    Reset: empties it. Cost: a LUT6 a bit and 64 results, four thirds with the ports.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "i_valid": In(1),
            "i": In(placed(config.lane)),
            "some": Out(1),
            "done": In(1),
            "clear": In(1),
            "at": In(range(config.slots * config.block)),
            "o": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        array = Memory(shape=32, depth=c.slots * c.block, init=[],
                       attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write, read = array.write_port(), array.read_port(domain="comb")
        slot = Signal(range(c.slots))
        filled = Signal(range(c.slots + 1))
        fills = Signal()
        m.d.comb += [
            fills.eq(self.i_valid & self.i.last),
            write.en.eq(self.i_valid),
            write.addr.eq(Cat(self.i.row, slot)),
            write.data.eq(self.i.value),
            read.addr.eq(self.at),
            self.o.eq(read.data),
            self.some.eq(filled != 0),
        ]
        m.d.sync += [slot.eq(slot + fills), filled.eq(filled + fills - self.done)]
        with m.If(self.clear):
            m.d.sync += [slot.eq(0), filled.eq(0)]
        return m
