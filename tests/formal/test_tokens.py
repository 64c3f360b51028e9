# SPDX-License-Identifier: Apache-2.0
"""A proof, for all times and all that units may give and take, that no token is lost or made.

By induction, so without a bound; tokens given and taken are counted here once more, until one is
too many. Counters of two bits, so that mutants' are full soon.
"""

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Signal

from flightllm_hw.control.tokens import Tokens, TokensConfig
from flightllm_hw.isa.table import Unit
from support.formal import prove
from support.inside import Inside

BITS, DEPTH = 2, 9


def bench(*, most=(1 << BITS) - 1, polite=True):
    """The counters, and what is claimed of them; who is not polite takes what is not there."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    dut = Tokens(TokensConfig(bits=BITS))
    m.submodules.dut = inside = Inside(dut)
    m.d.comb += Assume(~dut.clear)
    for giver in Unit:
        too_many, losts = [], []
        for taker in Unit:
            name = f"{giver.name}_{taker.name}".lower()
            there = Signal(8, name=f"there_{name}")     # given and not taken
            lost = Signal(name=f"lost_{name}")
            gives, takes = dut.give[giver][taker], dut.take[taker][giver]
            if polite:
                m.d.comb += Assume(~takes | dut.some[taker][giver])
            m.d.sync += there.eq(there + gives - takes)
            full = gives & ~takes & (there == most)
            too_many.append(full)
            losts.append(lost)
            with m.If(full):
                m.d.sync += lost.eq(1)
            with m.If(~lost):
                m.d.comb += [
                    Assert(there <= most),
                    Assert(dut.some[taker][giver] == (there != 0)),
                    # Its own counter is none other.
                    Assert(inside[f"{giver.name}_to_{taker.name}".lower()] == there),
                ]
        # Told of in the next cycle; as long as none was lost before.
        some_full, clean = Signal(name=f"full_{giver}"), Signal(name=f"clean_{giver}", init=1)
        any_full = sum(too_many[1:], start=too_many[0]) != 0
        m.d.sync += [some_full.eq(any_full), clean.eq(clean & ~some_full)]
        with m.If(clean):
            m.d.comb += [
                Assert(dut.overflow[giver] == some_full),
                Assert(some_full | (sum(losts[1:], start=losts[0]) == 0)),
            ]
    return m, [clock.clk, *inside.inputs]


@pytest.mark.formal
def test_tokens_are_neither_lost_nor_made(tmp_path):
    m, ports = bench()
    status, log = prove(tmp_path, m, ports, depth=2, unbounded=True)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("claim", [{"most": 2}, {"polite": False}], ids=str)
def test_sharper_claims_fail(claim, tmp_path):
    m, ports = bench(**claim)
    status, log = prove(tmp_path, m, ports, depth=DEPTH)
    assert status != 0 and "FAIL" in log
