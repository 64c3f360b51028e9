# SPDX-License-Identifier: Apache-2.0
"""On which die (super logic region) each lane lies.

A lane needs its UltraRAM, a cluster of lanes the registers that lead to it: neighbours stay
together. On a card with HBM, whose ports are all on die 0, as few dies are used as the lanes fit
in; the lowest gets the fewest of them, for it has the memory's logic too. On a card with DIMMs each
lane is beside its own.
"""

from flightllm_hw.boards import Card
from flightllm_hw.config import AcceleratorConfig

__all__ = ["FILL", "dies"]

FILL = 0.98
"""The share of a die's DSPs and UltraRAM that lanes may take, who are next to alone in it."""


def dies(config: AcceleratorConfig, card: Card) -> tuple[int, ...]:
    """The die of lane 0, lane 1, ...; nothing where it is not known what a card's dies have."""
    if not card.slr or not card.dsp:
        return ()
    lanes = config.lanes
    if card.memory.kind == "DDR":
        # A border takes two registers on each way.
        return tuple(range(lanes)) if config.crossings >= 2 else (0,) * lanes
    each = min(_fitting(card.uram, config.lane.uram, card.slr),
               _fitting(card.dsp, config.lane.dsp_total, card.slr))
    count = min(card.slr, -(-lanes // max(each, 1)))
    return tuple(((n + 1) * count - 1) // lanes for n in range(lanes))


def _fitting(total: int, each: int, slr: int) -> int:
    """Lanes that a die has room for."""
    return int(FILL * total / slr) // each if each else total
