# SPDX-License-Identifier: Apache-2.0
"""What the vendor's tools have to know of each card beside its facts and its pins.

No vendor tool was run with any of it.
"""

from dataclasses import dataclass

from .card import CARDS

__all__ = ["FLOWS", "Dimm", "Flow", "Vitis", "Vivado", "flow"]


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
    reference : (str, int) or None
        The clock, a resource of the card's platform, that feeds the clock wizard and the HBM;
        without it the first DIMM's controller feeds the wizard.
    dimms : tuple of Dimm
        The DDR4 that is used.
    tools : str
        The version of Vivado that is meant.
    """

    pcie: tuple[tuple[str, str], ...]
    reference: tuple[str, int] | None = None
    dimms: tuple[Dimm, ...] = ()
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
    vitis : Vitis or None
        As a Vitis kernel; None if there is no platform.
    vivado : Vivado or None
        As a design of its own; None: all that is made is an IP-XACT package.
    shells : str
        Whose shells take such a package, in words; for cards without ``vivado``.
    """

    vitis: Vitis | None = None
    vivado: Vivado | None = None
    shells: str = ""


_QUADS = (("en_gt_selection", "true"), ("select_quad", "GTY_Quad_227"))
"""Lane 0 of the x16 link is in the uppermost of the quads 224 to 227."""

_HBM = ("clk100", 1)

FLOWS = {
    "u50": Flow(
        vitis=Vitis(platform="xilinx_u50_gen3x16_xdma_5_202210_1"),
        vivado=Vivado(pcie=(("pcie_blk_locn", "PCIE4C_X1Y0"), *_QUADS), reference=_HBM)),
    "u55c": Flow(
        vitis=Vitis(platform="xilinx_u55c_gen3x16_xdma_3_202210_1"),
        vivado=Vivado(pcie=(("pcie_blk_locn", "PCIE4C_X1Y1"), *_QUADS), reference=_HBM)),
    "u250": Flow(
        vitis=Vitis(platform="xilinx_u250_gen3x16_xdma_4_1_202210_1"),
        vivado=Vivado(
            # Where the board's x16 link is, the board's files know.
            pcie=(("PCIE_BOARD_INTERFACE", "pci_express_x16"),),
            dimms=tuple(Dimm(interface=f"ddr4_sdram_c{n}", clock=f"default_300mhz_clk{n}", mhz=300)
                        for n in range(4)))),
    "u280": Flow(
        vitis=Vitis(platform="xilinx_u280_gen3x16_xdma_1_202211_1", host="DDR[0]"),
        vivado=Vivado(
            pcie=(("pcie_blk_locn", "PCIE4C_X1Y1"), *_QUADS), reference=_HBM,
            # The second of two: the HBM has the first one's clock.
            dimms=(Dimm(interface="ddr4_sdram_c1", clock="sysclk1", mhz=100),))),
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
