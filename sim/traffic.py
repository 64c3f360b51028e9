# SPDX-License-Identifier: Apache-2.0
"""When a testbench offers an item, or takes one: patterns of valid and ready.

A :class:`Traffic` says how long runs and pauses are; a :class:`Gate` draws them, one decision a
cycle. Python and the C++ of ``harness.cpp`` draw the same decisions from the same state, so that a
run of streams takes the same cycles in either simulator.
"""

import zlib
from dataclasses import dataclass

import numpy as np

__all__ = ["BURSTY", "STARVED", "STEADY", "TRAFFIC", "Gate", "Traffic"]

ONE = 1 << 16


@dataclass(frozen=True)
class Traffic:
    """A pattern of open and closed cycles: a Markov chain of two states, closed at first.

    Parameters
    ----------
    name : str
        What tests print.
    start : int
        Chance, in 65536ths, that an open cycle follows a closed one.
    stop : int
        Chance, in 65536ths, that a closed cycle follows an open one.
    """

    name: str
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 < self.start <= ONE or not 0 <= self.stop <= ONE:
            raise ValueError(f"Traffic chances must be in 1..{ONE} (start) and 0..{ONE} (stop), not"
                             f" {self.start!r} and {self.stop!r}")

    @property
    def steady(self) -> bool:
        """Whether every cycle is open."""
        return self.start == ONE and self.stop == 0

    def __str__(self) -> str:
        return self.name


STEADY = Traffic("steady", ONE, 0)
BURSTY = Traffic("bursty", ONE // 8, ONE // 8)
STARVED = Traffic("starved", ONE // 16, ONE)

TRAFFIC = (STEADY, BURSTY, STARVED)


class Gate:
    """Draws a traffic pattern.

    The state is 32 bits, never zero. A draw steps it by xorshift32 (left 13, right 17, left 5) and
    compares its upper 16 bits, u: an open gate stays open if u >= stop, a closed gate opens if
    u < start.

    Parameters
    ----------
    traffic : Traffic
        The pattern.
    source : int or numpy.random.Generator
        A seed, which ``name`` is mixed into, or a generator that the state is drawn from.
    name : str
        Tells gates of equal seed apart: a port's name.

    Attributes
    ----------
    state : int
        The 32 bits.
    open : bool
        The last decision.
    """

    def __init__(self, traffic: Traffic, source: int | np.random.Generator, name: str = "") -> None:
        self.traffic = traffic
        if isinstance(source, np.random.Generator):
            self.state = int(source.integers(1, 1 << 32))
        else:
            self.state = zlib.crc32(f"{source}/{name}".encode()) or 1
        self.open = False

    def draw(self) -> bool:
        """Whether the next cycle is open."""
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        u = x >> 16
        self.open = u >= self.traffic.stop if self.open else u < self.traffic.start
        return self.open
