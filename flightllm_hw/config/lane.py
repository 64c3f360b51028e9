# SPDX-License-Identifier: Apache-2.0
"""Configuration of a lane."""

from dataclasses import dataclass, field

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
    beat_bits : int
        Width of the memory port.
    """

    chains: int = 16
    chain: ChainConfig = field(default_factory=ChainConfig)
    beat_bits: int = 512

    def __post_init__(self) -> None:
        require_int("Lane", "chains", self.chains)
        require_int("Lane", "beat_bits", self.beat_bits)
        if not is_power_of_two(self.chains) or self.chains > 64:
            raise ValueError(f"Lane chains must be a power of two in 1..64, not {self.chains!r}")
        if not is_power_of_two(self.beat_bits) or not 32 <= self.beat_bits <= 1024:
            raise ValueError(f"Lane beat_bits must be a power of two in 32..1024,"
                             f" not {self.beat_bits!r}")

    @property
    def dsp(self) -> int:
        """DSP48E2 in the chains."""
        return self.chains * self.chain.length

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle on dense tiles: two a DSP."""
        return 2 * self.dsp
