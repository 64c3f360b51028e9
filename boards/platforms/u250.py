# SPDX-License-Identifier: Apache-2.0
"""The U250: four DDR4 DIMMs and no HBM, so no HBM_CATTRIP either."""

from amaranth.build import Pins, Resource
from amaranth_boards.resources import I2CResource, LEDResources

from ..u250 import CARD
from .alveo import AlveoPlatform
from .resources import lvds_clock, output, perst, refclk, reset, uart

__all__ = ["U250Platform"]


class U250Platform(AlveoPlatform):
    """Clocks, LEDs, UART, I2C, the PCIe and QSFP reference clocks.

    The PCIe lanes are left out: they were found in one source only. The default clock is the one
    that no DIMM needs.
    """

    card = CARD
    default_clk = "clk156"
    config_rate = 63.8

    resources = (
        lvds_clock("clk156", 0, "AU19", "AV19", 156.25),  # SI570: another frequency if programmed
        lvds_clock("clk300", 0, "AY37", "AY38", 300),     # the DIMMs', in their order
        lvds_clock("clk300", 1, "AW20", "AW19", 300),
        lvds_clock("clk300", 2, "F32", "E32", 300),
        lvds_clock("clk300", 3, "J16", "H16", 300),
        reset("AL20", "LVCMOS12"),

        *LEDResources(pins="BC21 BB21 BA20", attrs=output("LVCMOS12")),
        # Sources differ on which is which. So they are in the vendor's board file and in designs
        # that use the UART; Corundum, which does not, has had them both ways.
        uart("uart", tx="BB20", rx="BF18", standard="LVCMOS12"),
        I2CResource(0, scl="BF20", sda="BF17", attrs=output("LVCMOS12")),
        # Separates the DIMMs from the FPGA's reset; no source read says at which level.
        Resource("ddr_reset_gate", 0, Pins("AU21", dir="o"), output("LVCMOS12")),

        refclk("pcie_refclk", 0, "AM11", "AM10", 100),
        perst("BD21", "LVCMOS12"),
        # SI5335: 161.1328125 or 156.25 MHz, as pins that are not here say. Constrained as the
        # faster.
        refclk("qsfp_refclk", 0, "K11", "K10", 161.1328125),
        refclk("qsfp_refclk", 1, "P11", "P10", 161.1328125),
        refclk("qsfp_si570", 0, "M11", "M10", 156.25),
        refclk("qsfp_si570", 1, "T11", "T10", 156.25),
    )
