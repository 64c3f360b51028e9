# SPDX-License-Identifier: Apache-2.0
"""Out of the packed domain: the reduction node (RN) and the overflow adjust unit (OAU).

A DSP's P holds two sums, ``hi * 2^18 + lo``. A sum of eight int8 products, with a remainder below
2^10 before it, lies in [-130048, 132095]: 2^18 values exactly, so 18 bits tell them apart even
though they are not the 18-bit two's complement numbers::

    bit 47      18 17     10 9          0
       |   hi     |    m    |  remainder |        lo = m * 2^10 + remainder
                                                  m  = -127 .. 128: 0x80 is +128, not -128

``lo`` is negative if ``m`` has its top bit and any other, and then ``hi`` has lent it one.

A longer chain is cut into runs of eight by OAUs. An OAU strips ``m`` off and lets the remainder and
``hi`` pass on, which is wiring alone; what it stripped (and what was lent) goes around the next run
as :func:`adjustment`, and the node adds it back. ``tests/formal`` proves both for all inputs.
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import ChainConfig
from flightllm_hw.formats.pair import PAIR_SPACING

__all__ = ["OverflowAdjust", "ReductionNode", "ReductionNodeConfig", "adjustment"]

REMAINDER_BITS = 10


def adjustment(config: ChainConfig):
    """What OAUs have taken from the packed sums: ``msp`` * 2^10 from lo, ``borrow`` from hi.

    ``msp`` is the sum of their ``m``, ``borrow`` counts how often lo was negative.
    """
    units = sum(config.adjusts_before(g) for g in range(config.groups))
    return data.StructLayout({
        "msp": signed(9 + units.bit_length()),
        "borrow": max(1, units.bit_length()),
    })


def _negative(p):
    """Whether the low sum in ``p`` is below zero."""
    return p[PAIR_SPACING - 1] & p[REMAINDER_BITS:PAIR_SPACING - 1].any()


class OverflowAdjust(wiring.Component):
    """Strips the top of the low sum off P, so that eight more products fit (FlightLLM's OAU).

    Combinational: ``adjusted`` is P with bits 17..10 cleared. The next DSP's C register follows.

    Parameters
    ----------
    config : ChainConfig
        Decides how much can come together.

    Members
    -------
    p : In
        Packed sums of a run.
    before : In
        What earlier units took.
    adjusted : Out
        P without ``m``.
    after : Out
        ``before`` and what this unit took.
    """

    def __init__(self, config: ChainConfig):
        self.config = config
        super().__init__({
            "p": In(signed(48)),
            "before": In(adjustment(config)),
            "adjusted": Out(signed(48)),
            "after": Out(adjustment(config)),
        })

    def elaborate(self, platform):
        m = Module()
        negative = Signal()
        msp = Signal(signed(9))
        m.d.comb += [
            negative.eq(_negative(self.p)),
            msp.eq(Cat(self.p[REMAINDER_BITS:PAIR_SPACING], negative)),
            self.adjusted.eq(Cat(self.p[:REMAINDER_BITS],
                                 Const(0, PAIR_SPACING - REMAINDER_BITS), self.p[PAIR_SPACING:])),
            self.after.msp.eq(self.before.msp + msp),
            self.after.borrow.eq(self.before.borrow + negative),
        ]
        return m


@dataclass(frozen=True, kw_only=True)
class ReductionNodeConfig:
    """A node's place in its chain.

    Parameters
    ----------
    chain : ChainConfig
        The chain.
    adjusted : bool
        Whether an OAU stands before it.
    both : bool
        Whether ``hi`` is wanted, too.
    """

    chain: ChainConfig
    adjusted: bool
    both: bool


class ReductionNode(wiring.Component):
    """The two exact sums of a segment, out of its P (FlightLLM's RN).

    lo = m * 2^10 + remainder + msp * 2^10 and hi = P[47:18] + (lo negative) + borrow, one cycle
    later (``latency``). Moves in every cycle.

    Parameters
    ----------
    config : ReductionNodeConfig
        Place in the chain.

    Members
    -------
    p : In
        Packed sums.
    adjustment : In
        What OAUs took from them (where ``config.adjusted``).
    lo, hi : Out
        Exact sums of ``sum_bits``; ``hi`` is zero unless ``config.both``.
    """

    latency = 1

    def __init__(self, config: ReductionNodeConfig):
        self.config = config
        super().__init__({
            "p": In(signed(48)),
            "adjustment": In(adjustment(config.chain)),
            "lo": Out(signed(config.chain.sum_bits)),
            "hi": Out(signed(config.chain.sum_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        width = self.config.chain.sum_bits
        negative = Signal()
        lo = Signal(signed(PAIR_SPACING + 1))
        hi = Signal(signed(48 - PAIR_SPACING))
        m.d.comb += [
            negative.eq(_negative(self.p)),
            lo.eq(Cat(self.p[:PAIR_SPACING], negative)),
            hi.eq(self.p[PAIR_SPACING:]),
        ]
        lo_1 = Signal(signed(width), reset_less=True)
        if self.config.adjusted:
            top = lo[REMAINDER_BITS:].as_signed() + self.adjustment.msp
            m.d.sync += lo_1.eq(Cat(lo[:REMAINDER_BITS], top).as_signed())
        else:
            m.d.sync += lo_1.eq(lo)
        m.d.comb += self.lo.eq(lo_1)
        if self.config.both:
            hi_1 = Signal(signed(width), reset_less=True)
            borrow = self.adjustment.borrow if self.config.adjusted else 0
            m.d.sync += hi_1.eq(hi + negative + borrow)
            m.d.comb += self.hi.eq(hi_1)
        return m
