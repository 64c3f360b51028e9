# SPDX-License-Identifier: Apache-2.0
"""Which addresses a simulated memory has, and bytes that need not be stored."""

import numpy as np

__all__ = ["GRANULE", "generated", "require_bytes", "require_range"]

GRANULE = 64
"""Generated ranges begin and end at multiples of it."""


def generated(address: int, count: int, seed: int) -> np.ndarray:
    """Bytes of a generated range: word n of 64 bits is output number n of SplitMix64(seed)."""
    first, last = address // 8, -(-(address + count) // 8)
    with np.errstate(over="ignore"):
        z = np.arange(first + 1, last + 1, dtype=np.uint64)
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return z.astype("<u8").view(np.uint8)[address % 8:][:count].copy()


def require_bytes(address: int, count: int) -> None:
    """Refuse bytes that 64-bit addresses do not reach."""
    if address < 0 or count < 0 or address + count > 1 << 64:
        raise ValueError(f"Addresses have 64 bits: {count} bytes at {address:#x} are outside")


def require_range(addresses: range) -> None:
    """Refuse what is no range of addresses."""
    if addresses.step != 1 or not 0 <= addresses.start < addresses.stop < 1 << 64:
        raise ValueError(f"Addresses must be a range of 64-bit numbers, not {addresses!r}")
