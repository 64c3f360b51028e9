# SPDX-License-Identifier: Apache-2.0
"""Row scales on their way around the chains."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import row_scales

__all__ = ["RowScales"]

ROW_BLOCKS = 8


class RowScales(wiring.Component):
    """Keeps the row scales of the row blocks under way, up to eight, in LUTs.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i : In, stream
        Row scales, one half of a row block or both.
    half : In
        Which half to show of the oldest row block.
    scales : Out
        An entry a chain.
    done : In
        The oldest row block needs its scales no more.

    Reset: empties it.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(row_scales(config))),
            "half": In(1),
            "scales": Out(data.ArrayLayout(unsigned(32), config.chains)),
            "done": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        array = Memory(shape=data.ArrayLayout(unsigned(32), self.config.chains),
                       depth=2 * ROW_BLOCKS, init=[], attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write, read = array.write_port(), array.read_port(domain="comb")
        written = Signal(range(ROW_BLOCKS))
        oldest = Signal(range(ROW_BLOCKS))
        filled = Signal(range(ROW_BLOCKS + 1))
        complete = Signal()
        m.d.comb += [
            self.i.ready.eq(filled != ROW_BLOCKS),
            write.en.eq(self.i.valid & self.i.ready),
            write.addr.eq(written << 1 | self.i.payload.half),
            write.data.eq(self.i.payload.scales),
            complete.eq(write.en & self.i.payload.last),
            read.addr.eq(oldest << 1 | self.half),
            self.scales.eq(read.data),
        ]
        m.d.sync += [
            written.eq(written + complete),
            oldest.eq(oldest + self.done),
            filled.eq(filled + complete - self.done),
        ]
        return m
