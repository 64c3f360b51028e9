# SPDX-License-Identifier: Apache-2.0
"""An AXI4 master that turns a list of descriptors into one stream of beats."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import (
    ADDRESS_BITS,
    CACHE,
    Access,
    Axi4Signature,
    Burst,
    Response,
)

from .bursts import descriptor_layout
from .faults import Fault
from .requests import Requester

__all__ = ["AxiReader", "read_layout"]


def read_layout(config: PortConfig) -> data.StructLayout:
    """A beat that was read: its ``data``, and whether it is the ``last`` of its descriptor."""
    return data.StructLayout({"data": config.data_bits, "last": 1})


class AxiReader(wiring.Component):
    """Reads the pieces of memory that descriptors name, in their order, as one stream.

    Descriptors queue up, and requests run ahead of the data across them: the tape and the segments
    of a KV cache are one list, and the memory sees no pause between two of them. Bursts are INCR,
    aligned, at most ``config.burst_beats`` (16 beats, 512 bytes), and cross no multiple of it.

    Credits: a burst is only asked for when the consumer has room for all of it, so ``rready`` is
    constant and the memory is never held up. After reset the consumer has room for
    ``config.fifo_depth`` beats; each cycle with ``space`` on says that it has freed one of those
    that ``o`` gave. Each beat is freed once. Who resets the consumer resets the reader, too, while
    it is not ``busy``.

    Errors: the first one is shown as ``error`` and ``error_address``, until it is cleared.

    - A descriptor at fault (misaligned to the beat, or not wholly in [``base``, ``limit``)) reads
      nothing, and comes up once all before it have been requested. What was requested is read to
      its end, and given.
    - A response that is not OKAY ends the stream: that beat and all after it are taken from the
      memory and not given to ``o``; their credits come back by themselves.
    - Either way nothing more is requested; what is in the queue is thrown away, and so is every
      descriptor that comes, until ``clear``. A burst that ``arvalid`` announces already is still
      made.
    - ``halt`` stops it in the same way, without an error.
    - ``clear`` counts in a cycle in which ``busy`` is off, and may simply be held until ``error``
      is NONE. A descriptor that comes in with it is read. Credits are left as they are.

    Of two errors the one that is found first is shown; a descriptor's may so come before that of a
    burst which was requested earlier and answers later.

    Parameters
    ----------
    config : PortConfig
        Widths and sizes.

    Members
    -------
    i : In, stream
        Descriptors, :func:`~flightllm_hw.memory.bursts.descriptor_layout`. Of no beats: nothing
        happens.
    o : Out, stream that is always ready
        Beats, :func:`read_layout`.
    space : In
        A beat was freed.
    base, limit : In
        The window in bytes, ``limit`` not in it. Held while ``busy``.
    halt : In
        Stops; until ``clear``.
    clear : In
        Forgets the error.
    busy : Out
        A descriptor is in here, or a burst is not read to its end. Off in the cycle after the last
        beat of ``o``.
    blocked : Out
        A burst waits for room.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault` and the address of its descriptor or
        of its beat.
    m_axi : Out
        The port, reading half. All its outputs are registers or constant; every ID is 0.

    Latency: ``latency`` cycles from a descriptor to ``arvalid``, ``beat_latency`` from ``rvalid``
    to ``o``. Throughput: a beat a cycle if the memory gives it and ``config.outstanding`` bursts
    and ``config.fifo_depth`` beats cover its latency; a burst a cycle. Reset: forgets everything,
    and so must only come while not ``busy``, or with the memory.
    """

    latency = Requester.latency
    beat_latency = 1

    def __init__(self, config: PortConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(descriptor_layout(config))),
            "o": Out(stream.Signature(read_layout(config), always_ready=True)),
            "space": In(1),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "halt": In(1),
            "clear": In(1),
            "busy": Out(1),
            "blocked": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "m_axi": Out(Axi4Signature(data_bits=config.data_bits, id_bits=config.id_bits,
                                       access=Access.READ)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        axi = self.m_axi
        low, high = c.beat_shift, c.burst_shift

        requester = place(m, platform, "requester", Requester(c))
        wiring.connect(m, wiring.flipped(self.i), requester.i)
        m.d.comb += [
            requester.base.eq(self.base),
            requester.limit.eq(self.limit),
            requester.halt.eq(self.halt),
            requester.clear.eq(self.clear & ~self.busy),
            self.blocked.eq(requester.blocked),
            self.busy.eq(requester.busy),
            self.error.eq(requester.error),
            self.error_address.eq(requester.error_address),
        ]

        # A burst's room is reserved when it is asked for.
        credits = Signal(range(c.fifo_depth + 1), init=c.fifo_depth)
        dropped = Signal()
        m.d.comb += requester.room.eq(credits)
        m.d.sync += credits.eq(credits + self.space + dropped
                               - Mux(requester.ask, requester.burst.beats, 0))
        m.d.comb += [
            requester.o.ready.eq(axi.arready),
            axi.arvalid.eq(requester.o.valid),
            axi.araddr.eq(requester.o.payload.address),
            axi.arlen.eq(requester.o.payload.length),
            axi.arsize.eq(c.beat_shift),
            axi.arburst.eq(Burst.INCR),
            axi.arcache.eq(CACHE),
        ]

        # Answers.
        valid_1 = Signal()
        last_1 = Signal(reset_less=True)
        response_1 = Signal(Response, reset_less=True)
        data_1 = Signal(c.data_bits, reset_less=True)
        m.d.sync += [valid_1.eq(axi.rvalid), last_1.eq(axi.rlast),
                     response_1.eq(axi.rresp), data_1.eq(axi.rdata)]

        # Where a beat comes from: a burst does not leave its multiple.
        beat = Signal(high - low)
        oldest = requester.oldest
        with m.If(valid_1):
            m.d.sync += beat.eq(Mux(last_1, 0, beat + 1))
        m.d.comb += [
            axi.rready.eq(1),
            requester.answered.eq(valid_1 & last_1),
            requester.answer.eq(Mux(valid_1, response_1, Response.OKAY)),
            requester.answer_address.eq(Cat(
                Const(0, low), (oldest.address[:high - low] + beat)[:high - low],
                oldest.address[high - low:])),
        ]

        # From a bad answer on nothing is given.
        broken = Signal()
        with m.If(requester.answer != Response.OKAY):
            m.d.sync += broken.eq(1)
        with m.Elif(requester.clear):
            m.d.sync += broken.eq(0)
        m.d.comb += [
            dropped.eq(valid_1 & (broken | (response_1 != Response.OKAY))),
            self.o.valid.eq(valid_1 & ~dropped),
            self.o.payload.data.eq(data_1),
            self.o.payload.last.eq(last_1 & oldest.last),
        ]
        return m
