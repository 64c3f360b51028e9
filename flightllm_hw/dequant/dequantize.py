# SPDX-License-Identifier: Apache-2.0
"""The dequantizer: bit-planes to int8 codes less their zero points."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.layouts import tile
from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, opmode

from .layouts import INDEX_PLANES, WAYS, block
from .turns import TileTurns

__all__ = ["Dequantizer"]

SPACING = 9
"""Bits from one sum of a slice to the next: two of 8 bits have 9."""

PLACES = 48 // SPACING
"""Sums of a slice."""

# A register for the sums alone: the operands are registers, or a LUT behind them.
SLICE = Dsp48e2Config(use_mult="NONE", areg=0, breg=0, creg=0, dreg=0, adreg=0, mreg=0,
                      inmodereg=0, opmodereg=0, inmodes=(0,), alumodes=(0,),
                      opmodes=(opmode(z="P"), opmode(z="C"), opmode(x="A:B", z="C")))
KEEP, INDICES, SUMS = SLICE.opmodes


class Dequantizer(wiring.Component):
    """code = q - z for every code of a block, a tile a cycle (FlightLLM's dequantization unit).

    A dense block is one tile, a sparse block two. Unused planes are zero, so q needs no extension;
    signed codes are stored with their top bit inverted and have z = 2^(b-1), so that one addition,
    of -z, serves all (``docs/tape.md``). What is added has its top bit inverted, so that codes
    leave as :func:`~flightllm_hw.compute.layouts.element` has them. It comes as a register common
    to half a chain, so that the choice between two tiles takes no LUT of its own: an adder's bit is
    one LUT of up to six inputs. The two that are left gather what has come by different ways
    (``ways``), all but one of them zero. The tape's maker sees to it that q - z is an int8.

    As a sparse block's first tile is taken, the second one's codes and indices are kept here, and
    the next block's may come in their place (``spare``)::

        i.codes, i.indices ─┬─ t = 0 ──────────► Mux ──(+)──► o
                            └─ t = 1 ──► kept ────┘    │
        i.lower, i.upper ──────────────────────────────'

    What is common to a block stays until ``i.ready``. The registers cost no LUT.

    Mates of five of a chain's DSPs are added by a slice of its own, nine bits each, which takes a
    dense tile's codes as they are. A sparse tile has no mates, but indices: they come by the other
    port, through the LUT that chooses among two tiles and two beats::

        i.codes, t = 1 ─────────────────────► A:B ─ dense? ─┐
        i.mate, or indices ─► LUT6 (4 of 8) ───► C ────────(+)──► P ──► o

    That is four LUTs a mate; an adder of LUTs is eight, and two more for the choice of beats.

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

        # What is kept changes until a sparse block's first tile is taken; a register says so, for a
        # gate in front of an enable would end up in every bit's LUT.
        turns = place(m, platform, "turns", TileTurns())
        takes, second, keeps, dense = turns.takes, turns.second, turns.keeps, block.dense
        shown = Signal(tile(c), reset_less=True)
        m.d.comb += [
            turns.dense.eq(dense),
            turns.i_valid.eq(self.i.valid), self.i.ready.eq(turns.i_ready),
            turns.early.eq(self.early), self.spare.eq(turns.spare),
            self.o.valid.eq(turns.o_valid), turns.o_ready.eq(self.o.ready),
            self.o.payload.eq(shown),
        ]
        with m.If(takes):
            m.d.sync += shown.pattern.eq(block.pattern)

        # A bit tells C from P, two let A:B in: no gate stands behind `takes`.
        assert (KEEP ^ INDICES, INDICES ^ SUMS) == (1 << 4, 0b11)
        mode = Signal(9)
        m.d.comb += [mode.eq(KEEP), mode[4].eq(takes), mode[:2].eq(turns.takes_dense.replicate(2))]
        for n in range(c.chains):
            adder = place(m, platform, f"mates_{n}", Dsp48e2(SLICE))
            codes, others = [], []
            m.d.comb += adder.opmode.eq(mode)
            for k in range(length):
                at = k * 2 * c.chains + 2 * n
                q = [Cat(plane[at + t] for plane in block.codes) for t in range(2)]
                for plane, way in zip(WAYS, block.ways, strict=True):
                    q[0] |= way[at // 2] << plane
                index = [self._index(at + t) for t in range(2)]
                kept_q = Signal(len(q[1]), name=f"kept_q_{n}_{k}", reset_less=True)
                kept_index = Signal(len(index[1]), name=f"kept_index_{n}_{k}", reset_less=True)
                addend = (block.lower if k < length // 2 else block.upper)[n]
                element = shown.elements[n][k]
                with m.If(keeps):
                    m.d.sync += [kept_q.eq(q[1]), kept_index.eq(index[1])]
                with m.If(takes):
                    m.d.sync += element.code.eq(addend + Mux(second, kept_q, q[0]))
                own_index = Mux(second, kept_index, index[0])
                if k < PLACES:
                    codes.append(Cat(q[1], Const(0, SPACING - 8)))
                    others.append(Cat(block.mate[n] | own_index, Const(0, SPACING - 8)))
                    m.d.comb += self.o.payload.elements[n][k].mate.eq(adder.p[SPACING * k:][:8])
                else:
                    with m.If(takes):
                        m.d.sync += element.mate.eq(block.mate[n] + Mux(dense, q[1], own_index))
            m.d.comb += [Cat(adder.b, adder.a).eq(Cat(codes)), adder.c.eq(Cat(others))]
        return m

    def _index(self, at):
        """An index of the block, its lower bits those of the beat that came before the other."""
        first, second = (Cat(plane[at] for plane in self.i.payload.indices[n:n + 2])
                         for n in range(0, INDEX_PLANES, 2))
        return Mux(self.i.payload.swapped, Cat(second, first), Cat(first, second))
