# SPDX-License-Identifier: Apache-2.0
"""Why a program was stopped, and where."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.instruction import Reason
from flightllm_hw.isa.table import Unit
from flightllm_hw.memory.faults import Fault

from .layouts import PC_BITS, UNITS

__all__ = ["DETAIL_BITS", "Error", "ErrorLatch", "report"]

DETAIL_BITS = 8
"""Width of the code that a unit gives its own errors."""

_FETCH, _UNIT = 16, 24


class Error(enum.Enum, shape=5):
    """Why a program was stopped.

    ``KIND`` to ``PATCH``: it is no instruction (:class:`~flightllm_hw.isa.instruction.Reason`).
    ``LOOPS``: loops are too deep. ``OVERFLOW``: more than 255 tokens from one unit to another.
    ``WATCHDOG``: nothing has moved for too long. ``CANCELLED``: somebody wished so.
    ``MISALIGNED`` to ``DECERR``: it could not be read (16 +
    :class:`~flightllm_hw.memory.faults.Fault`). ``MEMORY``, ``LANES``, ``VECTOR``: that unit's
    error, which ``detail`` tells (24 + :class:`~flightllm_hw.isa.table.Unit`).
    """

    NONE = 0
    KIND = Reason.KIND.value
    ZERO = Reason.ZERO.value
    TOKENS = Reason.TOKENS.value
    VALUE = Reason.VALUE.value
    PATCH = Reason.PATCH.value
    LOOPS = 8
    OVERFLOW = 9
    WATCHDOG = 10
    CANCELLED = 11
    MISALIGNED = _FETCH + Fault.MISALIGNED.value
    OUTSIDE = _FETCH + Fault.OUTSIDE.value
    EXOKAY = _FETCH + Fault.EXOKAY.value
    SLVERR = _FETCH + Fault.SLVERR.value
    DECERR = _FETCH + Fault.DECERR.value
    MEMORY = _UNIT + Unit.MEMORY.value
    LANES = _UNIT + Unit.LANES.value
    VECTOR = _UNIT + Unit.VECTOR.value


def report() -> data.StructLayout:
    """An error: what, a unit's own ``detail`` of it, the instruction, the memory's address."""
    return data.StructLayout({"error": Error, "detail": DETAIL_BITS, "pc": PC_BITS,
                              "address": ADDRESS_BITS})


class ErrorLatch(wiring.Component):
    """Remembers the first error. Of several in one cycle: a unit's, an overflow, the program's.

    Members
    -------
    units : In
        Each unit's error, its ``detail`` not zero; ``error`` is not looked at.
    overflow, overflow_pc : In
        A token too many, and the instruction that gave it.
    program : In
        An error of what is being fetched, decoded or executed; NONE if there is none.
    clear : In
        Forgets, from the next cycle on.
    o : Out
        The first error; ``error`` is NONE without one, and the rest means nothing.
    stopped : Out
        There is one.

    Latency: one cycle. Reset: forgets.
    """

    units: In(data.ArrayLayout(report(), len(UNITS)))
    overflow: In(1)
    overflow_pc: In(PC_BITS)
    program: In(report())
    clear: In(1)
    o: Out(report())
    stopped: Out(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        first = Signal(report())
        some = Signal()
        m.d.comb += [first.eq(self.program), some.eq(self.program.error != Error.NONE)]
        with m.If(self.overflow):
            m.d.comb += [some.eq(1), first.error.eq(Error.OVERFLOW), first.detail.eq(0),
                         first.pc.eq(self.overflow_pc), first.address.eq(0)]
        for n, unit in reversed([*enumerate(UNITS)]):
            with m.If(self.units[n].detail.any()):
                m.d.comb += [some.eq(1), first.eq(self.units[n]),
                             first.error.eq(Error[unit.name])]
        rest = Signal(report(), reset_less=True)
        error = Signal(Error)
        with m.If(self.clear):
            m.d.sync += [error.eq(Error.NONE), self.stopped.eq(0)]
        with m.Elif(~self.stopped):
            m.d.sync += [rest.eq(first), self.stopped.eq(some)]
            with m.If(some):
                m.d.sync += error.eq(first.error)
        m.d.comb += [self.o.eq(rest), self.o.error.eq(error)]
        return m
