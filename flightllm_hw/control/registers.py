# SPDX-License-Identifier: Apache-2.0
"""The program's registers."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import REGISTERS

__all__ = ["REGISTER_BITS", "Registers"]

REGISTER_BITS = 32
"""Width of a register."""


class Registers(wiring.Component):
    """32 registers of 32 bits in the LUTs' memory. Register 0 is zero, whatever is written to it.

    Members
    -------
    write_en, write_at, write_data : In
        A register to write.
    read_at : In
        A register to read.
    read_data : Out
        What it holds, in the same cycle; a write shows in the next one.
    clear : In
        All registers are zero from the next cycle on.

    Reset: all are zero.
    """

    write_en: In(1)
    write_at: In(range(REGISTERS))
    write_data: In(REGISTER_BITS)
    read_at: In(range(REGISTERS))
    read_data: Out(REGISTER_BITS)
    clear: In(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = Memory(shape=REGISTER_BITS, depth=REGISTERS, init=[],
                                            attrs={"ram_style": "distributed"})
        write, read = array.write_port(), array.read_port(domain="comb")
        # What was not written since the last clear is zero: a bit says so.
        written = Signal(REGISTERS)
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_at),
            write.data.eq(self.write_data),
            read.addr.eq(self.read_at),
        ]
        with m.If(self.clear):
            m.d.sync += written.eq(0)
        with m.Elif(self.write_en & (self.write_at != 0)):
            m.d.sync += written.bit_select(self.write_at, 1).eq(1)
        with m.If(Array(written)[self.read_at]):
            m.d.comb += self.read_data.eq(read.data)
        return m
