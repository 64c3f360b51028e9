# SPDX-License-Identifier: Apache-2.0
"""Alveo U250: VU13P, four DDR4 DIMMs, no HBM."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="u250",
    part="xcu250-figd2104-2L-e",
    lut=1_728_000, ff=3_456_000, bram=2688, uram=1280, dsp=12288, slr=4,
    memory=MemoryChannels(kind="DDR", count=4, bytes_each=16 << 30, peak_gb_s=19.2),
    board_part="xilinx.com:au250:part0:1.3", power_budget_w=160,
)

if __name__ == "__main__":
    from .build import run

    run("u250")
