# SPDX-License-Identifier: Apache-2.0
"""What went wrong on a memory port, and where: the first time, until it is cleared."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Response
from flightllm_hw.primitives.mux import WideMux, WideMuxConfig

__all__ = ["Fault", "FaultLatch"]


class Fault(enum.Enum, shape=3):
    """Why a port, or the lane behind it, stopped. Memory's responses are 4 + their AXI code.

    ``TRUNCATED``: a tape ended before its matrix did. ``OPERATION``: an operation that no lane of
    this configuration can carry out.
    """

    NONE = 0
    MISALIGNED = 1
    OUTSIDE = 2
    TRUNCATED = 3
    OPERATION = 4
    EXOKAY = 4 + Response.EXOKAY.value
    SLVERR = 4 + Response.SLVERR.value
    DECERR = 4 + Response.DECERR.value


class FaultLatch(wiring.Component):
    """Remembers the first fault and its address.

    A request and an answer that are at fault in the same cycle: the answer, whose request was the
    earlier one, is remembered.

    Members
    -------
    request, request_address : In
        The fault of a descriptor, NONE if it has none; and where.
    answer, answer_address : In
        The response of a beat or a burst, OKAY if there is none; and where.
    halt : In
        Stops as a fault would, without one.
    clear : In
        Forgets, from the next cycle on; whatever ``halt`` says.
    fault, address : Out
        The first fault, a cycle later; NONE without one. ``address`` means something with one only.
    stopped : Out
        There is one, or it was halted.

    Latency: one cycle. Reset: forgets.
    """

    request: In(Fault)
    request_address: In(ADDRESS_BITS)
    answer: In(Response)
    answer_address: In(ADDRESS_BITS)
    halt: In(1)
    clear: In(1)
    fault: Out(Fault)
    address: Out(ADDRESS_BITS)
    stopped: Out(1)

    # No parameters: one module serves every port.
    config = None

    def elaborate(self, platform):
        m = Module()
        failed = Signal()
        address = Signal(ADDRESS_BITS, reset_less=True)
        m.d.comb += [failed.eq(self.answer != Response.OKAY), self.address.eq(address)]
        # A module of its own: with the registers' enable in it, two bits would not share a LUT.
        where = place(m, platform, "where", WideMux(WideMuxConfig(width=ADDRESS_BITS, inputs=2)))
        m.d.comb += [
            where.i[0].eq(self.request_address), where.i[1].eq(self.answer_address),
            where.s.eq(failed),
        ]
        with m.If(~self.stopped):
            answered = Cat(self.answer, Const(1, 1))
            m.d.sync += [
                address.eq(where.o),
                self.fault.eq(Mux(failed, answered, self.request)),
                self.stopped.eq(failed | (self.request != Fault.NONE)
                                | (self.halt & ~self.clear)),
            ]
        with m.Elif(self.clear):
            m.d.sync += [self.fault.eq(Fault.NONE), self.stopped.eq(0)]
        return m
