# SPDX-License-Identifier: Apache-2.0
"""The named configurations: values only."""

from .config import AcceleratorConfig, LaneConfig, SfuConfig

__all__ = ["PRESETS", "preset"]

# Small enough for Amaranth's own simulator.
TINY = AcceleratorConfig(
    name="tiny", lanes=2, crossings=1,
    lane=LaneConfig(chains=2, fifo_beats=64, tokens=4, window_words=128),
    sfu=SfuConfig(width=4, rows=1024, scalars=64, rotary_pairs=16))

# Whole models in the compiled simulator.
SMALL = AcceleratorConfig(
    name="small", lanes=4,
    lane=LaneConfig(chains=4, fifo_beats=512),
    sfu=SfuConfig(width=8, rows=8192))

# Vectors of several tokens and the scores of 4,096 positions, in block RAM: lanes take the URAM.
VECTORS = SfuConfig(rows=32768, style="block")

# The reference card.
U280 = AcceleratorConfig(
    name="u280", lanes=32, crossings=4, card="u280",
    lane=LaneConfig(chains=16), sfu=VECTORS)

# The U280's lanes, as many as the card has URAM for; it has two thirds of the block RAM.
U50 = AcceleratorConfig(
    name="u50", lanes=24, card="u50",
    lane=LaneConfig(chains=16), sfu=SfuConfig(rows=16384, style="block"))

# The U280's die with twice its memory.
U55C = AcceleratorConfig(
    name="u55c", lanes=32, crossings=4, card="u55c",
    lane=LaneConfig(chains=16), sfu=VECTORS)

# DDR4 only: a lane per DIMM, at the DIMMs' clock.
U250 = AcceleratorConfig(
    name="u250", lanes=4, crossings=4, card="u250", clock_mhz=300,
    lane=LaneConfig(chains=16), sfu=VECTORS)

# Versal: the same Verilog, its DSP48E2 retargeted to DSP58.
VHK158 = AcceleratorConfig(
    name="vhk158", lanes=32, crossings=4, card="vhk158",
    lane=LaneConfig(chains=16), sfu=VECTORS)

PRESETS = {p.name: p for p in (TINY, SMALL, U50, U55C, U250, U280, VHK158)}
"""Every preset by its name."""


def preset(name: str) -> AcceleratorConfig:
    """The preset called ``name``.

    Raises
    ------
    ValueError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"Preset must be one of {', '.join(PRESETS)}, not {name!r}")
    return PRESETS[name]
