# SPDX-License-Identifier: Apache-2.0
"""Homes of keys and values: where a lane's memory holds them, as tapes of any length.

A home is for one head of keys and values, one layer, one lane and up to ``context`` positions::

    keys     a position a row      row blocks of 2C positions, one behind the other:
                                   row scales | scale beat, tiles | scale beat, tiles ...
    values   a position a column   a region for each 2C elements of the head:
                                   row scales | scale beat, tiles of 128 positions | ...
                                   (of 64 where programs leave out blocks of as many)

C is the number of chains. Codes are of 8 bits, so that a position is a row or a column of bytes.
The scales of keys are row scales; all others are 1 from the beginning (``empty``). Beats count from
the home's first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.append import value_groups
from flightllm_hw.formats.pattern import Pattern

from .tape import TapeShape

__all__ = ["LONG_GROUP", "KeyHome", "Piece", "Place", "ValueHome"]

Beats = npt.NDArray[np.uint8]

_TILE = 8
"""Columns of a tile."""

_TILE_BEATS = 4

_ROW_BEATS = 2
"""Row scales: of even rows, of odd ones."""

LONG_GROUP = 128
"""Positions of a group of values, unless something else is said; columns of one of keys at most."""

_SHORT_GROUP = 32
"""Columns of a group of keys: all in one, or as many as four of an append's steps go over."""

_EMPTY = 0x80
"""The code of zero."""


@dataclass(frozen=True)
class Piece:
    """Consecutive beats of a home, as the reader is told of them."""

    address: int
    beats: int


@dataclass(frozen=True)
class Place:
    """Where a position is appended: operands of :mod:`flightllm_hw.formats.append`.

    Parameters
    ----------
    address : int
        Beat of the first codes.
    high, low : int
        Beats from codes to the next.
    place : int
        Row or column of eight.
    """

    address: int
    high: int
    low: int
    place: int


