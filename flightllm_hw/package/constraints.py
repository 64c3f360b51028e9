# SPDX-License-Identifier: Apache-2.0
"""``card.xdc``: the pins of the block design's own ports, and how the device is configured.

Pins and settings are those of the card's platform (``boards/platforms``). What a board interface
brings its pins for, DDR4 and on some cards PCIe, is not here. PCIe's lanes follow from the place of
its block.
"""

from typing import Any

from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import Vivado
from flightllm_hw.boards.platforms import platform
from flightllm_hw.boards.platforms.alveo import CATTRIP

__all__ = ["constraints"]


def constraints(card: Card, vivado: Vivado) -> str:
    """The file."""
    pins = platform(card.name)
    lines = ["# SPDX-License-Identifier: Apache-2.0", f"# The {card.name}, {card.part}.", "",
             "# PCIe: reference and reset.",
             *_clock("pcie_refclk", pins.lookup("pcie_refclk")),
             _pin("pcie_perstn", pins.lookup("pcie_perst")),
             "set_false_path -from [get_ports pcie_perstn]"]
    if vivado.reference is not None:
        lines += ["", "# The reference of the HBM and of the kernel's clock.",
                  *_clock("reference_clk", pins.lookup(*vivado.reference))]
    if card.hbm_gb:
        lines += ["", "# The HBM's alarm. High, it makes the card's controller cut the power: it is"
                      " driven by",
                  "# the HBM's own signal and nothing else, and pulled down until then.",
                  _pin("hbm_cattrip", pins.lookup(CATTRIP))]
    configuration: str = pins.configuration()
    return "\n".join(lines) + "\n\n" + configuration


def _properties(loc: str, resource: Any) -> str:
    given = "".join(f" {name} {value}" for name, value in resource.attrs.items())
    return f"set_property -dict {{PACKAGE_PIN {loc}{given}}}"


def _pin(port: str, resource: Any) -> str:
    loc, = resource.ios[0].names
    return f"{_properties(loc, resource)} [get_ports {port}]"


def _clock(name: str, resource: Any) -> list[str]:
    pair, period = resource.ios[0], 1e9 / resource.clock.frequency
    # Whether a wrapper's ports are vectors of one bit is the tool's to choose.
    lines = [f"{_properties(half.names[0], resource)} [get_ports {{{name}_clk_{way}*}}]"
             for way, half in (("p", pair.p), ("n", pair.n))]
    return [*lines, f"create_clock -name {name} -period {period:.3f} [get_ports {{{name}_clk_p*}}]"]
