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

from .layouts import element, offer
from .select import INMODES, SparseMux

__all__ = ["DspGroup", "DspGroupConfig", "Entry", "dsp_config"]


class Entry(Enum):
    """What the first DSP of a group adds to its product."""

    START = "0"
    CASCADE = "PCIN"
    ADJUSTED = "C"

    @property
    def opmode(self) -> int:
        """OPMODE of such a DSP."""
        return opmode(x="M", y="M", z=self.value)


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


def dsp_config(chain: ChainConfig) -> Dsp48e2Config:
    """Attributes of a chain's DSPs: two packed products, added to what comes from outside.

    The pre-adder has a register, so B takes a second one to keep in step.
    """
    adjusted = any(chain.adjusts_before(group) for group in range(chain.groups))
    entries = [entry for entry in Entry if adjusted or entry is not Entry.ADJUSTED]
    return Dsp48e2Config(
        amultsel="AD", areg=1, dreg=1, adreg=1, breg=2, alumodes=(0,), inmodes=INMODES,
        opmodes=tuple(entry.opmode for entry in entries))


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
    operands, columns, offers, dense : In
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
            "operands": In(data.ArrayLayout(element(), 2)),
            "columns": In(data.ArrayLayout(signed(8), 2)),
            "offers": In(data.ArrayLayout(offer(config.chain), 2)),
            "dense": In(2),
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
            dsp = place(m, platform, f"dsp_{n}", Dsp48e2(dsp_config(self.config.chain)))
            m.d.comb += [
                mux.operand.eq(self.operands[n]),
                mux.column.eq(self.columns[n]),
                mux.offer.eq(self.offers[n]),
                mux.dense.eq(self.dense[n]),
                dsp.a.eq(mux.a),
                dsp.b.eq(mux.b),
                dsp.d.eq(mux.d),
                dsp.inmode.eq(mux.inmode),
            ]
            dsps.append(dsp)

        # OPMODE has one register; the product that it goes with arrives two cycles later.
        entry = self.config.entry
        if self.config.cut and entry is not Entry.START:
            cut_1 = Signal()
            cut_2 = Signal()
            m.d.sync += [cut_1.eq(self.cut), cut_2.eq(cut_1)]
            m.d.comb += dsps[0].opmode.eq(Mux(cut_2, Entry.START.opmode, entry.opmode))
        else:
            m.d.comb += dsps[0].opmode.eq(entry.opmode)
        m.d.comb += [
            dsps[0].pcin.eq(self.pcin),
            dsps[0].c.eq(self.adjusted),
            dsps[1].opmode.eq(Entry.CASCADE.opmode),
            dsps[1].pcin.eq(dsps[0].pcout),
            self.p.eq(dsps[1].p),
            self.pcout.eq(dsps[1].pcout),
        ]
        return m
