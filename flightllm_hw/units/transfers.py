# SPDX-License-Identifier: Apache-2.0
"""What moves between the host's memory and the special function unit: sizes, and what is to do."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const
from amaranth.lib import data

from flightllm_hw.config import SfuConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.isa.table import kind, layout
from flightllm_hw.isa.vector import widths

__all__ = ["BEAT_BITS", "STEP_BYTES", "WORD_BITS", "MemoryUnitConfig", "beats_for", "load_task",
           "store_task"]

STEP_BYTES = 8
"""Bytes that a step of RoPE takes in memory."""

BEAT_BITS = layout(kind("LD.VECTOR"))["address"][1].bits
"""Width of an address in beats."""

WORD_BITS = layout(kind("ST.SCALARS"))["address"][1].bits
"""Width of an address in words of 4 bytes; addresses of scalars wrap there."""


@dataclass(frozen=True, kw_only=True)
class MemoryUnitConfig:
    """Sizes of the memory unit.

    Parameters
    ----------
    beat_bits : int
        Width of the host's port, ``config.lane.beat_bits`` of an accelerator.
    sfu : SfuConfig
        The special function unit.
    """

    beat_bits: int
    sfu: SfuConfig

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat."""
        return self.beat_bits // 8

    @property
    def beat_shift(self) -> int:
        """Bits of an address below a beat."""
        return self.beat_bytes.bit_length() - 1

    @property
    def row_bits(self) -> int:
        """Bits of a row of W elements."""
        return 32 * self.sfu.width

    @property
    def read_port(self) -> PortConfig:
        """How loads read: what a burst brings waits for the vector buffer."""
        return PortConfig(data_bits=self.beat_bits, outstanding=8, fifo_depth=64)

    @property
    def write_port(self) -> PortConfig:
        """How stores write: two bursts, the least that gives full throughput."""
        return PortConfig(data_bits=self.beat_bits, outstanding=8, fifo_depth=32)


def load_task(config: MemoryUnitConfig) -> data.StructLayout:
    """Memory from ``beat`` on: ``last`` + 1 rows to ``row`` and on, or as many ``steps``."""
    stored = layout(kind("LD.VECTOR"))["rows"][1].bits
    return data.StructLayout({
        "beat": BEAT_BITS, "row": config.sfu.row_bits, "last": stored, "steps": 1})


def store_task(config: MemoryUnitConfig) -> data.StructLayout:
    """``last`` + 1 rows from ``first`` on to memory from ``word`` on; or as many ``scalars``.

    Scalars lie ``step`` words apart. Words have 4 bytes.
    """
    stored = layout(kind("ST.VECTOR"))["rows"][1].bits
    return data.StructLayout({
        "word": max(WORD_BITS, BEAT_BITS + config.beat_shift - 2),
        "step": layout(kind("ST.SCALARS"))["step"][1].bits,
        "first": max(config.sfu.row_bits, widths(config.sfu)["z"]), "last": stored, "scalars": 1})


def beats_for(last, item_bytes: int, beat_bytes: int):
    """Beats of ``last`` + 1 items, the last one perhaps not whole."""
    if item_bytes >= beat_bytes:
        shift = (item_bytes // beat_bytes).bit_length() - 1
        return Cat(Const(0, shift), last + 1)
    return (last >> (beat_bytes // item_bytes).bit_length() - 1) + 1
