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
    board_part : str
        The vendor's board definition; empty where its version is not known.
    power_budget_w : int
        Watts that the vendor's tools are told a design may draw; zero where not known.
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
    board_part: str = ""
    power_budget_w: int = 0

    @property
    def hbm_gb(self) -> int:
        """Size of the HBM; zero: there is none."""
        return self.memory.count * self.memory.bytes_each >> 30 if self.memory.kind == "HBM" else 0

    @property
    def versal(self) -> bool:
        """Whether the device is a Versal: no pin-level flow, it is exported for a shell."""
        return not self.part.startswith("xcu")


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
