# SPDX-License-Identifier: Apache-2.0
"""``card.xdc``: the pins of the block design's own ports, and how the device is configured.

What a board interface brings its pins for, DDR4 and on some cards PCIe, is not here. PCIe's lanes
follow from the place of its block.
"""

from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import Clock, Pin, Vivado

__all__ = ["constraints"]


def constraints(card: Card, vivado: Vivado) -> str:
    """The file."""
    lines = ["# SPDX-License-Identifier: Apache-2.0", f"# The {card.name}, {card.part}.", "",
             "# PCIe: reference and reset.",
             *_clock("pcie_refclk", vivado.pcie_clock),
             _pin("pcie_perstn", vivado.pcie_reset),
             "set_false_path -from [get_ports pcie_perstn]"]
    if vivado.clock is not None:
        lines += ["", "# The reference of the HBM and of the kernel's clock.",
                  *_clock("reference_clk", vivado.clock)]
    if vivado.cattrip is not None:
        lines += ["", "# The HBM's alarm. High, it makes the card's controller cut the power: it is"
                      " driven by",
                  "# the HBM's own signal and nothing else, and pulled down until then.",
                  _pin("hbm_cattrip", vivado.cattrip)]
    lines += ["", "# Configuration, and what the design may take.",
              "set_property CFGBVS GND [current_design]",
              "set_property CONFIG_VOLTAGE 1.8 [current_design]",
              "set_property CONFIG_MODE SPIx4 [current_design]",
              "set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]"]
    lines += [f"set_property BITSTREAM.CONFIG.{name} {value} [current_design]" for name, value in (
        ("CONFIGFALLBACK", "ENABLE"), ("EXTMASTERCCLK_EN", "DISABLE"),
        ("CONFIGRATE", vivado.config_rate), ("SPI_BUSWIDTH", "4"), ("SPI_32BIT_ADDR", "YES"),
        ("SPI_FALL_EDGE", "YES"), ("OVERTEMPSHUTDOWN", "ENABLE"))]
    # UNUSEDPIN stays as it is, pulled down: up, it would raise an alarm that nothing drives.
    lines.append(f"set_operating_conditions -design_power_budget {vivado.power_w}")
    return "\n".join(lines) + "\n"


def _pin(port: str, pin: Pin) -> str:
    pull = f" PULL{pin.pull} TRUE" if pin.pull else ""
    return (f"set_property -dict {{PACKAGE_PIN {pin.loc} IOSTANDARD {pin.standard}{pull}}}"
            f" [get_ports {port}]")


def _clock(name: str, clock: Clock) -> list[str]:
    # Whether a wrapper's ports are vectors of one bit is the tool's to choose.
    standard = f" IOSTANDARD {clock.standard}" if clock.standard else ""
    lines = [f"set_property -dict {{PACKAGE_PIN {loc}{standard}}} [get_ports {{{name}_clk_{way}*}}]"
             for way, loc in (("p", clock.p), ("n", clock.n))]
    period = f"{1000 / clock.mhz:.3f}"
    return [*lines, f"create_clock -name {name} -period {period} [get_ports {{{name}_clk_p*}}]"]
