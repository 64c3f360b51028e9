# SPDX-License-Identifier: Apache-2.0
"""The U55C: the U280's package and PCIe lanes, pins of its own for the rest."""

from amaranth_boards.resources import LEDResources

from ..u55c import CARD
from .alveo import AlveoPlatform
from .resources import cattrip, lvds_clock, output, pcie_x16, perst, refclk, reset

__all__ = ["U55CPlatform"]


class U55CPlatform(AlveoPlatform):
    """Clocks, LEDs, PCIe and the QSFP cages' clocks."""

    card = CARD
    default_clk = "clk100"

    resources = (
        lvds_clock("clk100", 0, "BK10", "BL10", 100),
        lvds_clock("clk100", 1, "BK43", "BK44", 100),   # HBM
        lvds_clock("clk100", 2, "F24", "F23", 100),
        # Taken to be active low, as that of the other cards is; no source says so of this one.
        reset("BG45", "LVCMOS18"),
        cattrip("BE45"),

        # Of each QSFP cage: activity, status in green, status in yellow.
        *LEDResources(pins="BL13 BK11 BJ11 BK14 BK15 BL12", attrs=output("LVCMOS18")),

        refclk("pcie_refclk", 0, "AR15", "AR14", 100),
        perst("BF41"),
        pcie_x16(),
        refclk("qsfp_refclk", 0, "AD42", "AD43", 161.1328125),
        refclk("qsfp_refclk", 1, "AB42", "AB43", 161.1328125),
    )
