# SPDX-License-Identifier: Apache-2.0
"""The chains of one lane, fed with tiles and activations."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.hierarchy import place

from .chain import CsdChain, chain_latency
from .layouts import step, sums, tile
from .select import ActivationOffer
from .skew import Skew, aligned

__all__ = ["ChainArray"]


class ChainArray(wiring.Component):
    """Multiplies a tile of weights by one step of activations per cycle, in every chain.

    A tile (:func:`~flightllm_hw.compute.layouts.tile`) stays until a step with ``last`` has met it:
    one step for a matrix-vector product, up to T (or T / 2, two tokens at a time) for a
    matrix-matrix product. A step happens in every cycle in which both streams are valid, whatever
    the modes of neighbouring tiles; its sums leave ``latency`` cycles later, whether or not anyone
    is ready, because nothing in here can stop: who sends steps has room for their sums.

    ::

        i_tile ──► add slot offsets ─┐
        i_step ──► ActivationOffer ──┴─► Skew ─┬─► CsdChain 0 ──► o.sums[0]
                                               ├─► CsdChain 1 ──► o.sums[1]  ...

    Row of ``sums[c][node]`` of chain c: dense: ``lo`` is the tile's row 2c, ``hi`` its row 2c + 1,
    in the last node. Sparse: ``lo`` and ``hi`` are two tokens (``hi`` without meaning where the
    pattern takes one), the segment that ends in the node serves a row of its own.

    Parameters
    ----------
    config : LaneConfig
        Chains.

    Members
    -------
    i_tile : In, stream
        Tiles.
    i_step : In, stream
        Windows of activations, ``last`` with the last that meets the tile.
    o : Out, stream, always ready
        Sums of every chain and node, in the order of the steps.

    Reset: forgets steps under way.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        chain = config.chain
        super().__init__({
            "i_tile": In(stream.Signature(tile(config))),
            "i_step": In(stream.Signature(step(chain))),
            "o": Out(stream.Signature(data.ArrayLayout(sums(chain), config.chains),
                                      always_ready=True)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a step to its sums."""
        return ActivationOffer.latency + chain_latency(self.config.chain)

    def elaborate(self, platform):
        m = Module()
        c, chain = self.config, self.config.chain
        tile, step = self.i_tile.payload, self.i_step.payload

        # A step needs both; the tile leaves with its last step.
        fires = Signal()
        m.d.comb += [
            fires.eq(self.i_tile.valid & self.i_step.valid),
            self.i_step.ready.eq(self.i_tile.valid),
            self.i_tile.ready.eq(self.i_step.valid & step.last),
        ]
        moves = Signal(self.latency)
        m.d.sync += moves.eq(moves << 1 | fires)

        # Stage 1: activations in front of the DSP groups, indices counted from what is offered.
        offers = place(m, platform, "offers", ActivationOffer(chain))
        m.d.comb += [offers.pattern.eq(tile.pattern), offers.windows.eq(step.windows)]

        inputs = Signal(aligned(c))
        m.d.comb += [inputs.offers.eq(offers.offers), inputs.columns.eq(offers.columns)]
        dense_1 = Signal(reset_less=True)
        cuts_1 = Signal(chain.nodes, reset_less=True)
        offsets = Signal(data.ArrayLayout(5, chain.length))
        with m.Switch(tile.pattern):
            for pattern in chain.patterns:
                with m.Case(pattern.value):
                    m.d.sync += [
                        dense_1.eq(pattern is Pattern.DENSE),
                        cuts_1.eq(sum(chain.cuts_before(pattern, n) << n
                                      for n in range(chain.nodes))),
                    ]
                    m.d.comb += [offsets[k].eq(chain.slot_offset(pattern, k))
                                 for k in range(chain.length)]
        m.d.comb += [inputs.dense.eq(dense_1), inputs.cuts.eq(cuts_1)]

        # Operands have their stage 1 among the delays.
        for n in range(c.chains):
            for k in range(chain.length):
                operand, element = inputs.operands[n][k], tile.elements[n][k]
                m.d.comb += [
                    operand.code.eq(element.code),
                    # An index is below its block's size, the offset a multiple of that.
                    operand.mate.eq(element.mate | offsets[k]),
                ]

        # The chains, in step.
        skew = place(m, platform, "skew", Skew(c))
        m.d.comb += skew.i.eq(inputs)
        for n in range(c.chains):
            csd = place(m, platform, f"chain_{n}", CsdChain(chain))
            m.d.comb += [
                csd.operands.eq(skew.o.operands[n]),
                csd.columns.eq(skew.o.columns),
                csd.offers.eq(skew.o.offers),
                csd.dense.eq(skew.o.dense),
                csd.cuts.eq(skew.o.cuts),
                self.o.payload[n].eq(csd.sums),
            ]
        m.d.comb += self.o.valid.eq(moves[-1])
        return m
