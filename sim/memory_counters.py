# SPDX-License-Identifier: Apache-2.0
"""What a simulated memory counts at each of its ports."""

from dataclasses import dataclass

__all__ = ["Counters"]


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What passed at one port since the memory was attached, or its counters cleared.

    Parameters
    ----------
    cycles : int
        Cycles of the clock.
    beats_read, beats_written, bursts_read, bursts_written : int
        Beats transferred; bursts accepted.
    r_valid, r_stalled : int
        Cycles with data on R; those of them in which the master was not ready.
    pending : int
        Cycles with a burst under way.
    errors : int
        Beats read, and bursts written, that were answered with an error.
    untouched : int
        Beats read where nothing was ever written: real memory with ECC hangs on some of them.
    row_hits, row_closed, row_misses : int
        Rows found open; banks without an open row; banks with another. A burst counts for each row
        that it touches.
    turnarounds : int
        Changes of direction that took time.
    refreshes, refresh_cycles : int
        Refreshes and the cycles they took, up to the last burst.
    deliverable : float
        Beats that the channel could have delivered in these cycles: long bursts in sequence.
    """

    cycles: int
    beats_read: int
    beats_written: int
    bursts_read: int
    bursts_written: int
    r_valid: int
    r_stalled: int
    pending: int
    errors: int
    untouched: int
    row_hits: int
    row_closed: int
    row_misses: int
    turnarounds: int
    refreshes: int
    refresh_cycles: int
    deliverable: float

    @property
    def share(self) -> float:
        """Beats moved, as a share of ``deliverable``."""
        return (self.beats_read + self.beats_written) / max(self.deliverable, 1)
