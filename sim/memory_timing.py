# SPDX-License-Identifier: Apache-2.0
"""When a simulated memory answers: HBM and DDR of a card, or neither of their delays.

What the figures rest on stands in ``docs/memory.md``.
"""

from dataclasses import dataclass

from flightllm_hw.boards import Card
from flightllm_hw.boards.timing import DDR4, HBM2, DramTiming

__all__ = ["IDEAL", "MemoryTiming", "ddr", "hbm"]

DDR4_GB_S = 19.2


@dataclass(frozen=True, kw_only=True)
class MemoryTiming:
    """When a memory answers.

    Without a DRAM every burst waits ``latency_ns`` and then comes at a beat a cycle, reads and
    writes at once. With one, both share its bus.

    Parameters
    ----------
    latency_ns : float
        From the cycle of AR, or of the last W, to the first beat's, or B's; with a DRAM, what comes
        on top of its latency: registers, clock crossings and interconnect of the kernel's side.
    dram : DramTiming, optional
        Rows, refresh and latencies.
    peak_gb_s : float, optional
        Peak rate of the DRAM, in 10^9 bytes per second.
    switch : bool
        Whether the switch in front of the channels is on, for its latency.
    reads, writes : int
        Bursts that may be under way; with more, ``arready`` or ``awready`` stays low.
    """

    latency_ns: float
    dram: DramTiming | None = None
    peak_gb_s: float | None = None
    switch: bool = False
    reads: int = 64
    writes: int = 64

    def __post_init__(self) -> None:
        if (self.dram is None) is not (self.peak_gb_s is None):
            raise ValueError("A DRAM needs a peak rate, and a peak rate a DRAM")
        if self.latency_ns < 0 or self.peak_gb_s is not None and self.peak_gb_s <= 0:
            raise ValueError(f"Latency and peak rate must be positive, not {self.latency_ns!r} ns"
                             f" and {self.peak_gb_s!r} GB/s")
        if not (0 < self.reads <= 1 << 16 and 0 < self.writes <= 1 << 16):
            raise ValueError("Bursts under way must be 1 to 65536, not"
                             f" {self.reads!r} reads and {self.writes!r} writes")

    def outside_ns(self, distance: int = 0) -> float:
        """Latency outside of the DRAM, over a distance in mini switches."""
        if self.dram is None or not self.switch:
            return self.latency_ns
        return self.latency_ns + self.dram.switch_ns + distance * self.dram.hop_ns

    def deliverable_gb_s(self, width: int, clock_mhz: float) -> float:
        """What a port of ``width`` bits can get from long bursts in sequence."""
        port = width / 8 * clock_mhz / 1000
        if self.dram is None or self.peak_gb_s is None:
            return port
        return min(port, self.peak_gb_s * self.dram.share)


IDEAL = MemoryTiming(latency_ns=100.0)
"""A fixed latency and a beat in every cycle."""


def hbm(card: Card) -> MemoryTiming:
    """A pseudo-channel of a card's HBM, as a kernel behind the shell sees it.

    The latency on the kernel's side, 80 ns, is assumed: estimates go from 60 to 100. HBM2e of the
    Versal cards has its own peak rate and, for want of measurements, the latencies of HBM2.
    """
    if card.memory.kind != "HBM":
        raise ValueError(f"Card {card.name} has no HBM")
    return MemoryTiming(latency_ns=80.0, dram=HBM2, peak_gb_s=card.memory.peak_gb_s, switch=True)


def ddr(card: Card) -> MemoryTiming:
    """A DDR4 DIMM of a card, as a kernel behind the shell sees it.

    A card whose lanes are fed by HBM may have DIMMs too; they are taken for DDR4-2400.
    """
    if card.name in ("u50", "u55c"):
        raise ValueError(f"Card {card.name} has no DDR")
    peak = card.memory.peak_gb_s if card.memory.kind == "DDR" else DDR4_GB_S
    return MemoryTiming(latency_ns=80.0, dram=DDR4, peak_gb_s=peak)
