# SPDX-License-Identifier: Apache-2.0
"""Notices that nothing moves any more."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WATCHDOG_BITS", "Watchdog"]

WATCHDOG_BITS = 32
"""Width of its limit, in cycles."""


class Watchdog(wiring.Component):
    """Counts cycles without any progress.

    Members
    -------
    on : In
        Counts; off, it is at zero.
    progress : In
        Something has moved: begins anew.
    limit : In
        Cycles; 0: for ever. Held while ``on``.
    expired : Out
        So many have passed; for a cycle, then it begins anew.

    Reset: begins anew.
    """

    on: In(1)
    progress: In(1)
    limit: In(WATCHDOG_BITS)
    expired: Out(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        count = Signal(WATCHDOG_BITS, init=1)
        through = Signal()
        m.d.comb += through.eq((count == self.limit) & (self.limit != 0))
        m.d.sync += [self.expired.eq(through & self.on & ~self.progress), count.eq(count + 1)]
        with m.If(~self.on | self.progress | through):
            m.d.sync += count.eq(1)
        return m
