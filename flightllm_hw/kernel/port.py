# SPDX-License-Identifier: Apache-2.0
"""The control port: the registers, whoever reads or writes them."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import Axi4LiteSignature
from flightllm_hw.primitives.ram import Ram, RamConfig

from .handshake import Handshake
from .layouts import KernelConfig, status
from .lite import AT_BITS, LiteSlave
from .readback import Readback
from .registers import ADDRESS_BITS, ARGUMENTS, READBACK, WORD_BITS

__all__ = ["ControlPort"]

_WORD_BYTES = WORD_BITS // 8


class ControlPort(wiring.Component):
    """The registers of :class:`~flightllm_hw.kernel.registers.RegisterMap` behind AXI4-Lite.

    ::

        s_axi_control ─► LiteSlave ─┬─► Handshake ───────────────► start, irq
                             ▲      ├─► arguments: RAM, twice ──┬─► argument
                             │      └─► Readback ◄─ status      │
                             '──────────────┴───────────────────'

    Arguments are kept in a RAM, which answers the host, and in a copy of it for whoever starts a
    program. They can be written at any time; what runs has taken its own copy before. They outlive
    a reset, which leaves all else as at power up.

    Parameters
    ----------
    config : KernelConfig
        The kernel.

    Members
    -------
    s_axi_control : In
        The port.
    irq : Out
        Level.
    start : Out
        A program is to run; until ``done``.
    done : In
        It is over; for a cycle.
    cancel : Out
        It is to be stopped; until ``done``.
    at, argument : In, Out
        The number of an argument's word, and that word two cycles later.
    status : In
        Of the core.

    Time: an answer to a read is offered 6 cycles after its address was taken.
    """

    def __init__(self, config: KernelConfig):
        self.config = config
        super().__init__({
            "s_axi_control": In(Axi4LiteSignature(address_bits=ADDRESS_BITS,
                                                  data_bits=WORD_BITS)),
            "irq": Out(1),
            "start": Out(1),
            "done": In(1),
            "cancel": Out(1),
            "at": In(AT_BITS),
            "argument": Out(WORD_BITS),
            "status": In(status(config)),
        })

    def elaborate(self, platform):
        m = Module()
        slave = place(m, platform, "slave", LiteSlave())
        handshake = place(m, platform, "handshake", Handshake())
        readback = place(m, platform, "readback", Readback(self.config))
        wiring.connect(m, wiring.flipped(self.s_axi_control), slave.bus)

        registers = self.config.map
        pointers, scalars = registers.pointers, registers.scalars
        begin = ARGUMENTS // _WORD_BYTES
        middle = scalars[0].offset // _WORD_BYTES
        end = scalars[-1].offset // _WORD_BYTES + 1
        above = READBACK // _WORD_BYTES
        assert begin % 2 == 0 and pointers[-1].words[-1] // _WORD_BYTES < middle and end <= above

        # CTRL and its like: the words below the arguments.
        at, written = slave.read_at, slave.write_at
        m.d.comb += [
            handshake.write.eq(slave.write & (written < begin) & slave.write_mask[0]),
            handshake.write_at.eq(written),
            handshake.write_data.eq(slave.write_data),
            handshake.read.eq(slave.read & (at < begin)),
            handshake.read_at.eq(at),
            handshake.done.eq(self.done),
            self.start.eq(handshake.start),
            self.irq.eq(handshake.irq),
        ]

        # A scalar has a gap behind it, which stays zero.
        argument = Signal()
        m.d.comb += argument.eq((written >= begin) & (written < end)
                                & ((written < middle) | ~written[0]))
        depth = 1 << (end - 1).bit_length()
        config = RamConfig(width=WORD_BITS, depth=depth, granularity=8)
        kept = place(m, platform, "arguments", Ram(config))
        taken = place(m, platform, "arguments_taken", Ram(config))
        for ram in (kept, taken):
            m.d.comb += [
                ram.write_en.eq(slave.write_mask & (slave.write & argument).replicate(_WORD_BYTES)),
                ram.write_addr.eq(written),
                ram.write_data.eq(slave.write_data),
            ]
        m.d.comb += [
            kept.read_en.eq(slave.read),
            kept.read_addr.eq(at),
            taken.read_en.eq(1),
            taken.read_addr.eq(self.at),
            self.argument.eq(taken.read_data),
        ]

        # CANCEL counts for the program that runs.
        cancel = registers.offset("CANCEL") // _WORD_BYTES
        with m.If(self.done):
            m.d.sync += self.cancel.eq(0)
        with m.Elif(slave.write & (written == cancel) & slave.write_mask[0]
                    & slave.write_data[0] & handshake.start):
            m.d.sync += self.cancel.eq(1)

        # All are asked, and the one that is meant gives the answer.
        m.d.comb += [
            readback.at.eq(at),
            readback.en.eq(slave.read),
            readback.busy.eq(handshake.start),
            readback.cancel.eq(self.cancel),
            readback.status.eq(self.status),
        ]
        waited = slave.read
        for n in range(max(readback.latency, kept.latency)):
            step = Signal(name=f"read_{n + 1}")
            m.d.sync += step.eq(waited)
            waited = step
        m.d.comb += slave.read_done.eq(waited)
        with m.If(at >= above):
            m.d.comb += slave.read_data.eq(readback.o)
        with m.Elif(at < begin):
            m.d.comb += slave.read_data.eq(handshake.word)
        with m.Elif(at < depth):
            m.d.comb += slave.read_data.eq(kept.read_data)
        return m
