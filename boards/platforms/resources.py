# SPDX-License-Identifier: Apache-2.0
"""Resources that several cards have, in the way that all of them are named.

The same name is the same thing on every card; ``docs/boards.md`` has the table.
"""

from amaranth.build import Attrs, Clock, DiffPairs, Pins, PinsN, Resource, Subsignal

__all__ = ["cattrip", "lvds_clock", "output", "pcie_x16", "perst", "refclk", "reset", "satellite",
           "uart"]


def output(standard: str, drive: int = 8) -> Attrs:
    """Attributes of a pin that is driven: slowly, nothing here is fast."""
    return Attrs(IOSTANDARD=standard, SLEW="SLOW", DRIVE=str(drive))


def lvds_clock(name: str, number: int, p: str, n: str, mhz: float) -> Resource:
    """A clock for logic."""
    return Resource(name, number, DiffPairs(p, n, dir="i"), Clock(mhz * 1e6),
                    Attrs(IOSTANDARD="LVDS"))


def refclk(name: str, number: int, p: str, n: str, mhz: float) -> Resource:
    """A transceiver quad's reference clock: its pins have no standard."""
    return Resource(name, number, DiffPairs(p, n, dir="i"), Clock(mhz * 1e6))


def reset(pin: str, standard: str) -> Resource:
    """The card's reset, active low. No document says what drives it: not a design's default."""
    return Resource("rst", 0, PinsN(pin, dir="i"), Attrs(IOSTANDARD=standard))


def perst(pin: str, standard: str = "LVCMOS18") -> Resource:
    """The reset of the PCIe slot, active low."""
    return Resource("pcie_perst", 0, PinsN(pin, dir="i"),
                    Attrs(IOSTANDARD=standard, PULLUP="TRUE"))


def cattrip(pin: str) -> Resource:
    """HBM_CATTRIP, which :class:`~.alveo.AlveoPlatform` drives low and gives to nobody."""
    return Resource("hbm_cattrip", 0, Pins(pin, dir="o"),
                    Attrs(IOSTANDARD="LVCMOS18", PULLDOWN="TRUE"))


def uart(name: str, tx: str, rx: str, standard: str, drive: int = 8) -> Resource:
    """A serial line; ``tx`` leaves the FPGA."""
    return Resource(name, 0, Subsignal("tx", Pins(tx, dir="o"), output(standard, drive)),
                    Subsignal("rx", Pins(rx, dir="i"), Attrs(IOSTANDARD=standard)))


def satellite(tx: str, rx: str, gpio: str) -> list[Resource]:
    """The wires to the satellite controller, which watches temperatures and supplies.

    ``tx`` leads to the controller, as published designs have it. Which of the four or two others
    it drives stands nowhere, so they are inputs.
    """
    return [
        uart("satellite_uart", tx, rx, "LVCMOS18", drive=4),
        Resource("satellite_gpio", 0, Pins(gpio, dir="i"), Attrs(IOSTANDARD="LVCMOS18")),
    ]


def pcie_x16() -> Resource:
    """The sixteen lanes of U280 and U55C, whose packages are the same; lane 0 first."""
    return Resource(
        "pcie_x16", 0,
        Subsignal("rx", DiffPairs(
            "AL2 AM4 AN6 AN2 AP4 AR2 AT4 AU2 AV4 AW6 AW2 AY4 BA6 BA2 BB4 BC2",
            "AL1 AM3 AN5 AN1 AP3 AR1 AT3 AU1 AV3 AW5 AW1 AY3 BA5 BA1 BB3 BC1", dir="i")),
        Subsignal("tx", DiffPairs(
            "AL11 AM9 AN11 AP9 AR11 AR7 AT9 AU11 AU7 AV9 AW11 AY9 BA11 BB9 BC11 BC7",
            "AL10 AM8 AN10 AP8 AR10 AR6 AT8 AU10 AU6 AV8 AW10 AY8 BA10 BB8 BC10 BC6", dir="o")))
