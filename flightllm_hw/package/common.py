# SPDX-License-Identifier: Apache-2.0
"""What a package of either flow is made of, and the texts that both have."""

from dataclasses import dataclass

from flightllm_hw import __version__
from flightllm_hw.boards import Card
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.registers import RegisterMap

from .facts import kernel_name
from .placement import dies
from .tcl import assignments
from .texts import shipped

__all__ = ["Contents", "Subject", "lanes_script", "placement_text"]

Contents = dict[str, str]
"""Texts by their paths in the package."""


@dataclass(frozen=True)
class Subject:
    """What is packaged.

    Parameters
    ----------
    config : AcceleratorConfig
    card : Card
        The card; the configuration's own, if it has one.
    """

    config: AcceleratorConfig
    card: Card

    @property
    def kernel(self) -> str:
        """The kernel's name."""
        return kernel_name(self.config)

    @property
    def dies(self) -> tuple[int, ...]:
        """Of every lane."""
        return dies(self.config, self.card)

    @property
    def words(self) -> dict[str, object]:
        """What texts name."""
        registers = RegisterMap(self.config)
        return {
            "kernel": self.kernel, "card": self.card.name, "part": self.card.part,
            "version": __version__, "name": self.config.name, "lanes": self.config.lanes,
            "digest": f"{self.config.digest():08x}", "mhz": self.config.clock_mhz,
            "bits": self.config.lane.beat_bits,
            "first": f"0x{registers.arguments[0].offset:03X}",
            "placement": placement_text(self),
        }


def lanes_script(subject: Subject) -> str:
    """``place_lanes.tcl``: complete in itself, for the tools may copy it."""
    head = ("# SPDX-License-Identifier: Apache-2.0\n"
            f"# The die of each lane of {subject.kernel} on the {subject.card.name}.\n\n")
    return head + assignments({"dies": subject.dies}, width=10_000) + shipped("place_lanes.tcl")


def placement_text(subject: Subject) -> str:
    """Which lanes are on which die, in words."""
    where = subject.dies
    if not where:
        return "It is not known to this project what the card's dies have: lanes are not placed."
    parts = []
    for die in sorted(set(where)):
        lanes = [n for n, other in enumerate(where) if other == die]
        span = f"lanes {lanes[0]} to {lanes[-1]}" if len(lanes) > 1 else f"lane {lanes[0]}"
        parts.append(f"{span} on SLR{die}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:] + "."
