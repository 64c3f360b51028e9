# SPDX-License-Identifier: Apache-2.0
"""The DSP group (DG): two DSP48E2, their cascade fixed, their place in the chain configurable."""

from dataclasses import dataclass
from enum import Enum

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import ChainConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, opmode

from .layouts import Control, Pair, offer
from .select import SparseMux

__all__ = ["DSP", "DspGroup", "DspGroupConfig", "Entry"]

DSP = Dsp48e2Config(amultsel="AD", areg=1, dreg=1, adreg=1, breg=2)
"""Two packed products: pre-adder, and a second register on B to keep in step with it."""


class Entry(Enum):
    """What the first DSP of a group adds to its product."""

    START = "0"
    CASCADE = "PCIN"
    ADJUSTED = "C"


@dataclass(frozen=True, kw_only=True)
class DspGroupConfig:
    """A group's place in its chain.

    Parameters
    ----------
    chain : ChainConfig
        The chain.
    entry : Entry
        Nothing, the dedicated cascade, or what an overflow adjust unit hands on.
    cut : bool
        Whether a reduction node stands before the group, so that it may start afresh at run time.
    """

    chain: ChainConfig
    entry: Entry
    cut: bool


class DspGroup(wiring.Component):
    """p = entry + product 0 + product 1, each product packed for two results.

    Moves in every cycle. The second DSP's inputs belong to the cycle after the first's (all are
    arrays of two); ``p`` shows their sum ``latency`` cycles after the first's inputs.

    Parameters
    ----------
    config : DspGroupConfig
        Place in the chain.

    Members
    -------
    operands, columns, offers, controls : In
        See :class:`~flightllm_hw.compute.select.SparseMux`, for the first DSP and the second.
    cut : In
        With the first DSP's inputs: start from zero (where ``config.cut``).
    pcin : In
        Cascade of the group before, for :attr:`Entry.CASCADE`.
    adjusted : In
        Two cycles before the first DSP's product is added, for :attr:`Entry.ADJUSTED`.
    p, pcout : Out
        The sum; the same for the next group's ``pcin``.

    Platform overrides: two DSP48E2.
    """

    latency = 5

    def __init__(self, config: DspGroupConfig):
        self.config = config
        super().__init__({
            "operands": In(data.ArrayLayout(Pair, 2)),
            "columns": In(data.ArrayLayout(signed(8), 2)),
            "offers": In(data.ArrayLayout(offer(config.chain), 2)),
            "controls": In(data.ArrayLayout(Control, 2)),
            "cut": In(1),
            "pcin": In(signed(48)),
            "adjusted": In(signed(48)),
            "p": Out(signed(48)),
            "pcout": Out(signed(48)),
        })

    def elaborate(self, platform):
        m = Module()
        dsps = []
        for n in range(2):
            mux = place(m, platform, f"mux_{n}", SparseMux(self.config.chain))
            dsp = place(m, platform, f"dsp_{n}", Dsp48e2(DSP))
            m.d.comb += [
                mux.operand.eq(self.operands[n]),
                mux.column.eq(self.columns[n]),
                mux.offer.eq(self.offers[n]),
                mux.control.eq(self.controls[n]),
                dsp.a.eq(mux.a),
                dsp.b.eq(mux.b),
                dsp.d.eq(mux.d),
                dsp.inmode.eq(mux.inmode),
            ]
            dsps.append(dsp)

        # OPMODE has one register; the product that it goes with arrives two cycles later.
        entry = self.config.entry
        afresh = opmode(x="M", y="M", z=Entry.START.value)
        onward = opmode(x="M", y="M", z=entry.value)
        if self.config.cut and entry is not Entry.START:
            cut_1 = Signal()
            cut_2 = Signal()
            m.d.sync += [cut_1.eq(self.cut), cut_2.eq(cut_1)]
            m.d.comb += dsps[0].opmode.eq(Mux(cut_2, afresh, onward))
        else:
            m.d.comb += dsps[0].opmode.eq(onward)
        m.d.comb += [
            dsps[0].pcin.eq(self.pcin),
            dsps[0].c.eq(self.adjusted),
            dsps[1].opmode.eq(opmode(x="M", y="M", z="PCIN")),
            dsps[1].pcin.eq(dsps[0].pcout),
            self.p.eq(dsps[1].p),
            self.pcout.eq(dsps[1].pcout),
        ]
        return m
