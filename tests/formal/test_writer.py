# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all descriptors, beats and memories, of what the writer promises to both sides.

Bounded: from reset to some cycles after the first answers. Descriptors and beats come whenever they
like, with anything in them; the memory takes addresses and data whenever it likes, and answers with
any response, but only bursts that it has got all of.

::

    offered ──► awvalid & awready ──► taken ──┐
       '──► wvalid & wready & wlast ──► ended ┴─► bvalid ──► answered
"""

import pytest
from amaranth.hdl import Array, Assert, Assume, Cat, ClockDomain, Module, Mux, Signal, Value

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.writer import AxiWriter
from support.formal import prove

CONFIG = PortConfig(data_bits=32, id_bits=0, burst_bytes=16, outstanding=2, fifo_depth=4,
                    descriptors=2, beats_bits=8)


def bench(*, outstanding=CONFIG.outstanding, page_bits=12, address_bits=64, hasty=False):
    """The writer between a free producer and a free memory, and what is claimed of it.

    A ``hasty`` memory answers a burst as soon as it has its address.
    """
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.dut = dut = AxiWriter(CONFIG)
    axi = dut.m_axi
    inputs = [Value.cast(x) for x in (
        dut.i.valid, dut.i.payload, dut.i_beat.valid, dut.i_beat.payload, dut.base, dut.limit,
        dut.clear, axi.awready, axi.wready, axi.bvalid, axi.bresp)]

    # The window stays.
    base, limit, started = Signal(64), Signal(64), Signal()
    m.d.sync += [base.eq(dut.base), limit.eq(dut.limit), started.eq(1)]
    with m.If(started):
        m.d.comb += Assume((base == dut.base) & (limit == dut.limit))
    high = dut.i.payload.address | dut.base | dut.limit
    m.d.comb += Assume(high[address_bits:] == 0)

    # Offers stay until they are taken.
    waits, w_waits = Signal(), Signal()
    address, data = Cat(axi.awaddr, axi.awlen), Cat(axi.wdata, axi.wstrb, axi.wlast)
    address_before, data_before = Signal(len(address)), Signal(len(data))
    m.d.sync += [
        waits.eq(axi.awvalid & ~axi.awready), address_before.eq(address),
        w_waits.eq(axi.wvalid & ~axi.wready), data_before.eq(data),
    ]
    m.d.comb += [
        Assert(~waits | (axi.awvalid & (address == address_before))),
        Assert(~w_waits | (axi.wvalid & (data == data_before))),
    ]

    # Bursts are small, aligned, and stay in a page and in the window.
    size = (axi.awlen + 1) * CONFIG.beat_bytes
    with m.If(axi.awvalid):
        m.d.comb += [
            Assert(axi.awlen < CONFIG.burst_beats),
            Assert(axi.awaddr[:CONFIG.beat_shift] == 0),
            Assert(axi.awaddr[:page_bits] + size <= 1 << page_bits),
            Assert((axi.awaddr >= base) & (axi.awaddr + size <= limit)),
        ]

    # Lengths of the bursts whose data is not through, the first at the front. Their data follows
    # the offer of their address, without a pause.
    lengths = Array(Signal(4, name=f"length_{n}") for n in range(CONFIG.outstanding))
    count, beat = Signal(range(CONFIG.outstanding + 1)), Signal(4)
    offered = axi.awvalid & ~waits
    moved = axi.wvalid & axi.wready
    ended = moved & axi.wlast
    m.d.comb += [
        Assert(axi.wvalid == (count != 0)),
        Assert(~axi.wvalid | (axi.wlast == (beat == lengths[0]))),
        Assert(~offered | (count - ended < CONFIG.outstanding)),
    ]
    with m.If(moved):
        m.d.sync += beat.eq(Mux(axi.wlast, 0, beat + 1))
    with m.If(ended):
        m.d.sync += [a.eq(b) for a, b in zip(lengths[:-1], lengths[1:], strict=True)]
    with m.If(offered):
        m.d.sync += lengths[count - ended].eq(axi.awlen)
    m.d.sync += count.eq(count + offered - ended)

    # Bursts under way, and those of them whose address and whose data the memory has.
    under_way, addresses, bodies = Signal(4), Signal(4), Signal(4)
    answered = axi.bvalid & axi.bready
    m.d.sync += [
        under_way.eq(under_way + offered - answered),
        addresses.eq(addresses + (axi.awvalid & axi.awready) - answered),
        bodies.eq(bodies + ended - answered),
    ]
    m.d.comb += [
        Assume(~axi.bvalid | ((addresses != 0) & (hasty | (bodies != 0)))),
        Assert(axi.bready),
        Assert(under_way + offered <= outstanding),
    ]

    # Done is done: every beat that a descriptor named is written and answered, unless one failed.
    promised, written, failed = Signal(16), Signal(16), Signal()
    fails = failed | (dut.error != Fault.NONE)
    m.d.sync += [
        promised.eq(promised + Mux(dut.i.valid & dut.i.ready, dut.i.payload.beats, 0)),
        written.eq(written + moved),
        failed.eq(fails),
    ]
    with m.If(~dut.busy):
        m.d.comb += Assert(~axi.awvalid & ~axi.wvalid & (under_way == 0))
        with m.If(~fails):
            m.d.comb += Assert(written == promised)
    return m, [clock.clk, *inputs]


# Cycles from reset, and address bits that are free. The first address stands in cycle 7; a burst of
# a beat is answered in cycle 9 and done in cycle 11. Wide addresses take the solver far longer.
WIDE = {"depth": 9, "address_bits": 64}
LONG = {"depth": 12, "address_bits": 7}


@pytest.mark.formal
@pytest.mark.parametrize("extent", [WIDE, LONG], ids=["wide", "long"])
def test_bursts_are_whole_in_their_page_and_answered_before_done(extent, tmp_path):
    m, ports = bench(address_bits=extent["address_bits"])
    status, log = prove(tmp_path, m, ports, depth=extent["depth"])
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("claim", [{"outstanding": CONFIG.outstanding - 1}, {"page_bits": 3},
                                   {"hasty": True}], ids=str)
def test_sharper_claims_fail(claim, tmp_path):
    # The depth is enough for bursts under way, whole ones, and answers.
    m, ports = bench(address_bits=LONG["address_bits"], **claim)
    status, log = prove(tmp_path, m, ports, depth=LONG["depth"])
    assert status != 0 and "FAIL" in log
