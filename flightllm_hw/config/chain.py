# SPDX-License-Identifier: Apache-2.0
"""Configuration of the CSD-chain, and how each sparsity pattern lies on its DSPs."""

from dataclasses import dataclass, fields

from flightllm_hw.formats.pattern import Pattern

from .checks import is_power_of_two, require_int

__all__ = ["ChainConfig"]


@dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """A configurable sparse DSP chain (CSD-chain, FlightLLM section 3.2).

    Parameters
    ----------
    length : int
        DSP48E2 in the chain, two to a DSP group (DG).
    window : int
        Columns of activations that a tile can draw from. A pattern so sparse that the whole chain
        would need more is served by a split chain instead: fewer columns, more rows.
    slots : int
        Inputs of each sparse MUX. One token can be picked from blocks of M <= ``slots``, two
        tokens at once from blocks of M <= ``slots`` / 2.
    code_bits : int
        The widest weight code that must be summed exactly; with activations of full-range int8 it
        decides where overflow adjust units (OAU) stand.
    """

    length: int = 8
    window: int = 32
    slots: int = 16
    code_bits: int = 8

    def __post_init__(self) -> None:
        for f in fields(self):
            require_int("Chain", f.name, getattr(self, f.name))
        if not is_power_of_two(self.length) or not 2 <= self.length <= 32:
            raise ValueError(f"Chain length must be a power of two in 2..32, not {self.length!r}")
        if not is_power_of_two(self.window) or not 16 <= self.window <= 64:
            raise ValueError(f"Chain window must be 16, 32 or 64 columns, not {self.window!r}")
        if self.window < self.length:
            raise ValueError(f"Chain window must hold a column for each of the {self.length} DSPs,"
                             f" not {self.window!r} columns")
        if self.slots not in (16, 32):
            raise ValueError(f"Chain slots must be 16 or 32, not {self.slots!r}")
        if not 2 <= self.code_bits <= 8:
            raise ValueError(f"Chain code_bits must be in 2..8, not {self.code_bits!r}")

    @property
    def groups(self) -> int:
        """DSP groups (DG) of two cascaded DSP48E2."""
        return self.length // 2

    # What a tile of each pattern looks like.

    def supports(self, pattern: Pattern) -> bool:
        """Whether a whole block's kept codes fit in the chain."""
        return pattern.n <= self.length

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns that the chain can take."""
        return tuple(p for p in Pattern if self.supports(p))

    def segment(self, pattern: Pattern) -> int:
        """DSPs that sum into one result: the whole chain, or less where the window would not do."""
        if not self.supports(pattern):
            raise ValueError(f"A chain of {self.length} DSPs holds no block of {pattern}")
        return min(self.length, self.window * pattern.n // pattern.m)

    def splits(self, pattern: Pattern) -> int:
        """Segments that the chain is cut into; each serves a row (dense: a pair) of its own."""
        return self.length // self.segment(pattern)

    def columns(self, pattern: Pattern) -> int:
        """Columns along K that one tile covers."""
        return self.segment(pattern) * pattern.m // pattern.n

    def rows(self, pattern: Pattern) -> int:
        """Rows of weights that one tile covers."""
        return 2 if pattern is Pattern.DENSE else self.splits(pattern)

    def tokens(self, pattern: Pattern) -> int:
        """Tokens that one step multiplies: two where the sparse MUXes can pick both."""
        return 2 if pattern is not Pattern.DENSE and 2 * pattern.m <= self.slots else 1

    @property
    def nodes(self) -> int:
        """Reduction nodes (RN), at equal distances: what the most split pattern needs."""
        return max(self.splits(p) for p in self.patterns)

    @property
    def node_groups(self) -> int:
        """DSP groups from one reduction node to the next."""
        return self.groups // self.nodes

    @property
    def splits_pairs(self) -> bool:
        """Whether nodes before the last must give both packed sums: two tokens, split chain."""
        return any(self.splits(p) > 1 and self.tokens(p) > 1 for p in self.patterns)

    def cuts_before(self, pattern: Pattern, node: int) -> bool:
        """Whether the cascade is cut in front of the segment that ends in ``node``."""
        return node * 2 * self.node_groups % self.segment(pattern) == 0

    # Where a DSP finds its activation: input ``slot_offset + index`` of a MUX whose inputs are the
    # window's columns from ``base`` on. Bases are rounded down so that few different ones exist.

    def _block_start(self, pattern: Pattern, dsp: int) -> int:
        """First column of the block that ``dsp`` holds a kept code of."""
        return dsp % self.segment(pattern) // pattern.n * pattern.m

    def base(self, pattern: Pattern, group: int) -> int:
        """First column that is offered to the sparse MUXes of a DSP group."""
        if pattern is Pattern.DENSE:
            return 0
        offered = self.slots // self.tokens(pattern)
        return self._block_start(pattern, 2 * group) // offered * offered

    def slot_offset(self, pattern: Pattern, dsp: int) -> int:
        """MUX input at which the block of ``dsp`` begins."""
        if pattern is Pattern.DENSE:
            return 0
        return self._block_start(pattern, dsp) - self.base(pattern, dsp // 2)

    # Exactness of the packed sums.

    @property
    def exact_run(self) -> int:
        """DSPs in a row whose packed sums unpack exactly, with a carried remainder below 2^10.

        A product of a b-bit code and an int8 activation lies in [-2^(b-1)*127, 2^(b-1)*128]; a sum
        of n of them takes n * 2^(b-1) * 255 + 1 values. With the remainder that an OAU leaves in
        the low field, n * 2^(b-1) * 255 + 2^10 <= 2^18 keeps them apart: n = 8 at b = 8.
        """
        return ((1 << 18) - (1 << 10)) // ((255 << self.code_bits) >> 1)

    def adjusts_before(self, group: int) -> bool:
        """Whether an OAU stands between DSP group ``group - 1`` and ``group``."""
        run = self.exact_run // 2 * 2
        return group > 0 and (2 * group) % run == 0

    def stagger(self, dsp: int) -> int:
        """Cycles by which ``dsp`` runs behind the first: one a DSP, one more at each OAU."""
        return dsp + sum(self.adjusts_before(g) for g in range(dsp // 2 + 1))

    @property
    def sum_bits(self) -> int:
        """Width of a result: the signed sum of ``length`` products of two int8."""
        return 16 + (self.length - 1).bit_length()
