# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all descriptors, memories and consumers, of what the reader promises to both.

Bounded: from reset to some cycles after the first bursts, which is where credits run out. The
memory answers whenever it likes, with any response, but only what was asked for; the consumer frees
whenever it likes, but only what it was given.
"""

import pytest
from amaranth.hdl import Array, Assert, Assume, ClockDomain, Module, Signal, Value

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.memory.reader import AxiReader
from support.formal import prove

CONFIG = PortConfig(data_bits=32, id_bits=0, burst_bytes=16, outstanding=2, fifo_depth=4,
                    descriptors=2, beats_bits=8)


def bench(*, room=CONFIG.fifo_depth, page_bits=12):
    """The reader between a free memory and a free consumer, and what is claimed of it."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.dut = dut = AxiReader(CONFIG)
    axi = dut.m_axi
    inputs = [Value.cast(x) for x in (
        dut.i.valid, dut.i.payload, dut.space, dut.base, dut.limit, dut.clear, axi.arready,
        axi.rvalid, axi.rdata, axi.rresp, axi.rlast)]

    # The window stays.
    base, limit, started = Signal(64), Signal(64), Signal()
    m.d.sync += [base.eq(dut.base), limit.eq(dut.limit), started.eq(1)]
    with m.If(started):
        m.d.comb += Assume((base == dut.base) & (limit == dut.limit))

    # The memory: lengths of the bursts that it was asked for, the first at the front.
    lengths = Array(Signal(4, name=f"length_{n}") for n in range(CONFIG.outstanding))
    count = Signal(range(CONFIG.outstanding + 1))
    beat = Signal(4)
    asked = axi.arvalid & axi.arready
    arrived = axi.rvalid & axi.rready
    ended = arrived & axi.rlast
    m.d.comb += Assume(~axi.rvalid | ((count != 0) & (axi.rlast == (beat == lengths[0]))))
    with m.If(arrived):
        m.d.sync += beat.eq(beat + 1)
    with m.If(ended):
        m.d.sync += [beat.eq(0), *(a.eq(b) for a, b in zip(lengths[:-1], lengths[1:],
                                                           strict=True))]
    with m.If(asked):
        m.d.comb += Assert(count - ended < CONFIG.outstanding)
        m.d.sync += lengths[count - ended].eq(axi.arlen)
    m.d.sync += count.eq(count + asked - ended)

    # The consumer holds what it was given; what was read and not given needs no room.
    held, promised = Signal(8), Signal(8)
    reading, pending = Signal(), Signal(8)
    m.d.comb += [
        Assume(~dut.space | (held != 0)),
        pending.eq((axi.arlen + 1) & axi.arvalid.replicate(8)),
        Assert(promised + pending <= room),
        Assert(held <= room),
    ]
    m.d.sync += [
        reading.eq(axi.rvalid),
        held.eq(held + dut.o.valid - dut.space),
        promised.eq(promised + (pending & asked.replicate(8)) - dut.space
                    - (reading & ~dut.o.valid)),
    ]

    # Requests stay until they are taken.
    waiting, address, length = Signal(), Signal(64), Signal(8)
    m.d.sync += [waiting.eq(axi.arvalid & ~axi.arready), address.eq(axi.araddr),
                 length.eq(axi.arlen)]
    with m.If(waiting):
        m.d.comb += Assert(axi.arvalid & (axi.araddr == address) & (axi.arlen == length))

    # Bursts are small, aligned, and stay in a page and in the window.
    size = (axi.arlen + 1) * CONFIG.beat_bytes
    with m.If(axi.arvalid):
        m.d.comb += [
            Assert(axi.arlen < CONFIG.burst_beats),
            Assert(axi.araddr[:CONFIG.beat_shift] == 0),
            Assert(axi.araddr[:page_bits] + size <= 1 << page_bits),
            Assert((axi.araddr >= base) & (axi.araddr + size <= limit)),
        ]
    m.d.comb += Assert(axi.rready)
    return m, [clock.clk, *inputs]


# Cycles from reset: the first request stands in cycle 7, the first credit is back in cycle 11. That
# credits are right for ever is in ``test_credits``.
DEPTH = 11


@pytest.mark.formal
def test_requests_are_steady_in_their_page_and_within_the_credits(tmp_path):
    m, ports = bench()
    status, log = prove(tmp_path, m, ports, depth=DEPTH)
    assert status == 0, log


@pytest.mark.formal
@pytest.mark.parametrize("claim", [{"room": CONFIG.fifo_depth - 1}, {"page_bits": 3}], ids=str)
def test_sharper_claims_fail(claim, tmp_path):
    # The depth is enough to use all the room, and whole bursts.
    m, ports = bench(**claim)
    status, log = prove(tmp_path, m, ports, depth=DEPTH)
    assert status != 0 and "FAIL" in log
