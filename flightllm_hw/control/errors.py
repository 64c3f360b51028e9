# SPDX-License-Identifier: Apache-2.0
"""Why a program was stopped, and where."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.errors import Detail
from flightllm_hw.isa.errors import Error as Code
from flightllm_hw.memory.faults import Fault

from .layouts import PC_BITS, UNITS

__all__ = ["DETAIL_BITS", "Error", "ErrorLatch", "report"]

DETAIL_BITS = 8
"""Width of the code that a unit gives its own errors."""


class Error(enum.Enum, shape=5):
    """Why a program was stopped: :class:`flightllm_hw.isa.errors.Error`, as a shape."""

    NONE = Code.NONE.value
    KIND = Code.KIND.value
    ZERO = Code.ZERO.value
    TOKENS = Code.TOKENS.value
    VALUE = Code.VALUE.value
    PATCH = Code.PATCH.value
    LOOPS = Code.LOOPS.value
    OVERFLOW = Code.OVERFLOW.value
    WATCHDOG = Code.WATCHDOG.value
    CANCELLED = Code.CANCELLED.value
    MISALIGNED = Code.MISALIGNED.value
    OUTSIDE = Code.OUTSIDE.value
    EXOKAY = Code.EXOKAY.value
    SLVERR = Code.SLVERR.value
    DECERR = Code.DECERR.value
    MEMORY = Code.MEMORY.value
    LANES = Code.LANES.value
    VECTOR = Code.VECTOR.value


assert {e.name: e.value for e in Error} == {e.name: e.value for e in Code}
assert {f.name: f.value for f in Fault} == {d.name: d.value for d in Detail}


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
