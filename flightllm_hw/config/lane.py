# SPDX-License-Identifier: Apache-2.0
"""Configuration of a lane."""

from dataclasses import dataclass, field

from flightllm_hw.formats.pattern import Pattern

from .chain import ChainConfig
from .checks import is_power_of_two, require_int

__all__ = ["LaneConfig"]


@dataclass(frozen=True, kw_only=True)
class LaneConfig:
    """A lane: what one memory channel feeds.

    Parameters
    ----------
    chains : int
        CSD-chains, all of which see the same activations.
    chain : ChainConfig
        Each of them.
    fifo_beats : int
        Beats that the prefetch FIFO holds.
    tokens : int
        Tokens that can meet a tile while it is held.
    window_words : int
        Words of ``window`` int8 activations that each of the two banks of the activation buffer
        holds; even tokens lie in one, odd tokens in the other.
    """

    chains: int = 16
    chain: ChainConfig = field(default_factory=ChainConfig)
    fifo_beats: int = 8192
    tokens: int = 16
    window_words: int = 4096

    def __post_init__(self) -> None:
        for name in ("chains", "fifo_beats", "tokens", "window_words"):
            require_int("Lane", name, getattr(self, name))
        if not is_power_of_two(self.chains) or self.chains > 64:
            raise ValueError(f"Lane chains must be a power of two in 1..64, not {self.chains!r}")
        if not is_power_of_two(self.fifo_beats) or not 16 <= self.fifo_beats <= 65536:
            raise ValueError(f"Lane fifo_beats must be a power of two in 16..65536,"
                             f" not {self.fifo_beats!r}")
        if not is_power_of_two(self.tokens) or not 2 <= self.tokens <= 16:
            raise ValueError(f"Lane tokens must be 2, 4, 8 or 16, not {self.tokens!r}")
        if not is_power_of_two(self.window_words) or not 2 <= self.window_words <= 65536:
            raise ValueError(f"Lane window_words must be a power of two in 2..65536,"
                             f" not {self.window_words!r}")

    @property
    def dsp(self) -> int:
        """DSP48E2 in the chains."""
        return self.chains * self.chain.length

    @property
    def dsp_total(self) -> int:
        """DSP48E2 of the lane: chains, three more for each of them, four for results."""
        return self.dsp + 3 * self.chains + 4

    @property
    def uram(self) -> int:
        """URAM288 of the lane: two banks of the prefetch FIFO, two of activations."""
        def bank(width: int, depth: int) -> int:
            return -(-width // 72) * -(-depth // 4096)

        return 2 * (bank(self.beat_bits, self.fifo_beats // 2)
                    + bank(8 * self.chain.window, self.window_words))

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle on dense tiles: two a DSP."""
        return 2 * self.dsp

    @property
    def plane_bits(self) -> int:
        """Width of a bit-plane: a bit of each code of a dense tile, or of two sparse tiles."""
        return self.macs

    @property
    def beat_bits(self) -> int:
        """Width of the memory port: two planes."""
        return 2 * self.plane_bits

    def tile_rows(self, pattern: Pattern) -> int:
        """Rows that a tile covers."""
        return self.chains * self.chain.rows(pattern)

    def tile_columns(self, pattern: Pattern) -> int:
        """Columns that a tile covers."""
        return self.chain.columns(pattern)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns that the lane takes: those with at most two results a chain and step."""
        return tuple(p for p in self.chain.patterns
                     if p is Pattern.DENSE or self.chain.splits(p) * self.chain.tokens(p) <= 2)
