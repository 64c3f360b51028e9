# SPDX-License-Identifier: Apache-2.0
"""The memory behind a configuration's ports: its card's, or the U280's in proportion."""

from dataclasses import replace

from flightllm_hw.boards import card
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.sim.memory_timing import MemoryTiming, ddr, hbm

__all__ = ["memory_of"]

_CARD, _PORT_BITS = "u280", 512


def memory_of(config: AcceleratorConfig) -> tuple[str, MemoryTiming]:
    """What the memory is called, and when it answers.

    A configuration without a card has the U280's HBM, as much slower as its ports are narrower:
    what it gives and what it takes is the same share of a port's peak.
    """
    target = config.target
    if target is not None:
        timing = hbm if target.memory.kind == "HBM" else ddr
        return f"{target.memory.kind} of the {target.name}", timing(target)
    whole, bits = hbm(card(_CARD)), config.lane.beat_bits
    assert whole.peak_gb_s is not None
    return (f"HBM of the {_CARD}, scaled to ports of {bits} bits",
            replace(whole, peak_gb_s=whole.peak_gb_s * bits / _PORT_BITS))
