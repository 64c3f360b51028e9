# SPDX-License-Identifier: Apache-2.0
"""The sparsity patterns that a tile can have."""

from enum import Enum

__all__ = ["Pattern"]


class Pattern(Enum):
    """N:M sparsity: of every M neighbours along K, N codes are kept (FlightLLM, section 3.2).

    A member's value is its number in a tile's header. ``DENSE`` is FlightLLM's 16:16; its 0:16,
    a block of zeros, takes no tile at all and so needs no number.
    """

    DENSE = 0
    S1_4 = 1
    S2_4 = 2
    S4_8 = 3
    S8_16 = 4
    S4_16 = 5
    S2_16 = 6

    @property
    def n(self) -> int:
        """Codes kept in a block; 1 for ``DENSE``."""
        return _N_M[self][0]

    @property
    def m(self) -> int:
        """Columns of a block; 1 for ``DENSE``."""
        return _N_M[self][1]

    @property
    def index_bits(self) -> int:
        """Bits of a kept code's index in its block: log2 M; 0 for ``DENSE``."""
        return (self.m - 1).bit_length()

    @property
    def index_planes(self) -> int:
        """Bit-planes of indices on a tape: whole beats of two."""
        return self.index_bits + self.index_bits % 2

    def __str__(self) -> str:
        return "dense" if self is Pattern.DENSE else f"{self.n}:{self.m}"

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """The pattern that ``text`` names: ``"dense"`` or ``"N:M"``.

        Raises
        ------
        ValueError
            If there is no such pattern.
        """
        for pattern in cls:
            if str(pattern) == text:
                return pattern
        raise ValueError(f"Sparsity must be one of {', '.join(map(str, cls))}, not {text!r}")


_N_M = {
    Pattern.DENSE: (1, 1),
    Pattern.S1_4: (1, 4),
    Pattern.S2_4: (2, 4),
    Pattern.S4_8: (4, 8),
    Pattern.S8_16: (8, 16),
    Pattern.S4_16: (4, 16),
    Pattern.S2_16: (2, 16),
}
