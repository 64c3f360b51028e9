# SPDX-License-Identifier: Apache-2.0
"""What reading and writing ports have in common: they ask for bursts, and remember which."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Response

from .bursts import BurstCutter, burst_layout, descriptor_layout
from .faults import Fault, FaultLatch

__all__ = ["Requester", "flight_layout", "request_layout"]


def request_layout(config: PortConfig) -> data.StructLayout:
    """What an address channel says of a burst: its ``address``, and its beats less one."""
    return data.StructLayout({"address": ADDRESS_BITS, "length": range(config.burst_beats)})


def flight_layout(config: PortConfig) -> data.StructLayout:
    """A burst under way: its address in beats, and whether it is the ``last`` of its descriptor."""
    return data.StructLayout({"address": ADDRESS_BITS - config.beat_shift, "last": 1})


class Requester(wiring.Component):
    """Asks for the bursts that descriptors come to, as far as the port lets it.

    ::

        i ─► BurstCutter ─► room? place in flight? ─┬─► o
                  ▲ stop                            └─► in flight ─► oldest
              FaultLatch ◄── answer

    From the first fault on nothing is asked for; what is in the queue, and what comes, is thrown
    away until ``clear``. A request that ``o`` offers already is still made.

    Parameters
    ----------
    config : PortConfig
        Widths and sizes.

    Members
    -------
    i : In, stream
        Descriptors, :func:`~flightllm_hw.memory.bursts.descriptor_layout`.
    base, limit : In
        The window in bytes, ``limit`` not in it. Held while ``busy``.
    room : In
        Beats that a burst may have now.
    o : Out, stream
        Requests, :func:`request_layout`, registers.
    ask, burst : Out
        A burst is asked for in this cycle, a cycle before ``o`` offers it; which one.
    oldest : Out
        The burst that is answered next, :func:`flight_layout`.
    answered : In
        It has its whole answer.
    answer, answer_address : In
        The response of a beat or a burst, OKAY if there is none; and where.
    halt : In
        Stops as a fault would, without one; until ``clear``.
    clear : In
        Forgets the fault. Only while not ``busy``.
    busy : Out
        A descriptor is in here, or a burst is under way.
    stopped : Out
        There is a fault, or it was halted.
    blocked : Out
        A burst waits for room.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault`, and where.

    Latency: ``latency`` cycles from a descriptor to its first request. Throughput: a burst a cycle.
    Reset: forgets everything.
    """

    latency = BurstCutter.latency + 1

    def __init__(self, config: PortConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(descriptor_layout(config))),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "room": In(range(config.fifo_depth + 1)),
            "o": Out(stream.Signature(request_layout(config))),
            "ask": Out(1),
            "burst": Out(burst_layout(config)),
            "oldest": Out(flight_layout(config)),
            "answered": In(1),
            "answer": In(Response),
            "answer_address": In(ADDRESS_BITS),
            "halt": In(1),
            "clear": In(1),
            "busy": Out(1),
            "stopped": Out(1),
            "blocked": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        cutter = place(m, platform, "cutter", BurstCutter(c))
        latch = place(m, platform, "latch", FaultLatch())
        m.submodules.in_flight = in_flight = SyncFIFO(width=flight_layout(c).size,
                                                      depth=c.outstanding)
        wiring.connect(m, wiring.flipped(self.i), cutter.i)

        # The first fault, of a descriptor or of an answer.
        burst = cutter.o.payload
        m.d.comb += [
            latch.request.eq(Mux(cutter.o.valid, burst.fault, Fault.NONE)),
            latch.request_address.eq(burst.address),
            latch.answer.eq(self.answer),
            latch.answer_address.eq(self.answer_address),
            latch.halt.eq(self.halt),
            latch.clear.eq(self.clear),
            self.error.eq(latch.fault),
            self.error_address.eq(latch.address),
            self.stopped.eq(latch.stopped),
        ]

        # Ask for a burst, and keep its address for the answer.
        faulty = Signal()
        enough = Signal()
        wanted = Signal()
        m.d.comb += [
            cutter.base.eq(self.base),
            cutter.limit.eq(self.limit),
            cutter.stop.eq(latch.stopped),
            faulty.eq(burst.fault != Fault.NONE),
            enough.eq(self.room >= burst.beats),
            wanted.eq(cutter.o.valid & ~faulty & ~latch.stopped),
            self.blocked.eq(wanted & ~enough),
            self.ask.eq(wanted & enough & in_flight.w_rdy & (~self.o.valid | self.o.ready)),
            self.burst.eq(burst),
            cutter.o.ready.eq(self.ask | faulty | latch.stopped),
            in_flight.w_en.eq(self.ask),
            in_flight.r_en.eq(self.answered),
            self.oldest.eq(in_flight.r_data),
            self.busy.eq(cutter.busy | in_flight.r_rdy),
        ]
        flight = data.View(flight_layout(c), in_flight.w_data)
        m.d.comb += [
            flight.address.eq(burst.address[c.beat_shift:]),
            flight.last.eq(burst.last),
        ]

        # The request that is offered.
        request = Signal(request_layout(c), reset_less=True)
        m.d.comb += self.o.payload.eq(request)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(self.ask),
                request.address.eq(burst.address),
                request.length.eq(burst.beats - 1),
            ]
        return m
