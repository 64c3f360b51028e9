# SPDX-License-Identifier: Apache-2.0
"""Alveo V80: Versal, 32 GB of HBM; no document was read that states its resources."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="v80",
    part="xcv80-lsva4737-2MHP-e-S",
    lut=0, ff=0, bram=0, uram=0, dsp=0, slr=3,
    # 64 ports of the network on chip, 12.8 GB/s each; designs that were published use half of them.
    memory=MemoryChannels(kind="HBM", count=64, bytes_each=512 << 20, peak_gb_s=12.8),
    board_part="xilinx.com:v80:part0:1.0",
)

if __name__ == "__main__":
    from .build import run

    run("v80")
