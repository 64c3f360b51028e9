# SPDX-License-Identifier: Apache-2.0
"""A kernel under the names that Vitis wants: ``ap_clk``, ``ap_rst_n``, ``interrupt``."""

from typing import Any

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.kernel.kernel import Kernel

__all__ = ["VitisKernel"]


class VitisKernel(wiring.Component):  # type: ignore[misc]
    """The clock, the reset and the interrupt of a kernel as Vitis names them, all else as it is.

    The reset is synchronous and active low; it is in force three cycles late, and from power up
    until it has been off for as long. Meanwhile nothing is ready.

    Parameters
    ----------
    kernel : Kernel
        The kernel.

    Members
    -------
    ap_clk, ap_rst_n : In
        Clock and reset.
    interrupt : Out
        Level, high.
    s_axi_control, m_axi_host, m_axi_0, m_axi_1, ... : In, Out
        The kernel's.

    Raises
    ------
    ValueError
        If the kernel is one with a trace: pins that belong to no bus cannot be packaged.
    """

    stages = 3

    def __init__(self, kernel: Kernel) -> None:
        if kernel.config.trace:
            raise ValueError("A Vitis kernel must be without trace")
        self.kernel = kernel
        self._buses = {name: member for name, member in kernel.signature.members.items()
                       if name != "irq"}
        super().__init__({"ap_clk": In(1), "ap_rst_n": In(1), "interrupt": Out(1), **self._buses})

    def elaborate(self, platform: Any) -> Module:
        """Make the clock domain, and in it the kernel."""
        m = Module()
        m.domains.sync = sync = ClockDomain()
        m.domains.start = start = ClockDomain(reset_less=True, local=True)
        m.d.comb += [sync.clk.eq(self.ap_clk), start.clk.eq(self.ap_clk)]
        # Each stage is free to be placed on the way.
        reset = ~self.ap_rst_n
        for n in range(self.stages):
            stage = Signal(name=f"reset_{n + 1}", init=1)
            m.d.start += stage.eq(reset)
            reset = stage
        m.d.comb += sync.rst.eq(reset)

        kernel = place(m, platform, "kernel", self.kernel)
        m.d.comb += self.interrupt.eq(kernel.irq)
        for name in self._buses:
            inner, outer = getattr(kernel, name), wiring.flipped(getattr(self, name))
            wiring.connect(m, inner, outer)
        return m
