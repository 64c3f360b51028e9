# SPDX-License-Identifier: Apache-2.0
"""Configuration of the special function unit."""

from dataclasses import dataclass

from .checks import is_power_of_two, require_int

__all__ = ["SfuConfig"]


@dataclass(frozen=True, kw_only=True)
class SfuConfig:
    """The special function unit: FP32 vectors.

    Parameters
    ----------
    width : int
        Elements per cycle, W: 2, 4, 8 or 16. Results do not depend on it.
    rows : int
        Rows of W elements that the vector buffer holds.
    style : str
        What the vector buffer is made of: ``"ultra"`` (URAM288) or ``"block"`` (RAMB36E2).
    scalars : int
        FP32 scalars that stay in the unit.
    rotary_pairs : int
        Pairs of a head that RoPE can turn.
    """

    width: int = 16
    rows: int = 4096
    style: str = "ultra"
    scalars: int = 256
    rotary_pairs: int = 128

    def __post_init__(self) -> None:
        for name in ("width", "rows", "scalars", "rotary_pairs"):
            require_int("SFU", name, getattr(self, name))
        if not is_power_of_two(self.width) or not 2 <= self.width <= 16:
            raise ValueError(f"SFU width must be 2, 4, 8 or 16, not {self.width!r}")
        if not is_power_of_two(self.rows) or not 16 <= self.rows <= 65536:
            raise ValueError(f"SFU rows must be a power of two in 16..65536, not {self.rows!r}")
        if self.style not in ("ultra", "block"):
            raise ValueError(f"SFU style must be 'ultra' or 'block', not {self.style!r}")
        if not is_power_of_two(self.scalars) or not 8 <= self.scalars <= 512:
            raise ValueError(f"SFU scalars must be a power of two in 8..512,"
                             f" not {self.scalars!r}")
        if not is_power_of_two(self.rotary_pairs) or not 4 <= self.rotary_pairs <= 512:
            raise ValueError(f"SFU rotary_pairs must be a power of two in 4..512,"
                             f" not {self.rotary_pairs!r}")

    @property
    def element_bits(self) -> int:
        """Width of a count of elements: as many as the vector buffer holds."""
        return (self.rows * self.width).bit_length()

    @property
    def row_bits(self) -> int:
        """Width of a row's number."""
        return (self.rows - 1).bit_length()

    @property
    def uram(self) -> int:
        """URAM288 of the vector buffer's two copies."""
        if self.style != "ultra":
            return 0
        return 2 * -(-32 * self.width // 72) * -(-self.rows // 4096)

    @property
    def bram(self) -> int:
        """RAMB36E2 of the vector buffer's two copies."""
        if self.style != "block":
            return 0
        # Bits of a row that a block holds, by its rows.
        bits = {512: 72, 1024: 36, 2048: 18, 4096: 9, 8192: 4, 16384: 2, 32768: 1}
        depth = min(max(self.rows, 512), 32768)
        return 2 * (self.rows // depth or 1) * -(-32 * self.width // bits[depth])

    @property
    def dsp(self) -> int:
        """DSP48E2: thirteen a lane, four of scalars' steps, seven of the table for RoPE."""
        return 13 * self.width + 11
