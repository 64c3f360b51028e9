# SPDX-License-Identifier: Apache-2.0
"""Alveo V80: Versal XCV80, 32 GB of HBM2e; no document was read that states its resources."""

from .card import Card, MemoryChannels

__all__ = ["CARD"]

CARD = Card(
    name="v80",
    part="xcv80-lsva4737-2MHP-e-S",
    lut=0, ff=0, bram=0, uram=0, dsp=0, slr=0,
    memory=MemoryChannels(kind="HBM", count=64, bytes_each=512 << 20, peak_gb_s=12.8),
)
