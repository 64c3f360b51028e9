# SPDX-License-Identifier: Apache-2.0
"""The core behind a control port: a Vitis kernel, but for the names of clock and reset."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.core.core import Core, CoreConfig, trace_event
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import Axi4LiteSignature, Axi4Signature

from .launcher import Launcher
from .layouts import KernelConfig
from .port import ControlPort
from .registers import ADDRESS_BITS, WORD_BITS

__all__ = ["Kernel"]


class Kernel(wiring.Component):
    """Runs a program in memory when the host says so.

    ::

        s_axi_control ◄─► ControlPort ─ start, arguments ─► Launcher ─ windows ─► Core ◄─► m_axi_*
        irq ◄─────────────────┘ ▲                                                  │
                                └────────────── status, counters ──────────────────┘

    Parameters
    ----------
    config : KernelConfig
        The accelerator, and whether its core can be watched.

    Members
    -------
    s_axi_control : In
        The registers, :class:`~flightllm_hw.kernel.registers.RegisterMap`.
    irq : Out
        Level, high.
    m_axi_host : Out
        The host memory's port.
    m_axi_0, m_axi_1, ... : Out
        The lanes' ports.
    events_valid, events : Out
        What the core's units do, :func:`~flightllm_hw.core.core.trace_event`; with ``trace`` only.

    The control port answers from the second cycle after reset on, whatever the core does. Reset:
    everything but the arguments; only with the memory ports, or while nothing is under way.
    """

    def __init__(self, config: KernelConfig):
        self.config = config
        axi = Out(Axi4Signature(data_bits=config.accelerator.lane.beat_bits, id_bits=1))
        super().__init__({
            "s_axi_control": In(Axi4LiteSignature(address_bits=ADDRESS_BITS,
                                                  data_bits=WORD_BITS)),
            "irq": Out(1),
            **{register.port: axi for register in config.map.pointers},
            **({"events_valid": Out(1), "events": Out(trace_event())} if config.trace else {}),
        })

    def core(self) -> wiring.Component:
        """What runs the programs."""
        return Core(CoreConfig(accelerator=self.config.accelerator))

    def elaborate(self, platform):
        m = Module()
        port = place(m, platform, "port", ControlPort(self.config))
        launcher = place(m, platform, "launcher", Launcher(self.config))
        core = place(m, platform, "core", self.core())
        wiring.connect(m, wiring.flipped(self.s_axi_control), port.s_axi_control)
        for register in self.config.map.pointers:
            wiring.connect(m, getattr(core, register.port),
                           wiring.flipped(getattr(self, register.port)))

        m.d.comb += [
            self.irq.eq(port.irq),
            launcher.start.eq(port.start),
            port.done.eq(launcher.done),
            port.at.eq(launcher.at),
            launcher.argument.eq(port.argument),
            core.start.eq(launcher.core_start),
            core.cancel.eq(port.cancel),
            launcher.core_done.eq(core.done),
            launcher.core_stuck.eq(core.stuck),
            *(getattr(core, name).eq(getattr(launcher, name)) for name in (
                "origin", "host_base", "host_limit", "lane_base", "lane_limit", "watchdog",
                "preset_en", "preset_at", "preset_data")),
            *(getattr(port.status, name).eq(getattr(core, name)) for name in (
                "stuck", "error", "pc", "counters", "lane_counters")),
        ]
        if self.config.trace:
            m.d.comb += [self.events_valid.eq(core.events_valid), self.events.eq(core.events)]
        return m
