# SPDX-License-Identifier: Apache-2.0
"""Alveo U55C: VU37P, 16 GB of HBM2 in 32 pseudo-channels."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="u55c",
    part="xcu55c-fsvh2892-2L-e",
    lut=1_303_680, ff=2_607_360, bram=2016, uram=960, dsp=9024, slr=3,
    memory=MemoryChannels(kind="HBM", count=32, bytes_each=512 << 20, peak_gb_s=14.4),
    board_part="xilinx.com:au55c:part0:1.0", power_budget_w=100,
)

if __name__ == "__main__":
    from .build import run

    run("u55c")
