# SPDX-License-Identifier: Apache-2.0
"""From the arguments to a running program."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.control.registers import REGISTER_BITS
from flightllm_hw.control.watchdog import WATCHDOG_BITS
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.table import REGISTERS

from .layouts import KernelConfig
from .lite import AT_BITS
from .registers import PAGE_BYTES, PRESETS, PROGRAM_BYTES, WORD_BITS

__all__ = ["Launcher"]

_WORD_BYTES = WORD_BITS // 8
_SETTINGS = ("host_pages", "lane_pages", "program", "watchdog")


def _shift(unit):
    """By how much a count of ``unit`` bytes is shifted to be one of bytes."""
    return unit.bit_length() - 1


class Launcher(wiring.Component):
    """Reads all arguments, makes windows of them, sets the program's registers, runs the core.

    ::

        arguments ─► scalars ──────► settings, presets
                 '─► pointers ─► low, high ─► base ─► + ─► windows: host | lane 0 | lane 1 | ...
                                            pages ────'    all move up by one for each new one

    The windows are a queue of their own length, so that each takes from its neighbour and nothing
    is sent all over the card. The one adder is used twice for every pointer: for the window's
    limit, and for the program's origin, which counts for the host's alone. Sums are modulo 2^64.

    The core's inputs change only while it does not run, whatever is written to the arguments.

    A core that is stuck is not started again: ``done`` comes at once.

    Parameters
    ----------
    config : KernelConfig
        The kernel.

    Members
    -------
    start : In
        Run a program; until ``done``, or a new run begins.
    done : Out
        It is over; for a cycle.
    at, argument : Out, In
        The number of an argument's word, and that word two cycles later.
    origin, host_base, host_limit, lane_base, lane_limit, watchdog, preset_* : Out
        As the core takes them.
    core_start : Out
        Starts the core; for a cycle.
    core_done, core_stuck : In
        It is over; it will not be any more.

    Time: from ``start`` to ``core_start``, 2 * lanes + 28 cycles. Reset: only with the core.
    """

    def __init__(self, config: KernelConfig):
        self.config = config
        windows = data.ArrayLayout(ADDRESS_BITS, config.lanes)
        super().__init__({
            "start": In(1),
            "done": Out(1),
            "at": Out(AT_BITS),
            "argument": In(WORD_BITS),
            "origin": Out(ADDRESS_BITS),
            "host_base": Out(ADDRESS_BITS),
            "host_limit": Out(ADDRESS_BITS),
            "lane_base": Out(windows),
            "lane_limit": Out(windows),
            "watchdog": Out(WATCHDOG_BITS),
            "preset_en": Out(1),
            "preset_at": Out(range(REGISTERS)),
            "preset_data": Out(REGISTER_BITS),
            "core_start": Out(1),
            "core_done": In(1),
            "core_stuck": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        registers = self.config.map
        at = Signal(AT_BITS, reset_less=True)
        m.d.comb += self.at.eq(at)

        # Asks for scalars, for pointers, waits for all of it.
        scalar = Signal()
        pointer = Signal()
        arrives = Signal()
        first_scalar, last_scalar = (registers.scalars[n].offset // _WORD_BYTES for n in (0, -1))
        first_pointer = registers.pointers[0].words[0] // _WORD_BYTES
        last_pointer = registers.pointers[-1].words[-1] // _WORD_BYTES
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += at.eq(first_scalar)
                with m.If(self.start & self.core_stuck):
                    m.d.comb += self.done.eq(1)
                with m.Elif(self.start):
                    m.next = "SCALARS"
            with m.State("SCALARS"):
                m.d.comb += scalar.eq(1)
                m.d.sync += at.eq(at + 2)
                with m.If(at == last_scalar):
                    m.d.sync += at.eq(first_pointer)
                    m.next = "POINTERS"
            with m.State("POINTERS"):
                m.d.comb += pointer.eq(1)
                m.d.sync += at.eq(at + 1)
                with m.If(at == last_pointer):
                    m.next = "ARRIVE"
            with m.State("ARRIVE"):
                with m.If(~arrives):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += self.core_start.eq(1)
                m.next = "RUN"
            with m.State("RUN"):
                with m.If(self.core_done):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"

        # What the word is that arrives: two cycles ago it was asked for.
        scalar_1, scalar_2, pointer_1, pointer_2 = (
            Signal(name=name) for name in ("scalar_1", "scalar_2", "pointer_1", "pointer_2"))
        at_1 = Signal(AT_BITS, reset_less=True)
        at_2 = Signal(AT_BITS, reset_less=True)
        m.d.sync += [
            scalar_1.eq(scalar), scalar_2.eq(scalar_1),
            pointer_1.eq(pointer), pointer_2.eq(pointer_1),
            at_1.eq(at), at_2.eq(at_1),
        ]

        # Scalars lie in every other word: settings, then r1 and on.
        setting = {name: Signal(WORD_BITS, name=name, reset_less=True) for name in _SETTINGS}
        preset_at = Signal(range(REGISTERS), reset_less=True)
        preset_data = Signal(REGISTER_BITS, reset_less=True)
        m.d.sync += [
            self.preset_en.eq(0),
            preset_at.eq(preset_at + 1),
            preset_data.eq(self.argument),
        ]
        with m.If(scalar_2):
            m.d.sync += self.preset_en.eq(1)
            for name in _SETTINGS:
                with m.If(at_2 == registers.offset(name) // _WORD_BYTES):
                    m.d.sync += [setting[name].eq(self.argument), self.preset_en.eq(0),
                                 preset_at.eq(0)]
        m.d.comb += [
            self.preset_at.eq(preset_at),
            self.preset_data.eq(preset_data),
            self.watchdog.eq(setting["watchdog"]),
        ]
        # preset_at counts from the last of the settings on.
        names = [register.name for register in registers.scalars]
        assert names == [*_SETTINGS, *(f"r{n}" for n in range(1, PRESETS + 1))]

        # A pointer's words: the upper one completes it.
        low_3 = Signal(WORD_BITS, reset_less=True)
        base_3 = Signal(ADDRESS_BITS, reset_less=True)
        addend_3 = Signal(ADDRESS_BITS, reset_less=True)
        host_3 = Signal(reset_less=True)
        whole_3 = Signal()
        upper_2 = at_2[0] != first_pointer % 2
        host_2 = at_2 == first_pointer + 1
        pages_2 = Mux(host_2, setting["host_pages"], setting["lane_pages"])
        m.d.sync += [
            low_3.eq(self.argument),
            whole_3.eq(pointer_2 & upper_2),
            addend_3.eq(Cat(Const(0, _shift(PROGRAM_BYTES)), setting["program"])),
        ]
        with m.If(upper_2):
            m.d.sync += [
                base_3.eq(Cat(low_3, self.argument)),
                addend_3.eq(Cat(Const(0, _shift(PAGE_BYTES)), pages_2)),
                host_3.eq(host_2),
            ]

        # Its limit, and in the cycle after that, the program's origin.
        base_4 = Signal(ADDRESS_BITS, reset_less=True)
        sum_4 = Signal(ADDRESS_BITS, reset_less=True)
        host_4 = Signal(reset_less=True)
        whole_4 = Signal()
        host_5 = Signal()
        window = data.StructLayout({"base": ADDRESS_BITS, "limit": ADDRESS_BITS})
        windows = Signal(data.ArrayLayout(window, 1 + self.config.lanes), reset_less=True)
        origin = Signal(ADDRESS_BITS, reset_less=True)
        m.d.sync += [
            sum_4.eq(base_3 + addend_3), base_4.eq(base_3), host_4.eq(host_3), whole_4.eq(whole_3),
            host_5.eq(host_4 & whole_4),
        ]
        with m.If(whole_4):
            m.d.sync += windows.as_value().eq(
                Cat(windows.as_value()[window.size:], base_4, sum_4))
        with m.If(host_5):
            m.d.sync += origin.eq(sum_4)
        m.d.comb += [
            arrives.eq(pointer_1 | pointer_2 | whole_3 | whole_4 | host_5),
            self.origin.eq(origin),
            self.host_base.eq(windows[0].base),
            self.host_limit.eq(windows[0].limit),
        ]
        for n in range(self.config.lanes):
            m.d.comb += [
                self.lane_base[n].eq(windows[1 + n].base),
                self.lane_limit[n].eq(windows[1 + n].limit),
            ]
        return m
