# SPDX-License-Identifier: Apache-2.0
"""What multiplies in a lane: beats and activations in, exact dot products out."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.compute.array import ChainArray
from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.decoder import TapeDecoder
from flightllm_hw.dequant.layouts import header
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory.fifo import PrefetchFifo, PrefetchFifoConfig
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .activations import ActivationBuffer
from .collector import Collector
from .layouts import dot_product, operation
from .steps import StepSequencer
from .sums import QUEUE

__all__ = ["LaneEngine"]


class LaneEngine(wiring.Component):
    """A = sum over groups of u_g * sum over the group of (q - z) * x, for a matrix and T tokens.

    ::

        i_beat ──► PrefetchFifo ══► TapeDecoder ──tiles──► ChainArray ──sums──► Collector ──► o
                                        │ scales, headers ──► queues ───────────────▲
        i ──┬──► (decoder)                                   ▲                      │ tags
            └──► StepSequencer ──► ActivationBuffer ──windows┴──────────────────────'

    The tape runs ahead of the activations up to the FIFO's depth; the two meet in the chains.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i : In, stream
        Operations (:func:`~flightllm_hw.lane.layouts.operation`).
    i_beat : In, stream
        Beats of the operations' tapes, one tape behind the other.
    write_en, write_word, write_data : In
        Of the :class:`~flightllm_hw.lane.activations.ActivationBuffer`.
    o : Out, stream
        Dot products, row block after row block: for each step, for each half, for each chain. Rows
        of padding are among them.
    freed, occupancy : Out
        Of the :class:`~flightllm_hw.memory.fifo.PrefetchFifo`.
    flush : In
        Throws away the beats in the FIFO, whenever it is not ``reading``.
    reading, starving : Out
        A tape is not read to its end; it needs a beat that is not there.
    multiplying : Out
        A window of activations meets a tile.
    busy : Out
        An operation is under way, up to its last result.

    Reset: forgets operations and beats.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        fifo = PrefetchFifo(self._fifo(config))
        buffer = ActivationBuffer(config)
        super().__init__({
            "i": In(stream.Signature(operation(config))),
            "i_beat": In(stream.Signature(config.beat_bits)),
            "o": Out(stream.Signature(dot_product(config))),
            **{name: buffer.signature.members[name]
               for name in ("write_en", "write_word", "write_data")},
            **{name: fifo.signature.members[name]
               for name in ("freed", "occupancy")},
            "flush": In(1),
            "reading": Out(1),
            "starving": Out(1),
            "multiplying": Out(1),
            "busy": Out(1),
        })
        self._parts = fifo, buffer

    @staticmethod
    def _fifo(config: LaneConfig) -> PrefetchFifoConfig:
        return PrefetchFifoConfig(width=config.beat_bits, beats=config.fifo_beats)

    def elaborate(self, platform):
        m = Module()
        c = self.config
        fifo, buffer = self._parts
        place(m, platform, "fifo", fifo)
        place(m, platform, "activations", buffer)
        decoder = place(m, platform, "decoder", TapeDecoder(c))
        scales = place(m, platform, "scales", Queue(QueueConfig(width=32 * c.chains)))
        headers = place(m, platform, "headers",
                        Queue(QueueConfig(width=header(c).size)))
        steps = place(m, platform, "steps", StepSequencer(c))
        array = place(m, platform, "array", ChainArray(c))
        collector = place(m, platform, "collector", Collector(c))

        # An operation starts in both places at once.
        m.d.comb += [
            self.i.ready.eq(decoder.i.ready & steps.i.ready),
            decoder.i.valid.eq(self.i.valid & steps.i.ready),
            decoder.i.payload.eq(self.i.payload.tape),
            steps.i.valid.eq(self.i.valid & decoder.i.ready),
            steps.i.payload.eq(self.i.payload),
        ]

        # The tape.
        connect(m, flipped(self.i_beat), fifo.i)
        connect(m, fifo.first, decoder.first)
        connect(m, fifo.second, decoder.second)
        m.d.comb += decoder.flush.eq(self.flush)
        m.d.comb += [self.reading.eq(decoder.busy), self.starving.eq(decoder.starving)]
        connect(m, decoder.o, array.i_tile)
        for source, sink in ((decoder.o_scales, scales.i), (scales.o, collector.i_scales),
                             (decoder.o_headers, headers.i), (headers.o, steps.i_headers)):
            m.d.comb += [
                sink.valid.eq(source.valid),
                Value.cast(sink.payload).eq(Value.cast(source.payload)),
                source.ready.eq(sink.ready),
            ]
        connect(m, decoder.o_rows, collector.i_rows)
        for name in ("freed", "occupancy"):
            m.d.comb += getattr(self, name).eq(getattr(fifo, name))

        # The activations.
        for name in ("write_en", "write_word", "write_data"):
            m.d.comb += getattr(buffer, name).eq(getattr(self, name))
        connect(m, steps.o, buffer.i)
        tagged = buffer.o.payload
        m.d.comb += [
            array.i_step.valid.eq(buffer.o.valid),
            array.i_step.payload.eq(tagged.step),
            buffer.o.ready.eq(array.i_step.ready),
            self.multiplying.eq(buffer.o.valid & buffer.o.ready),
        ]

        # Sums leave the chains a fixed time after their step, and so does its tag.
        tags = place(m, platform, "tags", Delay(DelayConfig(
            width=len(tagged.tag.as_value()), cycles=array.latency)))
        m.d.comb += [
            tags.i.eq(tagged.tag.as_value()),
            collector.tag.as_value().eq(tags.o),
            collector.valid.eq(array.o.valid),
            collector.sums.eq(array.o.payload),
        ]
        connect(m, collector.o, flipped(self.o))

        # Room is counted in steps: asked for here, given back by the collector. What was asked for
        # a cycle ago is not in the count yet.
        asks_1 = Signal()
        asks_for_result_1 = Signal()
        groups = Signal(range(QUEUE + 1))
        results = Signal(range(c.tokens + 1))
        tag = steps.o.payload.tag
        m.d.comb += [
            steps.group_room.eq(~groups[-1] & ~(asks_1 & (groups == QUEUE - 1))),
            steps.result_room.eq(~results[-1] & ~(asks_for_result_1 & (results == c.tokens - 1))),
            self.busy.eq(decoder.busy | ~steps.i.ready | asks_1 | (groups != 0) | (results != 0)
                         | collector.o.valid),
        ]
        m.d.sync += [
            asks_1.eq(steps.o.valid & steps.o.ready & tag.last_tile),
            asks_for_result_1.eq(steps.o.valid & steps.o.ready & tag.last_tile & tag.last_group),
            groups.eq(groups + asks_1 - collector.group_done),
            results.eq(results + asks_for_result_1 - collector.result_done),
        ]
        return m
