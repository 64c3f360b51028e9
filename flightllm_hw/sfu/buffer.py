# SPDX-License-Identifier: Apache-2.0
"""The vector buffer: FP32 rows that two operands are read from."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import SfuConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.ram import Ram, RamConfig

from .layouts import external_row, row

__all__ = ["VectorBuffer"]


class VectorBuffer(wiring.Component):
    """Two copies of the same rows, each with a port that reads.

    The pipeline's writes come first; others wait for a cycle without one.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    a_row, b_row : In
        Rows to read.
    a, b : Out
        What they held, two cycles later.
    write_en, write_row, write_data : In
        A row to write, in the next cycle.
    i : In, stream
        Single elements from elsewhere.

    Platform overrides: memories of the configuration's style. UltraRAM: 2 x ceil(32 W / 72) x
    ceil(rows / 4096); block RAM of 32,768 rows: one for each bit of either copy, without a cascade.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        super().__init__({
            "a_row": In(config.row_bits),
            "b_row": In(config.row_bits),
            "a": Out(row(config)),
            "b": Out(row(config)),
            "write_en": In(1),
            "write_row": In(config.row_bits),
            "write_data": In(row(config)),
            "i": In(stream.Signature(external_row(config))),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        from_outside = self.i.payload
        enables = Signal(c.width)
        at = Signal(c.row_bits, reset_less=True)
        elements = Signal(row(c), reset_less=True)
        m.d.comb += self.i.ready.eq(~self.write_en)
        with m.If(self.write_en):
            m.d.sync += [enables.eq((1 << c.width) - 1), at.eq(self.write_row),
                         elements.eq(self.write_data)]
        with m.Else():
            m.d.sync += [enables.eq(from_outside.enables & self.i.valid.replicate(c.width)),
                         at.eq(from_outside.row), elements.eq(from_outside.elements)]
        for name in ("a", "b"):
            ram = place(m, platform, f"ram_{name}", Ram(RamConfig(
                width=32 * c.width, depth=c.rows, style=c.style, granularity=32)))
            m.d.comb += [
                ram.write_en.eq(enables),
                ram.write_addr.eq(at),
                ram.write_data.eq(elements.as_value()),
                ram.read_en.eq(1),
                ram.read_addr.eq(getattr(self, f"{name}_row")),
                getattr(self, name).as_value().eq(ram.read_data),
            ]
        return m
