# SPDX-License-Identifier: Apache-2.0
"""VHK158: Versal VH1582, 32 GB of HBM2e; no document was read that states its resources."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="vhk158",
    part="xcvh1582-vsva3697-2MP-e-S",
    lut=0, ff=0, bram=0, uram=0, dsp=0, slr=0,
    memory=MemoryChannels(kind="HBM", count=64, bytes_each=512 << 20, peak_gb_s=12.8),
)

if __name__ == "__main__":
    from .build import run

    run("vhk158")
