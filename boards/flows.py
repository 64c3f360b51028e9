# SPDX-License-Identifier: Apache-2.0
"""What the vendor's tools have to know of each card: platform, pins, IP settings.

Every pin is one that two public sources agree on (the vendor's board files and corundum's
constraints). No vendor tool was run with any of it.
"""

from dataclasses import dataclass

from .card import CARDS

__all__ = ["FLOWS", "Clock", "Dimm", "Flow", "Pin", "Vitis", "Vivado", "flow"]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A pin of the device.

    Parameters
    ----------
    loc : str
        Its name in the package.
    standard : str
        Its I/O standard.
    pull : str
        ``"UP"``, ``"DOWN"`` or nothing.
    """

    loc: str
    standard: str = "LVCMOS18"
    pull: str = ""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """A differential clock of the card.

    Parameters
    ----------
    p, n : str
        Its pins.
    mhz : int
        Its frequency.
    standard : str
        Its I/O standard; a transceiver's reference has none.
    """

    p: str
    n: str
    mhz: int = 100
    standard: str = ""


@dataclass(frozen=True, kw_only=True)
class Dimm:
    """A DDR4 module, whose pins and timing the vendor's board files know.

    Parameters
    ----------
    interface : str
        The board's name for it.
    clock : str
        The board's name for its clock.
    mhz : int
        That clock's frequency.
    gib : int
        Its capacity.
    """

    interface: str
    clock: str
    mhz: int
    gib: int = 16


@dataclass(frozen=True, kw_only=True)
class Vitis:
    """The card as a Vitis platform.

    Parameters
    ----------
    platform : str
        The platform's name.
    tools : str
        The version of Vitis that is meant.
    host : str
        A bank for the host port that is no lane's, such as ``"DDR[0]"``; nothing if the card has
        none.
    """

    platform: str
    tools: str = "2023.1"
    host: str = ""


@dataclass(frozen=True, kw_only=True)
class Vivado:
    """The card without a platform, as a block design with XDMA.

    Parameters
    ----------
    pcie : tuple of (str, str)
        Settings of XDMA that say where in the device it is.
    pcie_clock : Clock
        PCIe's reference.
    pcie_reset : Pin
        PERST, active low.
    clock : Clock or None
        Feeds the clock wizard and the HBM; without it the first DIMM's controller feeds the wizard.
    cattrip : Pin or None
        The HBM's alarm, at which the card's controller cuts the power.
    hbm_gb : int
        Size of the HBM; 0: there is none.
    dimms : tuple of Dimm
        The DDR4 that is used.
    config_rate : str
        Rate of configuration from flash, in MHz.
    power_w : int
        What the design may take.
    tools : str
        The version of Vivado that is meant.
    """

    pcie: tuple[tuple[str, str], ...]
    pcie_clock: Clock
    pcie_reset: Pin
    clock: Clock | None = None
    cattrip: Pin | None = None
    hbm_gb: int = 0
    dimms: tuple[Dimm, ...] = ()
    config_rate: str = "85.0"
    power_w: int
    tools: str = "2023.1"

    @property
    def by_board(self) -> bool:
        """Whether pins are left to the vendor's board files, which then must be installed."""
        return bool(self.dimms) or any("BOARD_INTERFACE" in name for name, _ in self.pcie)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How one gets from Verilog to a bitstream for a card.

    Parameters
    ----------
    board_part : str
        The vendor's name of the board; nothing where it is not needed.
    vitis : Vitis or None
        As a Vitis kernel; None if there is no platform.
    vivado : Vivado or None
        As a design of its own; None: all that is made is an IP-XACT package.
    shells : str
        Whose shells take such a package, in words; for cards without ``vivado``.
    """

    board_part: str = ""
    vitis: Vitis | None = None
    vivado: Vivado | None = None
    shells: str = ""


_QUADS = (("en_gt_selection", "true"), ("select_quad", "GTY_Quad_227"))
"""Lane 0 of the x16 link is in the uppermost of the quads 224 to 227."""

FLOWS = {
    "u50": Flow(
        board_part="xilinx.com:au50:part0:1.0",
        vitis=Vitis(platform="xilinx_u50_gen3x16_xdma_5_202210_1"),
        vivado=Vivado(
            pcie=(("pcie_blk_locn", "PCIE4C_X1Y0"), *_QUADS),
            pcie_clock=Clock(p="AF9", n="AF8"), pcie_reset=Pin(loc="AW27", pull="UP"),
            clock=Clock(p="BB18", n="BC18", standard="LVDS"),
            cattrip=Pin(loc="J18", pull="DOWN"), hbm_gb=8, power_w=63)),
    "u55c": Flow(
        board_part="xilinx.com:au55c:part0:1.0",
        vitis=Vitis(platform="xilinx_u55c_gen3x16_xdma_3_202210_1"),
        vivado=Vivado(
            pcie=(("pcie_blk_locn", "PCIE4C_X1Y1"), *_QUADS),
            pcie_clock=Clock(p="AR15", n="AR14"), pcie_reset=Pin(loc="BF41", pull="UP"),
            clock=Clock(p="BK43", n="BK44", standard="LVDS"),
            cattrip=Pin(loc="BE45", pull="DOWN"), hbm_gb=16, power_w=100)),
    "u250": Flow(
        board_part="xilinx.com:au250:part0:1.3",
        vitis=Vitis(platform="xilinx_u250_gen3x16_xdma_4_1_202210_1"),
        vivado=Vivado(
            # Where the board's x16 link is, the board's files know.
            pcie=(("PCIE_BOARD_INTERFACE", "pci_express_x16"),),
            pcie_clock=Clock(p="AM11", n="AM10"),
            pcie_reset=Pin(loc="BD21", standard="LVCMOS12", pull="UP"),
            dimms=tuple(Dimm(interface=f"ddr4_sdram_c{n}", clock=f"default_300mhz_clk{n}", mhz=300)
                        for n in range(4)),
            config_rate="63.8", power_w=160)),
    "u280": Flow(
        board_part="xilinx.com:au280:part0:1.1",
        vitis=Vitis(platform="xilinx_u280_gen3x16_xdma_1_202211_1", host="DDR[0]"),
        vivado=Vivado(
            pcie=(("pcie_blk_locn", "PCIE4C_X1Y1"), *_QUADS),
            pcie_clock=Clock(p="AR15", n="AR14"), pcie_reset=Pin(loc="BH26", pull="UP"),
            clock=Clock(p="BJ43", n="BJ44", standard="LVDS"),
            cattrip=Pin(loc="D32", pull="DOWN"), hbm_gb=8,
            # The second of two: the HBM has the first one's clock.
            dimms=(Dimm(interface="ddr4_sdram_c1", clock="sysclk1", mhz=100),),
            power_w=160)),
    "v80": Flow(shells="AMD's AVED (github.com/Xilinx/AVED), or SLASH (github.com/Xilinx/SLASH,"
                       " Vivado 2025.1), whose linker takes a component.xml"),
    "vhk158": Flow(shells="a design with CIPS and the NoC that you make, since no shell is known"
                          " that takes kernels"),
}
"""Every card's, by its name."""

assert sorted(FLOWS) == sorted(CARDS)


def flow(name: str) -> Flow:
    """The flow of the card called ``name``."""
    return FLOWS[name]
