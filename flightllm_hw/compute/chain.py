# SPDX-License-Identifier: Apache-2.0
"""The configurable sparse DSP chain (CSD-chain), FlightLLM section 3.2 and figure 5.

::

      DSP     0     1          2     3          4     5          6     7
            .---------.      .---------.      .---------.      .---------.
      x ──► │MUX   MUX│  ──► │MUX   MUX│  ──► │MUX   MUX│  ──► │MUX   MUX│
      w ──► │ ×──►─×+ │─────►│ ×+─►─×+ │──┬──►│ ×+─►─×+ │─────►│ ×+─►─×+ │──┐
            '---DG 0--'      '---DG 1--'  │   '---DG 2--'      '---DG 3--'  │
                                         RN    ▲ cut: start from zero       RN
                                          │                                 │
                                     sums[0]                            sums[1]

With u280's window of 32 columns. Every other pattern sums over the whole chain; 2:16 leaves more
DSPs than a window has kept codes for, so the cascade is cut and each half serves a row.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import ChainConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .group import DspGroup, DspGroupConfig, Entry
from .layouts import element, offer, sums
from .reduce import OverflowAdjust, ReductionNode, ReductionNodeConfig, adjustment
from .skew import REGISTERS

__all__ = ["CsdChain", "chain_latency"]


def _finished(config: ChainConfig, group: int) -> int:
    """Cycles from DSP 0's operands to the P of a DSP group."""
    return config.stagger(2 * group) + DspGroup.latency


def chain_latency(config: ChainConfig) -> int:
    """Cycles from DSP 0's operands to the sums."""
    return _finished(config, config.groups - 1) + ReductionNode.latency


class CsdChain(wiring.Component):
    """sums[s] = sum over the segment's DSPs of w_k * x_k, for two packed results at once.

    A tile in every cycle, in every mode. The chain is systolic: what belongs to DSP k of a tile is
    presented ``config.stagger(k)`` cycles after what belongs to DSP 0. All of a tile's sums appear
    together, ``latency`` cycles after DSP 0's operands. No handshake and no reset: who feeds the
    chain knows which cycles hold a tile.

    Numerics: exact for all int8 codes and for activations as
    :func:`~flightllm_hw.compute.layouts.step` has them.
    :mod:`flightllm_hw.compute.reduce` says why.

    Parameters
    ----------
    config : ChainConfig
        Length, window, MUX inputs, widest code.

    Members
    -------
    operands, columns, offers, dense : In
        For every DSP, see :class:`~flightllm_hw.compute.select.SparseMux`.
    cuts : In
        Bit n, with the first DSP of the segment that ends in node n: start from zero. Bit 0, the
        chain's beginning, has no effect.
    sums : Out
        ``lo`` and ``hi`` of every node: two rows (dense) or two tokens (sparse). A node inside an
        uncut chain gives the sum up to it.

    Platform overrides: ``length`` DSP48E2; nothing else multiplies.
    """

    def __init__(self, config: ChainConfig):
        self.config = config
        length = config.length
        super().__init__({
            "operands": In(data.ArrayLayout(element(), length)),
            "columns": In(data.ArrayLayout(signed(8), length)),
            "offers": In(data.ArrayLayout(offer(config), length)),
            "dense": In(length),
            "cuts": In(config.nodes),
            "sums": Out(sums(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from DSP 0's operands to ``sums``."""
        return chain_latency(self.config)

    def elaborate(self, platform):
        m = Module()
        c = self.config

        def later(name, value, cycles):
            delay = place(m, platform, name, Delay(DelayConfig(
                width=len(value), cycles=cycles, registers=cycles <= REGISTERS)))
            m.d.comb += delay.i.eq(value)
            return delay.o

        # `taken` is what OAUs have stripped off the packed sums in `p`, and belongs to that P.
        before = p = taken = None
        for g in range(c.groups):
            node = g // c.node_groups
            begins = g % c.node_groups == 0
            entry = (Entry.START if g == 0 else
                     Entry.ADJUSTED if c.adjusts_before(g) else Entry.CASCADE)
            cut = self.cuts[node]

            # Between this group and the one before.
            if entry is Entry.ADJUSTED:
                oau = place(m, platform, f"oau_{g}", OverflowAdjust(c))
                m.d.comb += oau.p.eq(p)
                if taken is not None:
                    m.d.comb += oau.before.eq(taken)
                taken = Signal(adjustment(c), name=f"taken_{g}")
                m.d.comb += taken.eq(oau.after)
            if begins and taken is not None:
                wait = _finished(c, g - 1) - c.stagger(2 * g)
                kept = Signal(adjustment(c), name=f"kept_{g}")
                m.d.comb += kept.eq(Mux(later(f"cut_{g}", cut, wait), 0, taken.as_value()))
                taken = kept

            # The group.
            config = DspGroupConfig(chain=c, entry=entry, cut=begins and g > 0)
            group = place(m, platform, f"dg_{g}", DspGroup(config))
            for n in range(2):
                m.d.comb += [
                    group.operands[n].eq(self.operands[2 * g + n]),
                    group.columns[n].eq(self.columns[2 * g + n]),
                    group.offers[n].eq(self.offers[2 * g + n]),
                    group.dense[n].eq(self.dense[2 * g + n]),
                ]
            if config.cut:
                m.d.comb += group.cut.eq(cut)
            if entry is Entry.CASCADE:
                m.d.comb += group.pcin.eq(before.pcout)
            if entry is Entry.ADJUSTED:
                m.d.comb += group.adjusted.eq(oau.adjusted)
            before, p = group, group.p

            # What was taken goes around the group.
            if taken is not None:
                wait = _finished(c, g) - _finished(c, g - 1)
                around = Signal(adjustment(c), name=f"around_{g}")
                m.d.comb += around.eq(later(f"around_{g}_delay", taken.as_value(), wait))
                taken = around

            # A node ends the segment; all results leave together.
            if (g + 1) % c.node_groups == 0:
                last = g == c.groups - 1
                rn = place(m, platform, f"rn_{node}", ReductionNode(ReductionNodeConfig(
                    chain=c, adjusted=taken is not None, both=last or c.splits_pairs)))
                m.d.comb += rn.p.eq(p)
                if taken is not None:
                    m.d.comb += rn.adjustment.eq(taken)
                if last:
                    m.d.comb += [self.sums[node].lo.eq(rn.lo), self.sums[node].hi.eq(rn.hi)]
                else:
                    both = Cat(rn.lo, rn.hi) if c.splits_pairs else rn.lo
                    wait = _finished(c, c.groups - 1) - _finished(c, g)
                    m.d.comb += self.sums[node].eq(later(f"sums_{node}_delay", both, wait))
        return m
