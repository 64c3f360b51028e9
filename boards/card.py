# SPDX-License-Identifier: Apache-2.0
"""What a card offers: part, resources, dies, memory channels."""

from dataclasses import dataclass
from importlib import import_module

__all__ = ["CARDS", "Card", "MemoryChannels", "card"]

CARDS = ("u50", "u55c", "u250", "u280", "v80", "vhk158")
"""Every card, by the name of its file in this folder."""


@dataclass(frozen=True, kw_only=True)
class MemoryChannels:
    """The independent memory channels that a lane can be tied to.

    Parameters
    ----------
    kind : str
        ``"HBM"`` (pseudo-channels) or ``"DDR"`` (DIMMs).
    count : int
        Channels.
    bytes_each : int
        Capacity of one channel, in bytes.
    peak_gb_s : float
        Peak rate of one channel, in 10^9 bytes per second.
    """

    kind: str
    count: int
    bytes_each: int
    peak_gb_s: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """One accelerator card.

    Parameters
    ----------
    name : str
        As users type it.
    part : str
        The vendor's full part number.
    lut, ff, bram, uram, dsp : int
        Resources of the whole device; ``bram`` counts 36 Kb blocks. Zero where no public
        document was read that states it: such a limit is not checked.
    slr : int
        Super logic regions (dies).
    memory : MemoryChannels
        What feeds the lanes.
    """

    name: str
    part: str
    lut: int
    ff: int
    bram: int
    uram: int
    dsp: int
    slr: int
    memory: MemoryChannels


def card(name: str) -> Card:
    """The card called ``name``.

    Raises
    ------
    ValueError
        If there is no such card.
    """
    if name not in CARDS:
        raise ValueError(f"Card must be one of {', '.join(CARDS)}, not {name!r}")
    module = import_module(f"flightllm_hw.boards.{name}")
    result: Card = module.CARD
    return result
