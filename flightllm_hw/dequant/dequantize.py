# SPDX-License-Identifier: Apache-2.0
"""The dequantizer: bit-planes to int8 codes less their zero points."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.layouts import tile
from flightllm_hw.config import LaneConfig

from .layouts import block

__all__ = ["Dequantizer"]


class Dequantizer(wiring.Component):
    """code = q - z for every code of a block, a tile a cycle (FlightLLM's dequantization unit).

    A dense block is one tile, a sparse block two. Unused planes are zero, so q needs no extension;
    signed codes are stored with their top bit inverted and have z = 2^(b-1), so that one addition,
    of -z, serves all (``docs/tape.md``). -z comes as a register common to half a chain, so that the
    choice between two tiles takes no LUT of its own: an adder's bit is one LUT of up to six inputs.
    The tape's maker sees to it that q - z is an int8.

    Parameters
    ----------
    config : LaneConfig
        Chains.

    Members
    -------
    i : In, stream
        Blocks.
    o : Out, stream
        Tiles (:func:`~flightllm_hw.compute.layouts.tile`), registered; a tile a cycle.

    Latency: ``latency`` = 1 cycle. Reset: forgets the tile.
    """

    latency = 1

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(block(config))),
            "o": Out(stream.Signature(tile(config))),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        length = c.chain.length
        block = self.i.payload

        # Which of a sparse block's two tiles.
        second = Signal()
        dense = block.dense

        shown = Signal(tile(c), reset_less=True)
        full = Signal()
        takes = Signal()
        m.d.comb += [
            self.o.payload.eq(shown),
            self.o.valid.eq(full),
            takes.eq(self.i.valid & (~full | self.o.ready)),
            self.i.ready.eq((~full | self.o.ready) & (dense | second)),
        ]
        with m.If(takes):
            m.d.sync += [full.eq(1), second.eq(~dense & ~second), shown.pattern.eq(block.pattern)]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)

        for n in range(c.chains):
            for k in range(length):
                at = k * 2 * c.chains + 2 * n
                q = [Cat(plane[at + t] for plane in block.codes) for t in range(2)]
                index = [Cat(plane[at + t] for plane in block.indices) for t in range(2)]
                addend = (block.lower if k < length // 2 else block.upper)[n]
                element = shown.elements[n][k]
                with m.If(takes):
                    m.d.sync += [
                        element.code.eq(addend + Mux(second, q[1], q[0])),
                        element.mate.eq(block.mate[n] + Mux(
                            dense, q[1], Mux(second, index[1], index[0]))),
                    ]
        return m
