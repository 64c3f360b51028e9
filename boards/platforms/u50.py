# SPDX-License-Identifier: Apache-2.0
"""The U50: a half-height card with one QSFP cage."""

from amaranth_boards.resources import LEDResources

from ..u50 import CARD
from .alveo import AlveoPlatform
from .resources import cattrip, lvds_clock, output, perst, refclk, satellite

__all__ = ["U50Platform"]


class U50Platform(AlveoPlatform):
    """Clocks, LEDs, the PCIe and QSFP reference clocks.

    The PCIe lanes are left out: they were found in one source only.
    """

    card = CARD
    default_clk = "clk100"

    resources = (
        lvds_clock("clk100", 0, "G17", "G16", 100),
        lvds_clock("clk100", 1, "BB18", "BC18", 100),   # HBM
        cattrip("J18"),

        # The QSFP cage's: activity, status in green, status in yellow.
        *LEDResources(pins="E18 E16 F17", attrs=output("LVCMOS18")),
        *satellite(tx="BB25", rx="BB26", gpio="C16 C17"),

        refclk("pcie_refclk", 0, "AF9", "AF8", 100),    # x16
        refclk("pcie_refclk", 1, "AB9", "AB8", 100),    # lanes 0 to 7, where these are a port
        perst("AW27"),
        refclk("qsfp_refclk", 0, "N36", "N37", 161.1328125),
    )
