# SPDX-License-Identifier: Apache-2.0
"""A lane: a tape that is read ahead into a FIFO, and operations that take it from there.

::

    memory ── d beats a cycle ──► FIFO of F beats ──► chains: a tile a step, two beats a cycle

Operation k takes B_k beats; C_k are those of all up to it. Its last beat is read at

    r_k = max(r_{k-1} + B_k / d,                   d: what the memory delivers
              fence + L + B_k / d,                 L: its latency; keys and values are in memory
              s_j + L + (C_k - C_{j-1} - F) / d)   j <= k: the FIFO was full when j began

and it takes from its start s_k to

    e_k = max(s_k + E_k, r_k)                      E_k: steps of the chains, or loads

No beat is walked over.
"""

from collections import deque
from dataclasses import dataclass

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.estimate.constants import LOAD
from flightllm_hw.formats import Pattern

__all__ = ["Product", "Tape"]

_KEPT = 12
"""Operations whose starts still matter to the FIFO."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """An operation of a lane: what it takes.

    Parameters
    ----------
    beats : int
    engine : float
        Cycles of the chains for all row blocks.
    row_blocks : int
    results : float
        Cycles in which the results of a row block leave: of a lane, or of all together.
    rows : float
        Of the vector buffer, that the results of a row block of all lanes are.
    """

    beats: int
    engine: float
    row_blocks: int
    results: float
    rows: float

    @classmethod
    def of(cls, config: AcceleratorConfig, *, pattern: Pattern, bits: int, zero_point: int,
           row_blocks: int, group_tiles: int, groups: int, last_tiles: int, tokens: int
           ) -> "Product":
        """As an instruction has it."""
        lane, rows = config.lane, config.lane.tile_rows(pattern)
        tiles = (groups - 1) * group_tiles + last_tiles
        together = 1 if pattern is Pattern.DENSE else 2
        planes = tiles * (bits + pattern.index_planes) / together
        headers = -(-groups // (2 * lane.chains // rows))
        beats = rows // lane.chains + headers * (1 + zero_point) + planes / 2
        steps = -(-tokens // lane.chain.tokens(pattern))
        block, hidden = _block(pattern, bits, together)
        loads = (rows // lane.chains + headers * (1 + zero_point - hidden)
                 + tiles / together * block)
        engine = max(tiles * steps, loads)
        # A result a cycle from each lane; rows of W, one a cycle, from all.
        gathered = tokens * rows * config.lanes / config.sfu.width
        results = max(tokens * rows, gathered)
        return cls(beats=int(row_blocks * beats), engine=row_blocks * engine,
                   row_blocks=row_blocks, results=results, rows=gathered)


def _block(pattern: Pattern, bits: int, tiles: int) -> tuple[float, bool]:
    """Cycles of a block of so many tiles, a step each; whether they hide a header's beat.

    Two beats a cycle, a tile a cycle: :class:`~flightllm_hw.dequant.gearbox.Gearbox`.
    """
    beats = bits // 2 + pattern.index_planes // 2
    first = second = max(tiles, -(-beats // 2))
    if bits == 3:
        first = max(tiles, -(-(beats + 1) // 2))
    elif bits == 5:
        first += 1
    return (first + second) / 2, tiles == 2 and beats + bits % 2 <= 2


class Tape:
    """Lane 0's: no lane has more to do.

    Parameters
    ----------
    config : AcceleratorConfig
    delivered : float
        Beats a cycle.
    latency : float
        Cycles from an address to its beat.
    """

    def __init__(self, config: AcceleratorConfig, delivered: float, latency: float) -> None:
        port = PortConfig(data_bits=config.lane.beat_bits)
        self._room, self._latency = config.lane.fifo_beats, latency + LOAD
        # Room for a burst is asked for: a shallow FIFO has too little for a round trip.
        self._delivered = min(delivered, self._room / (self._latency + port.burst_beats))
        # Pieces that are left: when control named them, what append they wait for, beats.
        self._pieces: deque[tuple[float, int | None, int]] = deque()
        self._fences, self._appended = 0, list[float]()
        self._read, self._busy, self.beats = 0.0, 0.0, 0
        self._under_way = min(port.outstanding * port.burst_beats, self._room)
        # Starts and ends of the last operations, and beats before them.
        self._taken: deque[tuple[float, float, int]] = deque(maxlen=_KEPT)

    def name(self, now: float, beats: int, fence: bool) -> None:
        """Control names a piece."""
        self._pieces.append((now, self._fences if fence else None, beats))
        self._fences += fence

    def appended(self, now: float) -> None:
        """An append is in memory."""
        self._appended.append(now)
        # Reading goes on, up to the next fence or until the FIFO is full.
        beats = 0
        for _, fence, there in self._pieces:
            if fence is not None and fence >= len(self._appended):
                break
            beats += there
        self._busy = max(self._read, now) + min(self._room, beats) / self._delivered

    def ahead(self, now: float) -> float:
        """Cycles that a write waits for reads under way."""
        until = max(self._busy, self._read)
        return max(0.0, min(self._under_way / self._delivered, until - now))

    def ready(self, beats: int) -> bool:
        """Whether all that the next beats wait for has a time."""
        for _, fence, there in self._pieces:
            if fence is not None and fence >= len(self._appended):
                return False
            beats -= there
            if beats <= 0:
                return True
        return False

    def take(self, product: Product, start: float) -> float:
        """An operation that begins then: when its last beat has been taken."""
        before, read = self.beats, self._read
        left, self.beats = product.beats, before + product.beats
        while left:
            named, fence, there = self._pieces.popleft()
            taken = min(there, left)
            begun = named + self._latency
            if fence is not None:
                begun = max(begun, self._appended[fence] + self._latency)
            read = max(read, begun) + taken / self._delivered
            left -= taken
            if there > taken:
                self._pieces.appendleft((begun - self._latency, None, there - taken))
        full = self.beats - self._room
        for began, _, at in (*self._taken, (start, 0.0, before)):
            if full > at:
                read = max(read, began + self._latency + (full - at) / self._delivered)
        end = max(start + product.engine, read)
        self._taken.append((start, end, before))
        # The FIFO is full behind it: what follows is read as this is taken.
        for began, ended, at in reversed(self._taken):
            if full >= at:
                of = self._end_of(at) - at
                read = max(read, began + (ended - began) * min(1.0, (full - at) / of))
                break
        self._read = read
        return end

    def _end_of(self, at: int) -> int:
        """Beats up to the end of the operation that has so many before it."""
        following = [other for _, _, other in self._taken if other > at]
        return following[0] if following else self.beats
