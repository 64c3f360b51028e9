# SPDX-License-Identifier: Apache-2.0
"""Latencies that no configuration states: one set for all presets.

Read off time lines of the RTL: stories260K at W8 G32 on ``small`` and ``tiny``, each instruction's
cycles in its unit. What the special function unit's pipeline takes stands in
:mod:`flightllm_hw.isa.timing`, what control takes in ``docs/core.md``, what memories take in
``docs/memory.md``.
"""

__all__ = ["CODES", "CROSSED", "LANES_LATENCY", "LAUNCH", "LOAD", "ROW_BLOCK", "SETTLED"]

LAUNCH = 110
"""From the start to the first instruction, and from the last one's end to the interrupt."""

LOAD = 17
"""What is read or written, beside the latency of the memory and its beats."""

LANES_LATENCY = 60
"""From a product's last tile to its results in the vector buffer, and to whom they let go on."""

CROSSED = 13
"""The same for each register on the way to the lanes and back: of four, on ``u280``."""

ROW_BLOCK = 6.7
"""From the results of a row block and token to the next ones at least."""

CODES = 8
"""From a row that could be written to its codes in the lanes."""

SETTLED = 26
"""Passes: from being taken to the first row, and behind the last one's end until they are done."""
