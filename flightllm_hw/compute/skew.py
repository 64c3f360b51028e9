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

REGISTERS = 6
"""Cycles up to which a delay is flip-flops: a device has two to a LUT, a lane takes fewer."""


def aligned(config: LaneConfig):
    """All that the chains of a lane need for a tile; ``operands`` a cycle before the rest."""
    chain = config.chain
    return data.StructLayout({
        "operands": data.ArrayLayout(data.ArrayLayout(element(), chain.length),
                                     config.chains),
        "columns": data.ArrayLayout(signed(8), chain.length),
        "offers": data.ArrayLayout(offer(chain), chain.groups),
        "dense": 1,
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
        "dense": chain.length,
        "cuts": chain.nodes,
    })


class Skew(wiring.Component):
    """Delays what belongs to DSP k of every chain by ``stagger(k)`` cycles.

    Operands come a cycle early, as those of a register that nothing else reads: where it is in
    front of a shift register, it is one more of its stages. Activations, control and cuts are
    common to the chains of a lane and delayed once. What a DSP has in common with the one before,
    it has from there::

        operands ──► (1 + k) ──────────────► DSP k           16 bits a chain and DSP
        columns ───► (k) ──────────────────► DSP k            8 bits a DSP
        offers ────► (k) ─┬────────────────► DSP k, even    128 bits a DSP group
                          '─► (1) ─────────► DSP k + 1
        dense ────────────┬────────────────► DSP 0
                          '─► (1) ─┬───────► DSP 1
                                   '─► (1) ...

    On an FPGA the longer delays are shift registers (SRL16E), a LUT for two bits, the others
    flip-flops.

    Parameters
    ----------
    config : LaneConfig
        Chains and their stagger.

    Members
    -------
    i : In
        All of a tile.
    o : Out
        Each DSP's part of it at that DSP's time.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({"i": In(aligned(config)), "o": Out(staggered(config))})

    def elaborate(self, platform):
        m = Module()
        chain = self.config.chain

        def later(name, parts, cycles):
            """Each destination of ``parts`` is its source, ``cycles`` later."""
            together = Cat(*(source for source, _ in parts))
            delay = place(m, platform, name, Delay(DelayConfig(
                width=len(together), cycles=cycles, registers=cycles <= REGISTERS)))
            m.d.comb += delay.i.eq(together)
            m.d.comb += Cat(*(destination for _, destination in parts)).eq(delay.o)

        for k in range(chain.length):
            cycles = chain.stagger(k)
            later(f"operands_{k}", [(self.i.operands[n][k], self.o.operands[n][k])
                                    for n in range(self.config.chains)], 1 + cycles)

            # What is common to the chains; some of it from the DSP before.
            own = [(self.i.columns[k], self.o.columns[k])]
            handed_on = []
            if k % (2 * chain.node_groups) == 0:
                node = k // (2 * chain.node_groups)
                own.append((self.i.cuts[node], self.o.cuts[node]))
            if k % 2:
                handed_on.append((self.o.offers[k - 1], self.o.offers[k]))
            else:
                own.append((self.i.offers[k // 2], self.o.offers[k]))
            if k:
                handed_on.append((self.o.dense[k - 1], self.o.dense[k]))
            else:
                own.append((self.i.dense, self.o.dense[0]))
            later(f"own_{k}", own, cycles)
            if handed_on:
                later(f"handed_on_{k}", handed_on, cycles - chain.stagger(k - 1))
        return m
