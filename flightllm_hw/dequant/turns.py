# SPDX-License-Identifier: Apache-2.0
"""When a block's tiles go: the dequantizer's handshake."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["TileTurns"]


class TileTurns(wiring.Component):
    """A dense block is one tile, a sparse block two; a register in front of whoever takes them.

    It is a module of its own because ``o_ready`` comes late and what follows from it goes far: by
    itself it is a LUT deep, while among wider logic a mapper spends levels that it has to spare
    there on sharing.

    Members
    -------
    dense : In
        The block is dense.
    i_valid, i_ready, early, spare : In, In, Out
        As :class:`~flightllm_hw.dequant.dequantize.Dequantizer` has them.
    takes, takes_dense, second, keeps : Out
        A tile is taken; a dense block's; it is the second; what the second one needs may be kept.
    o_valid, o_ready : Out, In
        The tile that was taken.

    Reset: there is no tile.
    """

    dense: In(1)
    i_valid: In(1)
    i_ready: Out(1)
    early: In(1)
    spare: Out(1)
    takes: Out(1)
    takes_dense: Out(1)
    second: Out(1)
    keeps: Out(1, init=1)
    o_valid: Out(1)
    o_ready: In(1)

    # No parameters: one module serves every lane.
    config = None

    def elaborate(self, platform):
        m = Module()
        free = ~self.o_valid | self.o_ready
        last = self.dense | self.second
        m.d.comb += [
            self.takes.eq(self.i_valid & free),
            self.takes_dense.eq(self.i_valid & free & self.dense),
            self.i_ready.eq(free & last),
            self.spare.eq(Mux(self.early, free | self.second, free & last)),
        ]
        with m.If(self.takes):
            m.d.sync += [self.o_valid.eq(1), self.second.eq(~last), self.keeps.eq(last)]
        with m.Elif(self.o_ready):
            m.d.sync += self.o_valid.eq(0)
        return m
