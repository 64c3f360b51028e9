# SPDX-License-Identifier: Apache-2.0
"""The self-test on a card's pins: a meter for each clock, the beacon, LEDs and UART.

::

    pins ──► ClockInput ──► Meter, in that clock's domain ──► FFSynchronizer ─┐
                              ▲                                               ▼
                              └───────────────── gate ───────────────────── Beacon ──► LEDs, UART
"""


from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Elaboratable, Module
from amaranth.lib import io
from amaranth.lib.cdc import FFSynchronizer

from ..platforms.alveo import AlveoPlatform
from .beacon import Beacon, BeaconConfig
from .decimal import Meter

__all__ = ["SelfTest"]


class SelfTest(Elaboratable):
    """Blinks, and tells which of a card's clocks run: in Hz where there is a UART.

    Clocks of the PCIe slot run in a server that gives them, and those of transceivers once their
    oscillators are enabled. A clock that does not run counts 0, or what it counted last.

    Parameters
    ----------
    platform : AlveoPlatform
        What it is for.
    baud : int
        Bits a second of the UART.

    Attributes
    ----------
    config : BeaconConfig
        What is shown.
    leds : tuple of str
        What each LED of the card tells.
    uart : bool
        Whether there is a line to say it on.
    """

    def __init__(self, platform: AlveoPlatform, baud: int = 115_200) -> None:
        self._clocks = [key for key, resource in platform.resources.items()
                        if resource.clock is not None and key != (platform.default_clk, 0)]
        self._leds = [number for name, number in platform.resources if name == "led"]
        self.uart = ("uart", 0) in platform.resources
        self.config = BeaconConfig(
            frequency=round(platform.default_clk_frequency), baud=baud,
            title=f"flightllm_hw {platform.card.name}, {platform.default_clk}_0",
            clocks=tuple(f"{name}_{number}" for name, number in self._clocks))
        shown = (f"blinks with {platform.default_clk}_0",
                 *(f"{name} runs" for name in self.config.clocks))
        self.leds = tuple(shown[:len(self._leds)])

    def elaborate(self, platform: AlveoPlatform) -> Module:
        """Tie the beacon to the card."""
        m = Module()
        m.submodules.beacon = beacon = Beacon(self.config)

        for n, (key, name) in enumerate(zip(self._clocks, self.config.clocks, strict=True)):
            m.domains += ClockDomain(name, reset_less=True)
            m.submodules[f"{name}_input"] = source = platform.clock_input(*key)
            m.d.comb += ClockSignal(name).eq(source.clk)
            meter = Meter(self.config.decimal)
            m.submodules[f"{name}_meter"] = DomainRenamer(name)(meter)
            m.d.comb += meter.gate.eq(beacon.gate)
            m.submodules[f"{name}_count"] = FFSynchronizer(meter.value, beacon.counts[n])

        for n, number in enumerate(self._leds):
            m.submodules[f"led_{number}"] = led = io.Buffer(
                "o", platform.request("led", number, dir="-"))
            if n < len(beacon.leds):
                m.d.comb += led.o.eq(beacon.leds[n])
        if self.uart:
            m.submodules.uart = uart = io.Buffer("o", platform.request("uart", 0, dir="-").tx)
            m.d.comb += uart.o.eq(beacon.tx)
        return m
