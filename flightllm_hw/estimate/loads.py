# SPDX-License-Identifier: Apache-2.0
"""Loads into the vector buffer beside the gather, whose rows go first.

::

    gather                   first ▬▬▬▬▬▬▬▬▬▬▬▬ last     its share of the rows
    load    now ▬▬▬▬▬▬▬▬▬▬▬▬▬▬▬▬▬ · ▬ · ▬ · ▬ · ▬▬▬▬▬ done

A load may have begun before the results come that hold it up: then what it has released comes
later, too.
"""

__all__ = ["Loads"]

MOST = 0.98
"""Share of the rows that the gather has at most."""


class Loads:
    """Those of a time line.

    Parameters
    ----------
    rate : float
        Beats a cycle that the host's memory gives.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._gather = 0.0, 0.0, 0.0
        self._begun = self._done = 0.0

    def load(self, now: float, beats: float) -> float:
        """When beats that come from now on have been written."""
        self._begun, self._done = now, now + beats / self._rate
        self._done += self._late()
        return self._done

    def gather(self, first: float, last: float, rows: float) -> tuple[float, float]:
        """Results come: when the load that is under way was done, and when it is now."""
        self._gather, before = (first, last, min(MOST, rows / (last - first))), self._done
        if self._begun < first < self._done:
            self._done += self._late()
        return before, self._done

    def _late(self) -> float:
        """Cycles by which results hold the load up."""
        first, last, share = self._gather
        left = self._done - max(first, self._begun)
        held = min(last - max(first, self._begun), left / (1 - share))
        return share * max(0.0, held)
