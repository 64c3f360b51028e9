# SPDX-License-Identifier: Apache-2.0
"""What each register means to the programs that the compiler writes: the one table.

Who starts a program sets the tokens and the first one's position; the program computes the others.
"""

from enum import IntEnum

__all__ = ["TOKENS", "Register", "Seen"]


class Register(IntEnum):
    """A register's number."""

    TOKEN = 1
    """Given: the token."""
    POSITION = 2
    """Given: its position, from 0 on."""

    # Given to programs that take several tokens: those behind the first. A kernel's arguments are
    # the first sixteen registers, so that whatever is given comes first.
    TOKEN_1 = 3
    TOKEN_2 = 4
    TOKEN_3 = 5
    TOKEN_4 = 6
    TOKEN_5 = 7
    TOKEN_6 = 8
    TOKEN_7 = 9

    LOGITS = 10
    """Given: 1 if the logits behind the last token are wanted, 0 if not."""

    # Of the position.
    BLOCK_BEATS = 11
    """Beats of keys' row blocks before its own."""
    KEY = 12
    """Beats from a home of keys to where its key goes, less those of position 0."""
    ROW = 13
    """Its row in the row block of keys."""
    BLOCK = 14
    """Row blocks of keys before its own."""
    VALUE = 15
    """Beats from a home of values to where its value goes, less those of position 0."""
    GROUPS = 16
    """Groups of values before its own."""
    TILES = 17
    """Tiles of its group of values before its own."""
    BUFFER_ROWS = 18
    """Rows of the vector buffer that the positions before its own row take."""

    # Of the layer: they grow from layer to layer.
    TAPE = 19
    """Lane memory: beat of the layer's matrices."""
    HOMES = 20
    """Lane memory: beat of the layer's homes."""
    KEY_SCALE = 21
    """Lane memory: word of the key's scale in the layer's first home."""
    NORMS = 22
    """Host memory: beat of the layer's norm weights and biases."""
    VALUE_SCALE = 23
    """Host memory: word of the position's value scale in the layer's first home."""
    VALUE_SCALES = 24
    """Host memory: beat of all value scales of the layer's first home."""
    LEFT = 25
    """Layers that follow."""
    NEXT = 26
    """Beats of the tape that follows the layer: the next one's first matrix, or the head."""

    OTHER = 30
    SCRATCH = 31
    """Both: anything, for an instruction or two."""


class Seen(IntEnum):
    """What the registers of tokens become once these have been read, where blocks are left out.

    Beats of the position's own then count from the near blocks' first on (BLOCK_BEATS, VALUE,
    BUFFER_ROWS); row blocks and groups before its own (BLOCK, GROUPS) are those that are seen.
    """

    POSITIONS = Register.TOKEN_1
    """Positions before its own that are seen."""
    FIRST_KEYS = Register.TOKEN_2
    """Beats of the first blocks' keys."""
    FIRST_VALUES = Register.TOKEN_3
    """Beats of the first blocks' values in a region."""
    FIRST_ROWS = Register.TOKEN_4
    """Rows of the vector buffer that the first blocks take."""
    NEAR_KEYS = Register.TOKEN_5
    """Beats of the keys before the near blocks."""
    NEAR_VALUES = Register.TOKEN_6
    """Beats of the values before the near blocks in a region."""
    NEAR_SCALES = Register.TOKEN_7
    """Host memory: beats of the value scales before the near blocks."""


TOKENS = (Register.TOKEN, Register.TOKEN_1, Register.TOKEN_2, Register.TOKEN_3, Register.TOKEN_4,
          Register.TOKEN_5, Register.TOKEN_6, Register.TOKEN_7)
"""Tokens that are given, in the order of their positions."""
