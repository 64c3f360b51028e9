# SPDX-License-Identifier: Apache-2.0
"""What the platforms of all Alveo cards have in common: configuration, and HBM_CATTRIP held low.

On a card with HBM one pin, HBM_CATTRIP, tells the satellite controller that the memory is too hot.
When it is high, the controller cuts the FPGA's power, and the card can be left unusable (AMD answer
record 72926). So the pin belongs to the platform::

    design ──► request("hbm_cattrip") ──► a sentence
                                                     ┌─────────┐
    AlveoPlatform ─── requested by __init__, 0 ─────►│ OBUFT   ├──► HBM_CATTRIP, pulled down
                                                     └─────────┘

It is requested before any design can ask for it, by name or as a pin of another resource; its
buffer is part of every build; and a build in which a pin has two ports is refused.
"""

from collections import Counter
from typing import Any

from amaranth.build import ResourceError
from amaranth.hdl import Module
from amaranth.lib import io
from amaranth.vendor import XilinxPlatform

from ..card import Card
from .clock import ClockInput

__all__ = ["CATTRIP", "AlveoPlatform"]

CATTRIP = "hbm_cattrip"
"""The resource that no design gets."""


class AlveoPlatform(XilinxPlatform):
    """An Alveo card with an UltraScale+ device: a build goes through Vivado's project flow.

    Subclasses say which ``card`` it is, its ``resources``, its ``default_clk`` and, where it is
    another, the ``config_rate``. The default clock's domain has no reset: registers begin as the
    bitstream says. An instance is good for one build, as all of Amaranth's platforms are.

    Beside what Amaranth writes, a build has ``configuration.xdc``. Neither overrides nor
    environment variables reach into it.
    """

    card: Card
    connectors = ()
    config_rate = 85.0
    """The configuration memory's clock, in MHz."""

    def __init__(self) -> None:
        super().__init__(toolchain="Vivado")
        self.add_file("configuration.xdc", self.configuration())
        self._cattrip: Any = None
        if (CATTRIP, 0) in self.resources:
            self._cattrip = super().request(CATTRIP, dir="-")

    @property
    def device(self) -> str:
        """The die, such as ``xcu280``."""
        return self.card.part.split("-")[0]

    @property
    def package(self) -> str:
        """The package, such as ``fsvh2892``."""
        return self.card.part.split("-")[1]

    @property
    def speed(self) -> str:
        """Speed and temperature grade, such as ``2L-e``."""
        return self.card.part.split("-", 2)[2]

    def configuration(self) -> str:
        """XDC of how the device is configured, and of the power that it may draw."""
        properties = {
            "CFGBVS": "GND",
            "CONFIG_VOLTAGE": "1.8",
            "CONFIG_MODE": "SPIx4",
            "BITSTREAM.GENERAL.COMPRESS": "TRUE",
            "BITSTREAM.CONFIG.CONFIGFALLBACK": "ENABLE",
            "BITSTREAM.CONFIG.SPI_BUSWIDTH": "4",
            "BITSTREAM.CONFIG.CONFIGRATE": str(self.config_rate),
            "BITSTREAM.CONFIG.EXTMASTERCCLK_EN": "DISABLE",
            "BITSTREAM.CONFIG.SPI_FALL_EDGE": "YES",
            "BITSTREAM.CONFIG.SPI_32BIT_ADDR": "YES",
            "BITSTREAM.CONFIG.OVERTEMPSHUTDOWN": "ENABLE",
            # Never pulled up: HBM_CATTRIP would be, wherever it is left out.
            "BITSTREAM.CONFIG.UNUSEDPIN": "PULLDOWN",
        }
        return "".join([
            f"# {self.card.name}: configuration and power.\n",
            *(f"set_property {key} {value} [current_design]\n"
              for key, value in properties.items()),
            f"set_operating_conditions -design_power_budget {self.card.power_budget_w}\n"])

    def request(self, name: str, number: int = 0, **options: Any) -> Any:
        """A resource's ports, as in Amaranth.

        Raises
        ------
        ResourceError
            If there is no such resource, if it is taken already, or if it is ``hbm_cattrip``.
        """
        if name == CATTRIP and self._cattrip is not None:
            raise ResourceError(
                "hbm_cattrip belongs to the platform, which drives it low in every build: high"
                " cuts the card's power and can leave it unusable")
        return super().request(name, number, **options)

    def clock_input(self, name: str, number: int = 0) -> ClockInput:
        """The buffers of a reference clock, which is requested; place it as a submodule."""
        # Pins of transceivers have no standard.
        transceiver = "IOSTANDARD" not in self.lookup(name, number).attrs
        return ClockInput(self.request(name, number, dir="-"), transceiver=transceiver)

    def prepare(self, elaboratable: Any, name: str = "top", **options: Any) -> Any:
        """A build of ``elaboratable``, with HBM_CATTRIP's buffer beside it.

        Raises
        ------
        ResourceError
            If two ports are on one pin.
        """
        m = Module()
        m.submodules.design = elaboratable
        if self._cattrip is not None:
            m.submodules.cattrip = cattrip = io.Buffer("o", self._cattrip)
            m.d.comb += cattrip.o.eq(0)
        return super().prepare(m, name, **options)

    def toolchain_prepare(self, fragment: Any, name: str, **options: Any) -> Any:
        """Check the pins, then write what Vivado reads; no paths of the source are in it."""
        uses = Counter(pin for _, pin, _ in self.iter_port_constraints_bits())
        for pin, count in uses.items():
            if count > 1:
                raise ResourceError(f"Pin {pin} of the {self.card.name} has {count} ports")
        return super().toolchain_prepare(fragment, name, **{"emit_src": False, **options})
