# SPDX-License-Identifier: Apache-2.0
"""The tape's one decoder: gearbox and dequantizer."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.compute.layouts import tile
from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place

from .dequantize import Dequantizer
from .gearbox import Gearbox
from .layouts import TapeLayout, header, row_scales, scales

__all__ = ["TapeDecoder"]


class TapeDecoder(wiring.Component):
    """Tapes in, tiles and group scales out.

    Parameters
    ----------
    config : LaneConfig
        Chains.

    Members
    -------
    i : In, stream
        Matrices to read.
    first, second : In, stream
        The next two beats, see :class:`~flightllm_hw.memory.fifo.PrefetchFifo`.
    o : Out, stream
        Tiles in the order of use.
    o_scales, o_rows, o_headers : Out, stream
        Group scales, row scales, and which headers there are: see
        :class:`~flightllm_hw.dequant.gearbox.Gearbox`. All come before the first tile that they are
        for.
    flush, busy, starving
        As the gearbox has them.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(TapeLayout)),
            "first": In(stream.Signature(config.beat_bits)),
            "second": In(stream.Signature(config.beat_bits)),
            "o": Out(stream.Signature(tile(config))),
            "o_scales": Out(stream.Signature(scales(config))),
            "o_rows": Out(stream.Signature(row_scales(config))),
            "o_headers": Out(stream.Signature(header(config))),
            "flush": In(1),
            "busy": Out(1),
            "starving": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        gearbox = place(m, platform, "gearbox", Gearbox(self.config))
        dequantizer = place(m, platform, "dequantizer", Dequantizer(self.config))
        for name in ("i", "first", "second"):
            connect(m, flipped(getattr(self, name)), getattr(gearbox, name))
        connect(m, gearbox.o, dequantizer.i)
        m.d.comb += [dequantizer.early.eq(gearbox.early), gearbox.spare.eq(dequantizer.spare)]
        connect(m, dequantizer.o, flipped(self.o))
        for name in ("o_scales", "o_rows", "o_headers"):
            connect(m, getattr(gearbox, name), flipped(getattr(self, name)))
        m.d.comb += [
            gearbox.flush.eq(self.flush),
            self.busy.eq(gearbox.busy),
            self.starving.eq(gearbox.starving),
        ]
        return m
