# SPDX-License-Identifier: Apache-2.0
"""Configuration of the AXI4 masters that read and write the card's memory."""

from dataclasses import dataclass, fields

from .checks import is_power_of_two, require_int

__all__ = ["PortConfig"]


@dataclass(frozen=True, kw_only=True)
class PortConfig:
    """One reader or writer on an AXI4 port.

    Parameters
    ----------
    data_bits : int
        Width of a beat.
    id_bits : int
        Width of the transaction IDs, which are all zero; 0 leaves them out.
    burst_bytes : int
        The largest burst, which AXI limits to 4096 and HBM to 512 bytes, and to 16 beats. Bursts
        end at multiples of it, so that none crosses a page of 4 KiB.
    outstanding : int
        Bursts that may be asked for and not answered yet. 8 of 512 bytes cover the 250 ns of HBM.
    fifo_depth : int
        Beats. Reader: the room of whoever takes them, which requests never exceed. Writer: the
        buffer that a burst waits in until it is whole.
    descriptors : int
        Descriptors that wait their turn; 8 or more let one in every cycle.
    beats_bits : int
        Width of a descriptor's count of beats.
    summed : bool
        Who sends descriptors has added the window's base to their addresses
        (:func:`~flightllm_hw.memory.bursts.descriptor_layout`).
    diagonal : bool
        Writer: beats are eight bytes, each of which is wherever it may be wanted
        (:func:`~flightllm_hw.memory.beats.write_layout`).
    """

    data_bits: int = 512
    id_bits: int = 1
    burst_bytes: int = 512
    outstanding: int = 16
    fifo_depth: int = 128
    descriptors: int = 8
    beats_bits: int = 24
    summed: bool = False
    diagonal: bool = False

    def __post_init__(self) -> None:
        for f in fields(self):
            if f.type is not bool:
                require_int("Port", f.name, getattr(self, f.name))
        if not is_power_of_two(self.data_bits) or not 32 <= self.data_bits <= 1024:
            raise ValueError(f"Port data_bits must be a power of two in 32..1024, not"
                             f" {self.data_bits!r}")
        if not 0 <= self.id_bits <= 16:
            raise ValueError(f"Port id_bits must be in 0..16, not {self.id_bits!r}")
        if (not is_power_of_two(self.burst_bytes)
                or not self.beat_bytes <= self.burst_bytes <= 512):
            raise ValueError(f"Port burst_bytes must be a power of two in {self.beat_bytes}..512,"
                             f" not {self.burst_bytes!r}")
        if not is_power_of_two(self.outstanding) or not 1 <= self.outstanding <= 64:
            raise ValueError(f"Port outstanding must be a power of two in 1..64, not"
                             f" {self.outstanding!r}")
        if not is_power_of_two(self.fifo_depth) or self.fifo_depth < self.burst_beats:
            raise ValueError(f"Port fifo_depth must be a power of two that holds a burst of"
                             f" {self.burst_beats} beats, not {self.fifo_depth!r}")
        if not is_power_of_two(self.descriptors) or not 2 <= self.descriptors <= 64:
            raise ValueError(f"Port descriptors must be a power of two in 2..64, not"
                             f" {self.descriptors!r}")
        if not 8 <= self.beats_bits <= 32:
            raise ValueError(f"Port beats_bits must be in 8..32, not {self.beats_bits!r}")

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat; addresses are multiples of it."""
        return self.data_bits // 8

    @property
    def beat_shift(self) -> int:
        """Bits of an address below a beat, which AXI calls its size."""
        return self.beat_bytes.bit_length() - 1

    @property
    def burst_beats(self) -> int:
        """Beats of the largest burst."""
        return min(16, self.burst_bytes // self.beat_bytes)

    @property
    def burst_shift(self) -> int:
        """Bits of an address below the largest burst."""
        return self.beat_shift + self.burst_beats.bit_length() - 1
