# SPDX-License-Identifier: Apache-2.0
"""What the core counts while a program runs: names and what they mean, no hardware.

All counters have :data:`COUNTER_BITS` bits and wrap around. They are cleared when a program starts
and keep what they have when it is over.
"""

__all__ = ["COUNTER_BITS", "GLOBAL", "LANE"]

COUNTER_BITS = 32
"""Width of a counter."""

GLOBAL = (
    ("cycles", "Cycles that the program has taken."),
    ("memory_busy", "Cycles in which the memory unit had a task."),
    ("lanes_busy", "Cycles in which the lanes had a task."),
    ("vector_busy", "Cycles in which the vector unit had a task."),
    ("memory_waits", "Cycles in which the memory queue's first instruction waited for tokens."),
    ("lanes_waits", "Cycles in which the lanes queue's first instruction waited for tokens."),
    ("vector_waits", "Cycles in which the vector queue's first instruction waited for tokens."),
    ("control_waits", "Cycles in which a SYS instruction waited for tokens."),
)
"""Counters that there is one of: name and meaning."""

LANE = (
    ("beats", "Beats that the lane has read from its memory."),
    ("starved", "Cycles in which an operation waited for a beat."),
    ("full", "Cycles in which the reader had no room left to ask for more."),
    ("multiplying", "Cycles in which the lane's chains multiplied."),
)
"""Counters that every lane has: name and meaning."""
