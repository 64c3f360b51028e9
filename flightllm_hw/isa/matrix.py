# SPDX-License-Identifier: Apache-2.0
"""What an operation says of its matrix."""

from dataclasses import dataclass

from flightllm_hw.formats.pattern import Pattern

__all__ = ["MatrixShape"]


@dataclass(frozen=True, kw_only=True)
class MatrixShape:
    """What a lane must know of a matrix to read its tape (``docs/tape.md``).

    Parameters
    ----------
    pattern : Pattern
    bits : int
        Of a code.
    zero_point : bool
        Whether headers have zero beats.
    masked : bool
        Whether headers of nothing but zeros are left out.
    row_blocks : int
    group_tiles : int
        Tiles of a whole group.
    groups : int
        Groups of a row block.
    last_tiles : int
        Tiles of its last group.
    """

    pattern: Pattern
    bits: int
    zero_point: bool
    masked: bool
    row_blocks: int
    group_tiles: int
    groups: int
    last_tiles: int
