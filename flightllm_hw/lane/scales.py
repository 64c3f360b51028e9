# SPDX-License-Identifier: Apache-2.0
"""Group scales on their way around the chains."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import scales

__all__ = ["ScaleQueue"]

DEPTH = 16


class ScaleQueue(wiring.Component):
    """A FIFO of scale beats, 16 deep, in LUTs: as many headers as can be under way in the chains.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i : In, stream
        Scale beats.
    o : Out, stream
        The same, a cycle later at the earliest.

    Reset: empties it.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(scales(config))),
            "o": Out(stream.Signature(scales(config))),
        })

    def elaborate(self, platform):
        m = Module()
        array = Memory(shape=scales(self.config), depth=DEPTH, init=[],
                       attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write, read = array.write_port(), array.read_port(domain="comb")
        written = Signal(range(DEPTH))
        taken = Signal(range(DEPTH))
        filled = Signal(range(DEPTH + 1))
        push = Signal()
        pop = Signal()
        m.d.comb += [
            self.i.ready.eq(filled != DEPTH),
            self.o.valid.eq(filled != 0),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            write.en.eq(push),
            write.addr.eq(written),
            write.data.eq(self.i.payload),
            read.addr.eq(taken),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            written.eq(written + push),
            taken.eq(taken + pop),
            filled.eq(filled + push - pop),
        ]
        return m
