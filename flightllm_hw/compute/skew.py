# SPDX-License-Identifier: Apache-2.0
"""The delays that turn a tile of one cycle into the staggered inputs of systolic chains."""

from amaranth.hdl import Cat, Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import element, offer

__all__ = ["Skew", "aligned", "staggered"]

REGISTERS = 5
"""Cycles up to which a delay is flip-flops: a device has two to a LUT, a lane takes fewer."""


def aligned(config: LaneConfig):
    """All that the chains of a lane need for a tile, in one cycle; offers for each DSP group."""
    chain = config.chain
    return data.StructLayout({
        "operands": data.ArrayLayout(data.ArrayLayout(element(), chain.length),
                                     config.chains),
        "columns": data.ArrayLayout(signed(8), chain.length),
        "offers": data.ArrayLayout(offer(chain), chain.groups),
        "sparse": 1,
        "cuts": chain.nodes,
    })


def staggered(config: LaneConfig):
    """The same at each DSP's own time, as the ports of ``CsdChain`` have it."""
    chain = config.chain
    return data.StructLayout({
        "operands": data.ArrayLayout(data.ArrayLayout(element(), chain.length),
                                     config.chains),
        "columns": data.ArrayLayout(signed(8), chain.length),
        "offers": data.ArrayLayout(offer(chain), chain.length),
        "sparse": chain.length,
        "cuts": chain.nodes,
    })


class Skew(wiring.Component):
    """Delays what belongs to DSP k of every chain by ``stagger(k)`` cycles.

    Activations, control and cuts are common to the chains of a lane and delayed once. On an FPGA
    the longer delays are shift registers (SRL16E), a LUT for two bits, the others flip-flops.

    Parameters
    ----------
    config : LaneConfig
        Chains and their stagger.

    Members
    -------
    i : In
        All of a tile in one cycle.
    o : Out
        Each DSP's part of it at that DSP's time.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({"i": In(aligned(config)), "o": Out(staggered(config))})

    def elaborate(self, platform):
        m = Module()
        chain = self.config.chain
        for k in range(chain.length):
            # Source and destination of everything that belongs to this DSP.
            parts = [(self.i.operands[n][k], self.o.operands[n][k])
                     for n in range(self.config.chains)]
            parts += [
                (self.i.columns[k], self.o.columns[k]),
                (self.i.offers[k // 2], self.o.offers[k]),
                (self.i.sparse, self.o.sparse[k]),
            ]
            segment = 2 * chain.node_groups
            if k % segment == 0:
                parts.append((self.i.cuts[k // segment], self.o.cuts[k // segment]))

            together = Cat(*(source for source, _ in parts))
            cycles = chain.stagger(k)
            delay = place(m, platform, f"dsp_{k}", Delay(DelayConfig(
                width=len(together), cycles=cycles, registers=cycles <= REGISTERS)))
            m.d.comb += delay.i.eq(together)
            m.d.comb += Cat(*(destination for _, destination in parts)).eq(delay.o)
        return m
