# SPDX-License-Identifier: Apache-2.0
"""The pieces of memory that a lane was told to read: its tape, as far as it can be read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.golden.memory import Image, UnitError
from flightllm_hw.isa.errors import Detail

__all__ = ["NotYetError", "Piece", "Pieces"]

Beats = npt.NDArray[np.uint8]


class NotYetError(Exception):
    """What an operation wants is not there yet.

    Parameters
    ----------
    fault : UnitError or None
        What becomes of it when nothing else moves: a truncated tape. None: it waits for ever.
    """

    def __init__(self, fault: UnitError | None) -> None:
        super().__init__()
        self.fault = fault


@dataclass
class Piece:
    """Beats that follow one another.

    Parameters
    ----------
    address, beats : int
        What of it is not used up.
    appends : int
        How many must have arrived in memory before it is read.
    outside : int or None
        Where it begins, if it is not wholly in the window.
    held : ndarray of uint8, (beats, bytes), optional
        It was read ahead.
    """

    address: int
    beats: int
    appends: int
    outside: int | None = None
    held: Beats | None = None


class Pieces:
    """A lane's tape.

    Parameters
    ----------
    memory : Image

    Attributes
    ----------
    pieces : list of Piece
        In order, what is used up taken away.
    appends : int
        How many have arrived in memory.
    """

    def __init__(self, memory: Image) -> None:
        self.memory = memory
        self.clear()

    def clear(self) -> None:
        """A program begins: no tape, no appends."""
        self.pieces: list[Piece] = []
        self.appends = 0
        self._fences = 0
        self._end = 0

    def add(self, address: int, beats: int, fence: bool) -> None:
        """The next piece, in beats; behind a fence, all wait for one more append."""
        self._fences += fence
        if beats:
            size = self.memory.beat
            outside = (None if self.memory.inside(address * size, beats * size)
                       else address * size)
            self.pieces.append(Piece(address, beats, self._fences, outside))
            self._end = (address + beats) * size

    def take(self, beats: int) -> None:
        """Beats are used up."""
        while beats:
            piece = self.pieces[0]
            used = min(beats, piece.beats)
            beats -= used
            if used == piece.beats:
                self.pieces.pop(0)
                continue
            piece.address += used
            piece.beats -= used
            if piece.held is not None:
                piece.held = piece.held[used:]

    def read(self, most: int) -> tuple[Beats, UnitError | NotYetError]:
        """Up to ``most`` beats, and why there are no more."""
        found: list[Beats] = []
        why: UnitError | NotYetError | None = None
        for piece in self.pieces:
            if not most or why is not None:
                break
            if piece.appends > self.appends:
                why = NotYetError(None)
            elif piece.outside is not None:
                why = self.memory.fault(Detail.OUTSIDE, piece.outside)
            else:
                beats, why = self._beats(piece, min(most, piece.beats))
                most -= len(beats)
                found.append(beats)
        if why is None:
            why = NotYetError(self.memory.fault(Detail.TRUNCATED, self._end))
        if len(found) == 1:
            return found[0], why
        return np.concatenate([np.zeros((0, self.memory.beat), np.uint8), *found]), why

    def _beats(self, piece: Piece, count: int) -> tuple[Beats, UnitError | None]:
        """The first beats of a piece, and the fault of the one behind them."""
        size = self.memory.beat
        first, why = piece.address * size, None
        bad = self.memory.first_failing(first, count * size)
        if bad is not None:
            count = bad[0] // size - piece.address
            why = self.memory.fault(bad[1], bad[0])
        if piece.held is not None:
            return piece.held[:count], why
        return self.memory.data[first:first + count * size].reshape(-1, size), why

    def read_ahead(self) -> None:
        """Hold the first piece that can be read and is not held."""
        for piece in self.pieces:
            if piece.appends > self.appends or piece.outside is not None:
                return
            if piece.held is None:
                piece.held = self._beats(piece, piece.beats)[0].copy()
                return
