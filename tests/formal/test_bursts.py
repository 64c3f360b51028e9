# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all descriptors and windows, that bursts are as small as memories want them.

At full size, which the ports' proofs are not. Bounded: from reset to the second burst.
"""

import pytest
from amaranth.hdl import Assert, Assume, ClockDomain, Module, Signal, Value

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.memory.bursts import BurstCutter
from flightllm_hw.memory.faults import Fault
from support.formal import prove

# Of the 16 beats and the 512 bytes of a burst the one limits the first, the other the second.
PORTS = {"narrow": PortConfig(data_bits=64), "wide": PortConfig(data_bits=512),
         "summed": PortConfig(data_bits=512, summed=True)}
DEPTH = BurstCutter.latency + 2


def bench(config, *, beats=16, burst_bytes=512, page_bits=12):
    """The cutter, and what is claimed of its bursts."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.dut = dut = BurstCutter(config)
    inputs = [Value.cast(x) for x in (
        dut.i.valid, dut.i.payload, dut.o.ready, dut.base, dut.limit, dut.stop)]

    # The window stays.
    base, limit, started = Signal(64), Signal(64), Signal()
    m.d.sync += [base.eq(dut.base), limit.eq(dut.limit), started.eq(1)]
    with m.If(started):
        m.d.comb += Assume((base == dut.base) & (limit == dut.limit))
    if config.summed:
        piece = dut.i.payload
        m.d.comb += Assume(piece.wrapped == (piece.address < dut.base))

    # Offers stay until they are taken.
    offered = Value.cast(dut.o.payload)
    waits, before = Signal(), Signal(len(offered))
    m.d.sync += [waits.eq(dut.o.valid & ~dut.o.ready), before.eq(offered)]
    with m.If(waits):
        m.d.comb += Assert(dut.o.valid & (offered == before))

    # Bursts are small, aligned, and stay in a page and in the window.
    burst = dut.o.payload
    size = burst.beats * config.beat_bytes
    with m.If(dut.o.valid & (burst.fault == Fault.NONE)):
        m.d.comb += [
            Assert((burst.beats != 0) & (burst.beats <= beats)),
            Assert(size <= burst_bytes),
            Assert(burst.address[:config.beat_shift] == 0),
            Assert(burst.address[:page_bits] + size <= 1 << page_bits),
            Assert((burst.address >= base) & (burst.address + size <= limit)),
        ]
    return m, [clock.clk, *inputs]


@pytest.mark.formal
@pytest.mark.parametrize("name", PORTS)
def test_bursts_are_small_and_stay_in_a_page_and_in_the_window(name, tmp_path):
    m, ports = bench(PORTS[name])
    status, log = prove(tmp_path, m, ports, depth=DEPTH)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("name, claim", [
    ("wide", {"burst_bytes": 448}), ("wide", {"page_bits": 8}), ("narrow", {"beats": 15})], ids=str)
def test_sharper_claims_fail(name, claim, tmp_path):
    m, ports = bench(PORTS[name], **claim)
    status, log = prove(tmp_path, m, ports, depth=DEPTH)
    assert status != 0 and "FAIL" in log
