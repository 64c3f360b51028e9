# SPDX-License-Identifier: Apache-2.0
"""Memories that become block RAM or UltraRAM."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Ram", "RamConfig"]


@dataclass(frozen=True, kw_only=True)
class RamConfig:
    """Size and kind of a memory.

    Parameters
    ----------
    width : int
        Bits of a row.
    depth : int
        Rows.
    style : str
        ``"block"`` (RAMB36E2: 72 x 512), ``"ultra"`` (URAM288: 72 x 4096) or ``"distributed"``
        (LUTs), as Vivado's ``ram_style`` has it.
    granularity : int
        Bits that each bit of the write enable stands for; 0: all of the row.
    """

    width: int
    depth: int
    style: str = "block"
    granularity: int = 0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"RAM width must be at least 1 bit, not {self.width!r}")
        if self.depth < 2:
            raise ValueError(f"RAM depth must be at least 2 rows, not {self.depth!r}")
        if self.style not in ("block", "ultra", "distributed"):
            raise ValueError(f"RAM style must be 'block', 'ultra' or 'distributed',"
                             f" not {self.style!r}")
        if self.granularity < 0 or self.granularity and self.width % self.granularity:
            raise ValueError(f"RAM granularity must divide its width of {self.width} bits, not"
                             f" {self.granularity!r}")

    @property
    def address_bits(self) -> int:
        """Width of an address."""
        return (self.depth - 1).bit_length()

    @property
    def enable_bits(self) -> int:
        """Width of the write enable."""
        return self.width // self.granularity if self.granularity else 1


class Ram(wiring.Component):
    """One port that writes, one that reads, one clock, and an output register.

    A read passes two registers: the array's own takes the row that ``read_addr`` names at an edge
    with ``read_en``, the output register takes that at an edge with ``out_en``; ``latency`` = 2
    where both are on. A read of a row that is being written in the same cycle gives the old row (no
    transparency: Vivado gets it wrong on block and ultra RAM). Powers up as zeros; UltraRAM cannot
    do otherwise.

    Parameters
    ----------
    config : RamConfig
        Size and kind.

    Members
    -------
    write_en, write_addr, write_data : In
        A row to write, or the parts of it that ``write_en`` names.
    read_en, read_addr : In
        A row to read.
    out_en : In
        Lets the output register follow; on, unless it is driven.
    read_data : Out
        The output register.
    """

    latency = 2

    def __init__(self, config: RamConfig):
        self.config = config
        super().__init__({
            "write_en": In(config.enable_bits),
            "write_addr": In(config.address_bits),
            "write_data": In(config.width),
            "read_en": In(1),
            "read_addr": In(config.address_bits),
            "out_en": In(1, init=1),
            "read_data": Out(config.width),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        m.submodules.array = array = Memory(
            shape=c.width, depth=c.depth, init=[], attrs={"ram_style": c.style})
        write = array.write_port(granularity=c.granularity or None)
        read = array.read_port()
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_addr),
            write.data.eq(self.write_data),
            read.en.eq(self.read_en),
            read.addr.eq(self.read_addr),
        ]
        row = Signal(c.width, reset_less=True)
        with m.If(self.out_en):
            m.d.sync += row.eq(read.data)
        m.d.comb += self.read_data.eq(row)
        return m
