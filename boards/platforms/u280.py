# SPDX-License-Identifier: Apache-2.0
"""The production U280. On cards of the first silicon (ES1) some pins are others.

There D32 is an LED, which a blinking design for such a card drives high: it must never get into a
production card, where D32 is HBM_CATTRIP.
"""

from amaranth.build import Pins, PinsN, Resource, Subsignal
from amaranth_boards.resources import I2CResource

from ..u280 import CARD
from .alveo import AlveoPlatform
from .resources import (
    cattrip,
    lvds_clock,
    output,
    pcie_x16,
    perst,
    refclk,
    reset,
    satellite,
    uart,
)

__all__ = ["U280Platform"]


class U280Platform(AlveoPlatform):
    """Clocks, UART, I2C, PCIe and the QSFP cages' clocks; the card has no LED for designs.

    The default clock is the one that neither HBM nor DDR4 needs.
    """

    card = CARD
    default_clk = "clk100"

    resources = (
        lvds_clock("clk100", 0, "G31", "F31", 100),     # sysclk3
        lvds_clock("clk100", 1, "BJ43", "BJ44", 100),   # sysclk0: HBM, and the first DDR4 DIMM
        lvds_clock("clk100", 2, "BH6", "BJ6", 100),     # sysclk1: the second DDR4 DIMM
        lvds_clock("clk156", 0, "G30", "F30", 156.25),  # SI570: another frequency if programmed
        reset("L30", "LVCMOS18"),
        cattrip("D32"),

        # Sources differ on which is which. So they are in the vendor's board file and in designs
        # that use the UART; Corundum, which does not, has them the other way round.
        uart("uart", tx="B33", rx="A28", standard="LVCMOS18"),
        I2CResource(0, scl="C30", sda="C33", attrs=output("LVCMOS18")),
        Resource("i2c_mux_reset", 0, PinsN("B31", dir="o"), output("LVCMOS18")),
        *satellite(tx="D29", rx="E28", gpio="K28 J29 K29 J31"),

        refclk("pcie_refclk", 0, "AR15", "AR14", 100),  # x16
        refclk("pcie_refclk", 1, "AL15", "AL14", 100),  # lanes 0 to 7, where these are a port
        perst("BH26"),
        pcie_x16(),

        # SI546: 161.1328125 MHz with fs high, 156.25 MHz with fs low. Constrained as the faster.
        refclk("qsfp_refclk", 0, "R40", "R41", 161.1328125),
        refclk("qsfp_refclk", 1, "M42", "M43", 161.1328125),
        refclk("qsfp_si570", 0, "T42", "T43", 156.25),
        refclk("qsfp_si570", 1, "P42", "P43", 156.25),
        Resource("qsfp_refclk_control", 0, Subsignal("oe", PinsN("H32", dir="o")),
                 Subsignal("fs", Pins("G32", dir="o")), output("LVCMOS18")),
        Resource("qsfp_refclk_control", 1, Subsignal("oe", PinsN("H30", dir="o")),
                 Subsignal("fs", Pins("G33", dir="o")), output("LVCMOS18")),
    )
