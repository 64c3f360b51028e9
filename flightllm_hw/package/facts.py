# SPDX-License-Identifier: Apache-2.0
"""``facts.tcl``: all that the package's Tcl does not know by itself, as Tcl's variables.

The scripts are the same in every package. What differs is here, made from the tables of the
registers, the cards and the memory map.
"""

from flightllm_hw import __version__
from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import Vivado
from flightllm_hw.boards.platforms import platform
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.registers import ADDRESS_BITS, Kind, RegisterMap

from .memory import DMA, Window, ports, windows
from .tcl import Value, assignments

__all__ = ["SYSTEM", "VENDOR", "design_facts", "kernel_facts", "kernel_name"]

VENDOR, LIBRARY, VERSION = "flightllm", "kernel", "1.0"
"""Of the kernel as IP-XACT."""

SYSTEM = "system"
"""The block design's name."""

HBM_CLOCK_MHZ = 450
"""What the HBM's ports run at: 32 bytes a cycle are a channel's peak."""

_KNOWN = {"GIE": "GIER", "IER": "IP_IER", "ISR": "IP_ISR"}
"""Registers by which the vendor's tools know what is no argument, in their words."""

_HEAD = "# SPDX-License-Identifier: Apache-2.0\n# {}\n\n"


def kernel_name(config: AcceleratorConfig) -> str:
    """The kernel's name, which is its top module's."""
    return f"flightllm_{config.name}"


def kernel_facts(config: AcceleratorConfig, card: Card) -> str:
    """What packaging the kernel as IP-XACT takes."""
    registers = RegisterMap(config)
    # Status and counters are left out: linkers take every register but the first four for an
    # argument.
    rows = [(_KNOWN.get(r.name, r.name), f"0x{r.offset:03X}", r.bits, r.port or "none",
             r.text.replace("`", "")) for r in registers
            if r.kind in (Kind.CONTROL, Kind.POINTER, Kind.SCALAR)]
    text = _HEAD.format(f"The kernel {kernel_name(config)} ({config.digest():08x}) on the"
                        f" {card.name}; made by flightllm-hw {__version__}.")
    return text + assignments({
        "kernel": kernel_name(config),
        "vendor": VENDOR, "library": LIBRARY, "version": VERSION,
        "part": card.part,
        "clock_hz": config.clock_mhz * 1_000_000,
        "control_bytes": 1 << ADDRESS_BITS,
        "masters": [str(r.port) for r in registers.pointers],
    }) + "\n# Name, offset, bits, the port that it is a pointer of, meaning.\n" + assignments(
        {"registers": rows})


def design_facts(config: AcceleratorConfig, card: Card, vivado: Vivado) -> str:
    """What a block design around the kernel takes beside that."""
    hbm, ddr = ports(config, card)
    suffix = "_8HI" if card.hbm_gb > 8 else ""
    dimms: list[Value] = []
    for port in ddr:
        dimm = vivado.dimms[port.number]
        dimms.append((port.number, dimm.interface, dimm.clock, dimm.mhz * 1_000_000,
                      _sources(port.sources)))
    values: dict[str, Value] = {
        "system": SYSTEM,
        # Where no interface of the board is used, its files need not be installed.
        "board_part": card.board_part if vivado.by_board else "",
        "clock_mhz": f"{config.clock_mhz}.000",
        "reference_mhz": _reference_mhz(card, vivado),
        "pcie_settings": [word for name, value in vivado.pcie
                          for word in (f"CONFIG.{name}", value)],
    }
    if hbm:
        values |= {"hbm_gb": card.hbm_gb, "hbm_clock_mhz": f"{HBM_CLOCK_MHZ}.000",
                   "hbm_suffix": suffix}
    seen = [(_space(w), f"0x{w.base:X}", f"0x{w.size:X}", _segment(w, suffix))
            for w in windows(config, card)]
    return ("\n# The card, and the design around the kernel.\n" + assignments(values)
            + "\n# The HBM's ports: number, who is tied to it.\n"
            + assignments({"hbm_ports": [(f"{p.number:02}", _sources(p.sources)) for p in hbm]})
            + "\n# The DIMMs: number, the board's names of it and of its clock, Hz, who is tied to"
            " it.\n" + assignments({"dimms": dimms})
            + "\n# The address map: master, base, bytes, memory.\n"
            + assignments({"address_map": seen}))


def _reference_mhz(card: Card, vivado: Vivado) -> int:
    if vivado.reference is None:
        return 0
    hertz: float = platform(card.name).lookup(*vivado.reference).clock.frequency
    return round(hertz / 1e6)


def _sources(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Interface pins of the block design; the DMA's are counted there."""
    return tuple(source if source == DMA else f"kernel/{source}" for source in sources)


def _space(window: Window) -> str:
    return "xdma/M_AXI" if window.source == DMA else f"kernel/{window.source}"


def _segment(window: Window, suffix: str) -> str:
    if window.kind == "DDR":
        return f"ddr4_{window.port}/C0_DDR4_MEMORY_MAP/C0_DDR4_ADDRESS_BLOCK"
    return f"hbm/SAXI_{window.port:02}{suffix}/HBM_MEM{window.channel:02}"
