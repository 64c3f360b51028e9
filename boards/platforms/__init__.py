# SPDX-License-Identifier: Apache-2.0
"""Amaranth platforms of the Alveo cards: pins, clocks, configuration, and a pin that stays low."""

from importlib import import_module

from ..card import card
from .alveo import AlveoPlatform

__all__ = ["PLATFORMS", "AlveoPlatform", "platform"]

PLATFORMS = ("u50", "u55c", "u250", "u280")
"""Cards that Amaranth can build for, by the name of their file in this folder."""


def platform(name: str) -> AlveoPlatform:
    """A new platform of the card called ``name``, for one build.

    Raises
    ------
    ValueError
        If there is no such card, or if it is one that designs can only be exported for.
    """
    target = card(name)
    if target.versal:
        raise ValueError(f"Card {name} is a Versal device ({target.part}), and Amaranth has no flow"
                         " for these: export Verilog for it (flightllm-hw verilog), and package"
                         " that for a shell")
    module = import_module(f".{name}", __name__)
    result: AlveoPlatform = getattr(module, f"{name.upper()}Platform")()
    return result
