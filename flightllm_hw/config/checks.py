# SPDX-License-Identifier: Apache-2.0
"""Checks that several configurations make."""

__all__ = ["is_power_of_two", "require_int"]


def is_power_of_two(n: int) -> bool:
    """Whether ``n`` is 1, 2, 4, ..."""
    return n > 0 and n & (n - 1) == 0


def require_int(owner: str, name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is an integer (and no bool)."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{owner} {name} must be an integer, not {value!r}")
