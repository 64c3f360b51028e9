# SPDX-License-Identifier: Apache-2.0
"""Alveo U50: VU35P, 8 GB of HBM2 in 32 pseudo-channels."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="u50",
    part="xcu50-fsvh2104-2-e",
    lut=871_680, ff=1_743_360, bram=1344, uram=640, dsp=5952, slr=2,
    memory=MemoryChannels(kind="HBM", count=32, bytes_each=256 << 20, peak_gb_s=14.4),
    board_part="xilinx.com:au50:part0:1.0", power_budget_w=63,
)

if __name__ == "__main__":
    from .build import run

    run("u50")
