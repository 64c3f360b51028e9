# SPDX-License-Identifier: Apache-2.0
"""AXI4-Lite to single accesses of words."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.interfaces.axi import Axi4LiteSignature, Response

from .registers import ADDRESS_BITS, WORD_BITS

__all__ = ["AT_BITS", "LiteSlave"]

AT_BITS = ADDRESS_BITS - 2
"""Width of a word's number."""


class LiteSlave(wiring.Component):
    """One write and one read at a time; every offset is answered, with OKAY.

    ::

        aw ─► ┐
              ├─► write ─► b                       ar ─► read ... read_done ─► r
        w  ─► ┘

    Address and data of a write come in any order. Reads and writes know nothing of one another. In
    reset, and so in the cycle after it, nothing is ready: what a master offers too early is not
    lost. The two lowest address bits are ignored: a word is a word.

    Members
    -------
    bus : In
        The port.
    write : Out
        Writes the bytes ``write_mask`` of ``write_data`` to word ``write_at``; for a cycle.
    read : Out
        Asks for word ``read_at``, which is held until the answer; for a cycle.
    read_done, read_data : In
        The answer; in the cycle after ``read`` at the earliest, once.

    Time: ``write`` is in the cycle after the later one of address and data, its response in the
    next; ``read`` is in the cycle after its address, the response in the cycle after ``read_done``.
    All of the bus' outputs are registers. Reset: forgets everything.
    """

    bus: In(Axi4LiteSignature(address_bits=ADDRESS_BITS, data_bits=WORD_BITS))
    write: Out(1)
    write_at: Out(AT_BITS)
    write_data: Out(WORD_BITS)
    write_mask: Out(WORD_BITS // 8)
    read: Out(1)
    read_at: Out(AT_BITS)
    read_done: In(1)
    read_data: In(WORD_BITS)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        m.d.comb += [bus.bresp.eq(Response.OKAY), bus.rresp.eq(Response.OKAY)]

        # A write's address and its data wait for one another.
        addressed = Signal()
        filled = Signal()
        write_at = Signal(AT_BITS, reset_less=True)
        write_data = Signal(WORD_BITS, reset_less=True)
        write_mask = Signal(WORD_BITS // 8, reset_less=True)
        m.d.comb += [
            self.write.eq(addressed & filled),
            self.write_at.eq(write_at),
            self.write_data.eq(write_data),
            self.write_mask.eq(write_mask),
        ]
        with m.If(bus.awready & bus.awvalid):
            m.d.sync += [addressed.eq(1), bus.awready.eq(0), write_at.eq(bus.awaddr[2:])]
        with m.Elif(~addressed & ~bus.bvalid):
            m.d.sync += bus.awready.eq(1)
        with m.If(bus.wready & bus.wvalid):
            m.d.sync += [filled.eq(1), bus.wready.eq(0), write_data.eq(bus.wdata),
                         write_mask.eq(bus.wstrb)]
        with m.Elif(~filled & ~bus.bvalid):
            m.d.sync += bus.wready.eq(1)
        with m.If(self.write):
            m.d.sync += [addressed.eq(0), filled.eq(0), bus.bvalid.eq(1)]
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        # A read's address is kept until the answer has been taken.
        asked = Signal()
        read_at = Signal(AT_BITS, reset_less=True)
        rdata = Signal(WORD_BITS, reset_less=True)
        m.d.comb += [self.read_at.eq(read_at), bus.rdata.eq(rdata)]
        m.d.sync += self.read.eq(bus.arready & bus.arvalid)
        with m.If(bus.arready & bus.arvalid):
            m.d.sync += [asked.eq(1), bus.arready.eq(0), read_at.eq(bus.araddr[2:])]
        with m.Elif(~asked):
            m.d.sync += bus.arready.eq(1)
        with m.If(self.read_done):
            m.d.sync += [bus.rvalid.eq(1), rdata.eq(self.read_data)]
        with m.Elif(bus.rvalid & bus.rready):
            m.d.sync += [bus.rvalid.eq(0), asked.eq(0)]
        return m