@dataclass(frozen=True, kw_only=True)
class _Home:
    """What both have.

    Parameters
    ----------
    config : LaneConfig
    head : int
        Elements of a head.
    context : int
        Positions that there is room for.

    Raises
    ------
    ValueError
        If there are no elements or positions, or the lane has more than 16 chains: a tile's eight
        rows of a position would be less than a beat.
    """

    config: LaneConfig
    head: int
    context: int

    def __post_init__(self) -> None:
        for name in ("head", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"Home's {name} must be at least 1, not {getattr(self, name)!r}")
        if self.config.chains > 16:
            raise ValueError(f"Homes need lanes of at most 16 chains, not {self.config.chains!r}")

    @property
    def _rows(self) -> int:
        return self.config.tile_rows(Pattern.DENSE)

    @property
    def _beat_bytes(self) -> int:
        return self.config.beat_bits // 8

    @property
    def _eight_rows(self) -> int:
        """Beats of eight rows of a tile, where it has as many."""
        return max(1, 64 // self._beat_bytes)

    def _check(self, name: str, value: int, low: int, high: int) -> None:
        if not low <= value <= high:
            raise ValueError(f"Home's {name} must be in {low}..{high}, not {value!r}")

    def _shape(self, rows: int, columns: int, group: int) -> TapeShape:
        groups = -(-columns // group)
        return TapeShape(
            pattern=Pattern.DENSE, bits=8, zero_point=False, masked=False,
            row_blocks=-(-rows // self._rows), group_tiles=group // _TILE, groups=groups,
            last_tiles=-(-(columns - (groups - 1) * group) // _TILE))

    def _row_block(self, columns: int, group: int, row_scale: float) -> Beats:
        """A row block of zeros whose group scales are 1."""
        width = self._beat_bytes
        beats = np.full((_row_block_beats(columns, group), width), _EMPTY, np.uint8)
        beats[:_ROW_BEATS] = np.full(width // 4, row_scale, "<f4").view(np.uint8)
        beats[_ROW_BEATS::1 + group // _TILE * _TILE_BEATS] = np.ones(width // 2, "<u2").view(
            np.uint8)
        return beats


class KeyHome(_Home):
    """Keys; parameters and errors are those of every home: ``config``, ``head``, ``context``."""

    @property
    def _group(self) -> int:
        return LONG_GROUP if self.head <= LONG_GROUP else _SHORT_GROUP

    @property
    def row_block_beats(self) -> int:
        """Beats of as many positions as a tile has rows."""
        return _row_block_beats(self.head, self._group)

    @property
    def beats(self) -> int:
        """Beats of the home."""
        return -(-self.context // self._rows) * self.row_block_beats

    def empty(self) -> Beats:
        """A home that no position has been written to."""
        blocks = -(-self.context // self._rows)
        return np.tile(self._row_block(self.head, self._group, 0), (blocks, 1))

    def shape(self, length: int) -> TapeShape:
        """What the first positions are as a matrix: a row each, behind the last any rows."""
        self._check("length", length, 1, self.context)
        return self._shape(length, self.head, self._group)

    def pieces(self, length: int) -> list[Piece]:
        """Their tape."""
        return [Piece(0, self.shape(length).row_blocks * self.row_block_beats)]

    def place(self, position: int) -> Place:
        """Where the codes of a position go."""
        block, row = self._block_and_row(position)
        return Place(
            address=block + _ROW_BEATS + 1 + row // 8 * self._eight_rows,
            high=4 * _TILE_BEATS + (self._group == _SHORT_GROUP), low=_TILE_BEATS, place=row % 8)

    def scale_word(self, position: int) -> int:
        """Where its scale goes, in words of 4 bytes: a row scale."""
        block, row = self._block_and_row(position)
        return (block + row % 2) * self.config.chains + row // 2

    def _block_and_row(self, position: int) -> tuple[int, int]:
        """The first beat of a position's row block, and the row in it."""
        self._check("position", position, 0, self.context - 1)
        return position // self._rows * self.row_block_beats, position % self._rows


@dataclass(frozen=True, kw_only=True)
class ValueHome(_Home):
    """Values; ``config``, ``head``, ``context`` and errors are those of every home.

    Parameters
    ----------
    group : int
        Positions behind a scale beat; a whole number of them can be left out of a tape.
    """

    group: int = LONG_GROUP

    @property
    def region_beats(self) -> int:
        """Beats of as many of a head's elements as a tile has rows."""
        return _row_block_beats(self.context, self.group)

    @property
    def beats(self) -> int:
        """Beats of the home."""
        return -(-self.head // self._rows) * self.region_beats

    @property
    def group_beats(self) -> int:
        """Beats of a group: a scale beat and tiles."""
        return 1 + self.group // _TILE * _TILE_BEATS

    def empty(self) -> Beats:
        """A home that no position has been written to."""
        regions = -(-self.head // self._rows)
        return np.tile(self._row_block(self.context, self.group, 1), (regions, 1))

    def shape(self, length: int) -> TapeShape:
        """What the first positions are as a matrix: a column each, behind the last any columns."""
        self._check("length", length, 1, self.context)
        return self._shape(self.head, length, self.group)

    def pieces(self, length: int) -> list[Piece]:
        """Their tape: the first beats of each region."""
        beats = _row_block_beats(length, self.group)
        return [Piece(n * self.region_beats, beats) for n in range(self.shape(length).row_blocks)]

    def place(self, position: int) -> Place:
        """Where the codes of a position go."""
        self._check("position", position, 0, self.context - 1)
        # The beats of as many columns as lie before the position's tile, and its scale beat.
        first = _ROW_BEATS + position // self.group + 1 + position // _TILE * _TILE_BEATS
        _, together = value_groups(self._beat_bytes)
        return Place(address=first, high=self.region_beats,
                     low=self._eight_rows if together > 1 else 0, place=position % _TILE)


def _row_block_beats(columns: int, group: int) -> int:
    """Beats of a row block: row scales, scale beats, tiles."""
    return _ROW_BEATS + -(-columns // group) + -(-columns // _TILE) * _TILE_BEATS
