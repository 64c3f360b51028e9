# SPDX-License-Identifier: Apache-2.0
"""Memories that are read alone: block RAM, or LUTs."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Rom", "RomConfig"]


@dataclass(frozen=True, kw_only=True)
class RomConfig:
    """Contents and kind of a memory.

    Parameters
    ----------
    width : int
        Bits of a row.
    words : tuple of int
        The rows, at least two.
    style : str
        ``"block"``, which Vivado is told by ``rom_style``, or ``"distributed"``: LUTs, for a few
        hundred rows at most.
    """

    width: int
    words: tuple[int, ...]
    style: str = "block"

    def __post_init__(self) -> None:
        if len(self.words) < 2:
            raise ValueError(f"ROM must have at least 2 rows, not {len(self.words)!r}")
        for word in self.words:
            if not 0 <= word < 1 << self.width:
                raise ValueError(f"ROM words must have {self.width} bits, unlike {word!r}")
        if self.style not in ("block", "distributed"):
            raise ValueError(f"ROM style must be 'block' or 'distributed', not {self.style!r}")

    @property
    def address_bits(self) -> int:
        """Width of an address."""
        return (len(self.words) - 1).bit_length()


class Rom(wiring.Component):
    """data = words[addr], ``latency`` cycles later: 2 from block RAM, 1 from LUTs.

    Moves in every cycle. No reset. Rows beyond the last one are undefined.

    Parameters
    ----------
    config : RomConfig
        Contents and kind.

    Members
    -------
    addr : In
        A row.
    data : Out
        What it holds.
    """

    def __init__(self, config: RomConfig):
        self.config = config
        super().__init__({"addr": In(config.address_bits), "data": Out(config.width)})

    @property
    def latency(self) -> int:
        """Cycles from ``addr`` to ``data``."""
        return 2 if self.config.style == "block" else 1

    def elaborate(self, platform):
        m = Module()
        c = self.config
        data = Signal(c.width, reset_less=True)
        if c.style == "distributed":
            # Yosys refuses to make a memory of LUTs that is never written. A choice it makes of
            # LUTs, as long as it is small; and the attribute it refuses there, too.
            with m.Switch(self.addr):
                for addr, word in enumerate(c.words):
                    with m.Case(addr):
                        m.d.sync += data.eq(word)
        else:
            m.submodules.array = array = Memory(
                shape=c.width, depth=len(c.words), init=c.words, attrs={"rom_style": c.style})
            read = array.read_port()
            m.d.comb += read.addr.eq(self.addr)
            # The block RAM's own output register.
            m.d.sync += data.eq(read.data)
        m.d.comb += self.data.eq(data)
        return m
