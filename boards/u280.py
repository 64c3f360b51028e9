# SPDX-License-Identifier: Apache-2.0
"""Alveo U280: VU37P, 8 GB of HBM2 in 32 pseudo-channels, two DDR4 DIMMs."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="u280",
    part="xcu280-fsvh2892-2L-e",
    lut=1_303_680, ff=2_607_360, bram=2016, uram=960, dsp=9024, slr=3,
    memory=MemoryChannels(kind="HBM", count=32, bytes_each=256 << 20, peak_gb_s=14.4),
    board_part="xilinx.com:au280:part0:1.1", power_budget_w=160,
)

if __name__ == "__main__":
    from .build import run

    run("u280")
