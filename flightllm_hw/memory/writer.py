# SPDX-License-Identifier: Apache-2.0
"""An AXI4 master that writes one stream of beats where a list of descriptors says."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
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

from .beats import StrobedBeat, write_layout
from .bursts import descriptor_layout
from .faults import Fault
from .requests import Requester

__all__ = ["AxiWriter"]


class AxiWriter(wiring.Component):
    """Writes one stream of beats to the pieces of memory that descriptors name, in their order.

    Bursts are INCR, aligned, at most ``config.burst_beats`` (16 beats, 512 bytes), and cross no
    multiple of it. One is only asked for when all of its beats are in the buffer, so that the
    memory never waits for data. Beats may come before their descriptor.

    Errors: the first one is shown as ``error`` and ``error_address``, until it is cleared.

    - A descriptor at fault (misaligned to the beat, or not wholly in [``base``, ``limit``)) writes
      nothing. Those before it are written to their end.
    - A response that is not OKAY is remembered with the address of its burst.
    - Either way nothing more is asked for; bursts that were asked for are written and answered;
      other beats in the buffer, descriptors in the queue, and all that come, are thrown away until
      ``clear``. A burst that ``awvalid`` announces already is still made.
    - ``clear`` counts in a cycle in which ``busy`` is off, and may simply be held until ``error``
      is NONE. The first beat that comes after it belongs to the first descriptor after it.

    Of two errors the one that is found first is shown; a descriptor's may so come before that of a
    burst which was written earlier and is answered later.

    Parameters
    ----------
    config : PortConfig
        Widths and sizes. Two bursts in ``fifo_depth`` give full throughput; more of it costs LUTs
        (the buffer is distributed RAM, 64 beats deep a LUT a bit).

    Members
    -------
    i : In, stream
        Descriptors, :func:`~flightllm_hw.memory.bursts.descriptor_layout`. Of no beats: nothing
        happens.
    i_beat : In, stream
        Beats, :func:`~flightllm_hw.memory.beats.write_layout`, as many as the descriptors name.
    base, limit : In
        The window in bytes, ``limit`` not in it. Held while ``busy``.
    clear : In
        Forgets the error.
    busy : Out
        A descriptor is in here, or a burst is not answered. Off: all has arrived in memory, or
        there is an error. Beats that no descriptor came for do not count.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault` and the address of its descriptor or
        of its burst.
    m_axi : Out
        The port, writing half. All its outputs are registers or constant; every ID is 0.

    Latency: ``latency`` cycles from a descriptor whose data is there to ``awvalid``, and from the
    last beat of a burst whose descriptor is there ``beat_latency``; a cycle later ``wvalid``.
    Throughput: a beat a cycle; a burst a cycle. Reset: forgets everything, and so must only come
    while not ``busy``, or with the memory.
    """

    latency = Requester.latency
    beat_latency = 2

    def __init__(self, config: PortConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(descriptor_layout(config))),
            "i_beat": In(stream.Signature(write_layout(config))),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "clear": In(1),
            "busy": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "m_axi": Out(Axi4Signature(data_bits=config.data_bits, id_bits=config.id_bits,
                                       access=Access.WRITE)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        axi = self.m_axi
        low = c.beat_shift
        beats = write_layout(c)

        m.submodules.buffer = buffer = SyncFIFO(width=beats.size, depth=c.fifo_depth)
        m.submodules.lengths = lengths = SyncFIFO(width=c.burst_beats.bit_length(),
                                                  depth=c.outstanding)
        requester = place(m, platform, "requester", Requester(c))
        ask, stopped = requester.ask, requester.stopped
        wiring.connect(m, wiring.flipped(self.i), requester.i)
        m.d.comb += [
            requester.base.eq(self.base),
            requester.limit.eq(self.limit),
            requester.clear.eq(self.clear & ~self.busy),
            self.busy.eq(requester.busy | (stopped & buffer.r_rdy)),
            self.error.eq(requester.error),
            self.error_address.eq(requester.error_address),
        ]

        # Beats wait in the buffer; ``stored`` of them belong to no burst yet.
        stored = Signal(range(c.fifo_depth + 1))
        move = Signal()
        flush = Signal()
        store = Signal()
        has_room = Signal(init=1)  # A register; a beat that leaves is seen a cycle later.
        m.d.sync += has_room.eq(buffer.w_level + store != c.fifo_depth)
        m.d.comb += [
            self.i_beat.ready.eq(has_room | stopped),
            store.eq(self.i_beat.valid & has_room & ~stopped),
            buffer.w_en.eq(store),
            buffer.w_data.eq(self.i_beat.payload),
            buffer.r_en.eq(move | flush),
            flush.eq(stopped & ~lengths.r_rdy & buffer.r_rdy),
        ]

        # A burst's beats are taken when it is asked for.
        burst = requester.burst
        m.d.comb += [
            requester.room.eq(stored),
            # No more bursts wait for their data than are in flight: there is room.
            lengths.w_en.eq(ask),
            lengths.w_data.eq(burst.beats - 1),
        ]
        m.d.sync += stored.eq(stored + store - flush - Mux(ask, burst.beats, 0))
        m.d.comb += [
            requester.o.ready.eq(axi.awready),
            axi.awvalid.eq(requester.o.valid),
            axi.awaddr.eq(requester.o.payload.address),
            axi.awlen.eq(requester.o.payload.length),
            axi.awsize.eq(c.beat_shift),
            axi.awburst.eq(Burst.INCR),
            axi.awcache.eq(CACHE),
        ]

        # Data, burst by burst.
        beat = Signal(range(c.burst_beats))
        final = Signal()
        free = Signal()
        shown = StrobedBeat(c)
        last = Signal(reset_less=True)
        m.d.comb += [
            final.eq(beat == lengths.r_data),
            free.eq(~axi.wvalid | axi.wready),
            move.eq(lengths.r_rdy & free),
            lengths.r_en.eq(move & final),
            axi.wdata.eq(shown.data),
            axi.wstrb.eq(shown.strobe),
            axi.wlast.eq(last),
        ]
        shown.follow(m, free, data.View(beats, buffer.r_data))
        with m.If(free):
            m.d.sync += [axi.wvalid.eq(lengths.r_rdy), last.eq(final)]
        with m.If(move):
            m.d.sync += beat.eq(Mux(final, 0, beat + 1))

        # Answers.
        valid_1 = Signal()
        response_1 = Signal(Response, reset_less=True)
        m.d.sync += [valid_1.eq(axi.bvalid), response_1.eq(axi.bresp)]
        m.d.comb += [
            axi.bready.eq(1),
            requester.answered.eq(valid_1),
            requester.answer.eq(Mux(valid_1, response_1, Response.OKAY)),
            requester.answer_address.eq(Cat(Const(0, low), requester.oldest.address)),
        ]
        return m
