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
    of -z, serves all (``docs/tape.md``). What is added has its top bit inverted, so that codes
    leave as :func:`~flightllm_hw.compute.layouts.element` has them. It comes as a register common
    to half a chain, so that the choice between two tiles takes no LUT of its own: an adder's bit is
    one LUT of up to six inputs.
    The tape's maker sees to it that q - z is an int8.

    As a sparse block's first tile is taken, the second one's codes and indices are kept here, and
    the next block's may come in their place (``spare``)::

        i.codes, i.indices ─┬─ t = 0 ──────────► Mux ──(+)──► o
                            └─ t = 1 ──► kept ────┘    │
        i.lower, i.upper ──────────────────────────────'

    What is common to a block stays until ``i.ready``. The registers cost no LUT.

    Parameters
    ----------
    config : LaneConfig
        Chains.

    Members
    -------
    i : In, stream
        Blocks.
    early, spare : In, Out
        What comes next replaces codes and indices of ``i`` alone, not all of it; it may in the next
        cycle.
    o : Out, stream
        Tiles (:func:`~flightllm_hw.compute.layouts.tile`), registered; a tile a cycle.

    Latency: ``latency`` = 1 cycle. Reset: forgets the tile.
    """

    latency = 1

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(block(config))),
            "early": In(1),
            "spare": Out(1),
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
        free = Signal()
        takes = Signal()
        m.d.comb += [
            self.o.payload.eq(shown),
            self.o.valid.eq(full),
            free.eq(~full | self.o.ready),
            takes.eq(self.i.valid & free),
            self.i.ready.eq(free & (dense | second)),
            self.spare.eq((free & (dense | second | self.early)) | (second & self.early)),
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
                kept_q = Signal(len(q[1]), name=f"kept_q_{n}_{k}", reset_less=True)
                kept_index = Signal(len(index[1]), name=f"kept_index_{n}_{k}", reset_less=True)
                addend = (block.lower if k < length // 2 else block.upper)[n]
                element = shown.elements[n][k]
                with m.If(takes):
                    m.d.sync += [
                        kept_q.eq(q[1]),
                        kept_index.eq(index[1]),
                        element.code.eq(addend + Mux(second, kept_q, q[0])),
                        element.mate.eq(block.mate[n] + Mux(
                            dense, q[1], Mux(second, kept_index, index[0]))),
                    ]
        return m
