# SPDX-License-Identifier: Apache-2.0
"""The four registers of Vitis' ``ap_ctrl_hs``: start, done, interrupts."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .registers import WORD_BITS

__all__ = ["Handshake"]


class Handshake(wiring.Component):
    """CTRL, GIE, IER and ISR.

    ap_start is on from its writing until ``done``; being written meanwhile, it has no effect. With
    ``done``, ap_done and ap_ready come on and stay until CTRL is read; what comes in the cycle of
    the reading stays. An event sets its bit of ISR if its bit of IER is on, whatever is written to
    ISR just then; writing 1 to a bit of ISR turns it over.

    Members
    -------
    write, write_at, write_data : In
        Writes the low byte of word 0 .. 3.
    read, read_at : In
        Reads word 0 .. 3.
    word : Out
        What it held then; a cycle later, until the next is read.
    start : Out
        ap_start.
    done : In
        What was started is over; for a cycle.
    irq : Out
        GIE is on, and a bit of ISR with its bit of IER; a cycle later.

    Reset: nothing is started, done or enabled.
    """

    write: In(1)
    write_at: In(2)
    write_data: In(8)
    read: In(1)
    read_at: In(2)
    word: Out(WORD_BITS)
    start: Out(1)
    done: In(1)
    irq: Out(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        done = Signal()
        ready = Signal()
        enable = Signal()
        enabled = Signal(2)
        happened = Signal(2)
        word = Signal(WORD_BITS, reset_less=True)
        m.d.comb += self.word.eq(word)
        with m.If(self.read):
            with m.Switch(self.read_at):
                # The bits of each as RegisterMap has them.
                with m.Case(0):
                    m.d.sync += [word.eq(Cat(self.start, done, ~self.start, ready)),
                                 done.eq(0), ready.eq(0)]
                with m.Case(1):
                    m.d.sync += word.eq(enable)
                with m.Case(2):
                    m.d.sync += word.eq(enabled)
                with m.Case(3):
                    m.d.sync += word.eq(happened)
        with m.If(self.done):
            m.d.sync += [done.eq(1), ready.eq(1), self.start.eq(0)]

        turned = Signal(2)
        with m.If(self.write):
            with m.Switch(self.write_at):
                with m.Case(0):
                    with m.If(self.write_data[0]):
                        m.d.sync += self.start.eq(1)
                with m.Case(1):
                    m.d.sync += enable.eq(self.write_data[0])
                with m.Case(2):
                    m.d.sync += enabled.eq(self.write_data[:2])
                with m.Case(3):
                    m.d.comb += turned.eq(self.write_data[:2])
        events = enabled & self.done.replicate(2)
        m.d.sync += [
            happened.eq((happened ^ turned) | events),
            self.irq.eq(enable & (happened & enabled).any()),
        ]
        return m
