# SPDX-License-Identifier: Apache-2.0
"""A reference clock from its pins to a clock network.

::

    LVDS             p, n ──► IBUFDS ──────────────► BUFG ────► clk
    of transceivers  p, n ──► IBUFDS_GTE4 ──ODIV2──► BUFG_GT ─► clk
                                    └───────O──────────────────► transceiver
"""

from typing import Any

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import Out

__all__ = ["ClockInput"]


class ClockInput(wiring.Component):
    """The buffers between a differential pair and the logic that it clocks.

    Parameters
    ----------
    port : DifferentialPort
        What ``request(.., dir="-")`` gave.
    transceiver : bool
        Whether the pair is one of a transceiver quad.

    Members
    -------
    clk : Out
        For a clock domain, at the pair's frequency.
    reference : Out
        For transceivers and PCIe blocks of the quad; 0 for other pairs.

    Platform overrides: there is nothing but AMD's cells, so it cannot be simulated.
    """

    def __init__(self, port: io.DifferentialPort, *, transceiver: bool) -> None:
        self.port, self.transceiver = port, transceiver
        super().__init__({"clk": Out(1), "reference": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        """Place the two buffers."""
        m = Module()
        if not self.transceiver:
            m.submodules.pair = pair = io.Buffer("i", self.port)
            m.submodules.network = Instance("BUFG", i_I=pair.i, o_O=self.clk)
            return m
        divided = Signal()
        m.submodules.pair = Instance(
            "IBUFDS_GTE4",
            p_REFCLK_HROW_CK_SEL=Const(0b00, 2),  # ODIV2 is not divided.
            i_I=self.port.p, i_IB=self.port.n, i_CEB=Const(0),
            o_O=self.reference, o_ODIV2=divided)
        m.submodules.network = Instance(
            "BUFG_GT",
            i_I=divided, i_DIV=Const(0, 3), i_CE=Const(1), i_CLR=Const(0),
            # Enable and clear change with the clock: they never change.
            i_CEMASK=Const(0), i_CLRMASK=Const(0),
            o_O=self.clk)
        return m
