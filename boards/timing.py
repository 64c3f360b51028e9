# SPDX-License-Identifier: Apache-2.0
"""What a memory technology takes in time: latencies, rows, refresh.

Sources are named beside the figures. *Measured* stands for a published measurement on a card,
*derived* for what reproduces one in the model of ``sim/dram.h``, *assumed* for neither;
``docs/memory.md`` says how the derived figures were found.
"""

from dataclasses import dataclass

__all__ = ["DDR4", "HBM2", "DramTiming"]


@dataclass(frozen=True, kw_only=True)
class DramTiming:
    """A DRAM channel and its controller, apart from its peak rate.

    Parameters
    ----------
    hit_ns, closed_ns, miss_ns : float
        From a read's address to its first data at an idle channel: its row is open; its bank has no
        open row; its bank has another row open.
    switch_ns : float
        What the switch in front of the channels adds.
    hop_ns : float
        What each further mini switch on the way adds.
    row_bytes : int
        Bytes of a row.
    banks : int
        Banks, each with a row open at most.
    activate_ns : float
        Time between openings of rows, whatever the bank.
    bank_ns : float
        Time between openings of rows of one bank, as far as it costs bandwidth: the controller
        serves other banks meanwhile.
    minimum_bytes : int
        A smaller burst takes the bus as long as one of this size.
    turnaround_ns : float
        Time lost by a write between reads or a read between writes.
    turnaround_batch_ns : float
        For this long after a turnaround the controller has sorted bursts by direction: no other.
    refresh_interval_ns : float
        Time between refreshes, which close every row.
    refresh_stall_ns : float
        Time a refresh takes, until a row can be opened.
    """

    hit_ns: float
    closed_ns: float
    miss_ns: float
    switch_ns: float = 0.0
    hop_ns: float = 0.0
    row_bytes: int
    banks: int
    activate_ns: float
    bank_ns: float
    minimum_bytes: int
    turnaround_ns: float
    turnaround_batch_ns: float
    refresh_interval_ns: float
    refresh_stall_ns: float

    def __post_init__(self) -> None:
        if not 0 <= self.hit_ns <= self.closed_ns <= self.miss_ns:
            raise ValueError("Latencies must rise from hit_ns over closed_ns to miss_ns, not"
                             f" {self.hit_ns!r}, {self.closed_ns!r}, {self.miss_ns!r}")
        for name in ("row_bytes", "banks"):
            value = getattr(self, name)
            if value < 1 or value & value - 1:
                raise ValueError(f"{name} must be a power of two, not {value!r}")
        if not self.refresh_stall_ns < self.refresh_interval_ns:
            raise ValueError(f"A refresh of {self.refresh_stall_ns!r} ns must fit into"
                             f" {self.refresh_interval_ns!r} ns")

    @property
    def share(self) -> float:
        """The share of the peak that is left by refreshes, and the rows they close."""
        lost = self.refresh_stall_ns + self.closed_ns - self.hit_ns
        return 1 - lost / self.refresh_interval_ns


HBM2 = DramTiming(
    # Measured on a U280: 48, 55 and 62 cycles at 450 MHz, switch off (Shuhai, FCCM'20).
    hit_ns=106.7, closed_ns=122.2, miss_ns=137.8,
    # Measured there: 7 cycles for the switch, 22 more to the farthest of eight mini switches.
    switch_ns=15.6, hop_ns=7.0,
    # A pseudo-channel of HBM2 (JESD235): pages of 1 KiB, 16 banks.
    row_bytes=1024, banks=16,
    # Derived from the vendor's measurement of random reads, 64 to 1024 B (Vitis-Tutorials,
    # 07-using-hbm).
    activate_ns=10.8, bank_ns=24.0,
    # Derived: 32 B bursts in open rows were measured at half of the rate of 64 B (Shuhai).
    minimum_bytes=64,
    # Assumed: 0.85 to 0.90 of the peak for reads and writes in turn.
    turnaround_ns=15.0, turnaround_batch_ns=350.0,
    # tREFI; 0.35 us for a refresh with the row opened after it.
    refresh_interval_ns=3900.0, refresh_stall_ns=335.0,
)
"""HBM2 of the UltraScale+ cards, a pseudo-channel."""

DDR4 = DramTiming(
    # Measured on a U280: 22, 27 and 32 cycles at 300 MHz (Shuhai, FCCM'20).
    hit_ns=73.3, closed_ns=89.9, miss_ns=106.6,
    # A rank of x8 devices: pages of 1 KiB each, 16 banks.
    row_bytes=8192, banks=16,
    # Assumed: a quarter of tFAW (21 ns); tRP + tRCD, 14.16 ns each.
    activate_ns=5.3, bank_ns=28.3,
    # Eight transfers of 8 bytes.
    minimum_bytes=64,
    # Assumed, as for HBM2.
    turnaround_ns=15.0, turnaround_batch_ns=350.0,
    # tREFI; derived: 18.0 of 19.2 GB/s were measured (Shuhai). tRFC alone is 350 ns.
    refresh_interval_ns=7800.0, refresh_stall_ns=470.0,
)
"""A DDR4-2400 DIMM of 64 bits."""
