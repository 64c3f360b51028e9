# SPDX-License-Identifier: Apache-2.0
"""From a program in memory to tasks for the units, in an order that tokens keep."""

from dataclasses import dataclass, field

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.isa.table import REGISTERS, Unit

from .decode import Decoder
from .dispatch import Dispatcher, DispatcherConfig
from .errors import DETAIL_BITS, Error, ErrorLatch, report
from .fetch import FetchConfig, Fetcher
from .layouts import PC_BITS, TAPE, UNITS, fields, task
from .registers import REGISTER_BITS, Registers
from .sequence import Sequencer
from .tokens import Tokens, TokensConfig
from .watchdog import WATCHDOG_BITS, Watchdog

__all__ = ["Control", "ControlConfig"]


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """The control.

    Parameters
    ----------
    fetch : FetchConfig
        How instructions are read.
    depth : int
        Instructions that wait in a unit's queue; a power of two.
    in_flight : int
        Instructions that a unit may have and not have done; a power of two.
    """

    fetch: FetchConfig = field(default_factory=FetchConfig)
    depth: int = 16
    in_flight: int = 8

    @property
    def port(self) -> PortConfig:
        """The memory port."""
        return self.fetch.port

    def dispatcher(self, unit: Unit) -> DispatcherConfig:
        """A unit's queue."""
        return DispatcherConfig(unit=unit, depth=self.depth, in_flight=self.in_flight)


class Control(wiring.Component):
    """Runs a program: fetches, decodes and patches it, hands its instructions to the units.

    ::

        m_axi ─► Fetcher ─► Decoder ─► Sequencer ─┬─► Dispatcher ─► o_memory   ◄─ memory_done
                   ▲           ▲           │      ├─► Dispatcher ─► o_lanes    ◄─ lanes_done
                   │           │           │      ├─► Dispatcher ─► o_vector   ◄─ vector_done
                   │       Registers ◄─────┤      └──────────────► o_tape
                   '────── pc ─────────────'           ▲
                                                     Tokens

    A unit takes tasks from its stream, carries them out in order, and says ``done`` for each, in
    the cycle after its transfer at the earliest. It may take several before. A unit with an error
    holds its code and address until the next ``start`` and still says ``done`` for all it takes.

    At the end of a program ``halt`` has everything dropped that no instruction waits for: tapes
    that nobody has read. Then comes ``done``.

    Errors: the first one stops the program. What units were offered they still get, and finish or
    drop since ``halt`` is on; what waits in queues is dropped. Then comes ``done``, with the error.
    It also comes if the units do not finish and the watchdog expires once more: then ``stuck``
    tells that only a reset of everything helps.

    Time: from an instruction to the next 9 cycles, where it is in the ring. With patches, 8 and for
    each of them 2 and the words of 32 bits that its field lies in. SYS instructions take 2 more,
    arithmetic 4, SYS.MUL one more for each bit of y up to its highest; each loop that ends, one.

    What lies behind the program, up to ``config.fetch.ahead`` instructions, may be read as well,
    as far as it is in the window; nothing becomes of it.

    Parameters
    ----------
    config : ControlConfig
        Sizes.

    Members
    -------
    start : In
        Begins at instruction 0, without tokens. Only while not ``busy``.
    origin, base, limit : In
        Byte address of the program, a multiple of the beat; the window that it must lie in,
        ``limit`` not in it. Held while ``busy``.
    watchdog : In
        Cycles without any progress after which the program is stopped; 0: never. More than the
        units take for a task, unless they show ``progress``; and than 100. Held while ``busy``.
    progress : In
        A unit is alive.
    cancel : In
        Stops the program.
    preset_en, preset_at, preset_data : In
        Writes a register, while not ``busy``. All others begin as zero; when a program is over,
        all are zero again.
    busy : Out
        A program runs.
    done : Out
        It is over; for a cycle, the last one of ``busy``.
    stuck : Out
        It was given up. Valid from ``done`` until the next ``start``.
    error : Out
        Why it was stopped, :func:`~flightllm_hw.control.errors.report`; NONE if it was not. Valid
        from ``done`` until the next ``start``. ``pc``: of the instruction at fault; where there is
        none, of the one that would have been next to be handed on.
    waits : Out
        Units whose next instruction waits for tokens.
    pc : Out
        Where the program is.
    o_memory, o_lanes, o_vector : Out, stream
        Tasks, :func:`~flightllm_hw.control.layouts.task`.
    memory_done, lanes_done, vector_done : In
        The oldest task is done.
    memory_error, lanes_error, vector_error : In
        An error's code; 0: none. No later than the task's ``done``.
    memory_error_address, lanes_error_address, vector_error_address : In
        Where.
    o_tape : Out, stream
        Fields of LD.TAPE.
    halt, quiet : Out, In
        Tapes are to be thrown away, operations on them to be given up; all that is done, and
        nothing is under way anywhere. ``quiet`` only during ``halt`` and shortly behind it.
    m_axi : Out
        The port, reading half.

    Reset: forgets everything; only while not ``busy``, or with the memory and all units.
    """

    def __init__(self, config: ControlConfig):
        self.config = config
        port = config.port
        names = [unit.name.lower() for unit in UNITS]
        super().__init__({
            "start": In(1),
            "origin": In(ADDRESS_BITS),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "watchdog": In(WATCHDOG_BITS),
            "progress": In(1),
            "cancel": In(1),
            "preset_en": In(1),
            "preset_at": In(range(REGISTERS)),
            "preset_data": In(REGISTER_BITS),
            "busy": Out(1),
            "done": Out(1),
            "stuck": Out(1),
            "error": Out(report()),
            "waits": Out(len(Unit)),
            "pc": Out(PC_BITS),
            **{f"o_{unit.name.lower()}": Out(stream.Signature(task(unit))) for unit in UNITS},
            **{f"{name}_done": In(1) for name in names},
            **{f"{name}_error": In(DETAIL_BITS) for name in names},
            **{f"{name}_error_address": In(ADDRESS_BITS) for name in names},
            "halt": Out(1),
            "quiet": In(1),
            "o_tape": Out(stream.Signature(fields(TAPE))),
            "m_axi": Out(Axi4Signature(data_bits=port.data_bits, id_bits=port.id_bits,
                                       access=Access.READ)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        fetcher = place(m, platform, "fetcher", Fetcher(c.fetch))
        decoder = place(m, platform, "decoder", Decoder())
        sequencer = place(m, platform, "sequencer", Sequencer())
        registers = place(m, platform, "registers", Registers())
        tokens = place(m, platform, "tokens", Tokens(TokensConfig()))
        latch = place(m, platform, "latch", ErrorLatch())
        watchdog = place(m, platform, "watchdog", Watchdog())
        dispatchers = {unit: place(m, platform, f"dispatch_{unit.name.lower()}",
                                   Dispatcher(c.dispatcher(unit))) for unit in UNITS}
        tapes = place(m, platform, "tapes", Queue(QueueConfig(width=fields(TAPE).size, depth=2)))

        # The way of an instruction.
        wiring.connect(m, sequencer.pc, fetcher.i)
        wiring.connect(m, fetcher.o, sequencer.i_fetched)
        wiring.connect(m, sequencer.o_word, decoder.i)
        wiring.connect(m, decoder.o, sequencer.instruction)
        wiring.connect(m, wiring.flipped(self.m_axi), fetcher.m_axi)
        m.d.comb += [
            fetcher.run.eq(sequencer.run),
            fetcher.origin.eq(self.origin),
            fetcher.base.eq(self.base),
            fetcher.limit.eq(self.limit),
            decoder.clear.eq(~sequencer.run),
            decoder.read_data.eq(registers.read_data),
            registers.read_at.eq(decoder.read_at),
            tapes.i.payload.eq(sequencer.o_tape.payload),
            tapes.i.valid.eq(sequencer.o_tape.valid),
            sequencer.o_tape.ready.eq(tapes.i.ready),
            self.o_tape.payload.as_value().eq(tapes.o.payload),
            self.o_tape.valid.eq(tapes.o.valid),
            tapes.o.ready.eq(self.o_tape.ready),
            self.pc.eq(sequencer.pc.payload),
        ]

        # Registers: the host's before, the program's own while it runs.
        m.d.comb += [
            registers.write_en.eq(self.preset_en & ~self.busy | sequencer.write_en),
            registers.clear.eq(sequencer.done),
            registers.write_at.eq(self.preset_at),
            registers.write_data.eq(self.preset_data),
        ]
        with m.If(self.busy):
            m.d.comb += [
                registers.write_at.eq(sequencer.write_at),
                registers.write_data.eq(sequencer.write_data),
            ]

        # Units and their tokens. An overflow is told of a cycle later.
        given_pc = {unit: Signal(PC_BITS, name=f"given_pc_{unit.name.lower()}", reset_less=True)
                    for unit in Unit}
        moves = []
        for unit, dispatcher in dispatchers.items():
            name = unit.name.lower()
            o = getattr(self, f"o_{name}")
            wiring.connect(m, getattr(sequencer, f"o_{name}"), dispatcher.i)
            wiring.connect(m, dispatcher.o, wiring.flipped(o))
            done = getattr(self, f"{name}_done")
            m.d.comb += [
                dispatcher.done.eq(done),
                self.waits[unit].eq(dispatcher.waits),
                dispatcher.stop.eq(latch.stopped),
                dispatcher.some.eq(tokens.some[unit]),
                tokens.take[unit].eq(dispatcher.take),
                tokens.give[unit].eq(dispatcher.give),
                latch.units[unit].detail.eq(getattr(self, f"{name}_error")),
                latch.units[unit].address.eq(getattr(self, f"{name}_error_address")),
                latch.units[unit].pc.eq(dispatcher.pc),
            ]
            m.d.sync += given_pc[unit].eq(dispatcher.pc)
            moves += [o.valid & o.ready, done]
        m.d.comb += [
            sequencer.some.eq(tokens.some[Unit.CONTROL]),
            tokens.take[Unit.CONTROL].eq(sequencer.take),
            tokens.give[Unit.CONTROL].eq(sequencer.give),
            tokens.clear.eq(~self.busy),
            self.waits[Unit.CONTROL].eq(sequencer.waits),
        ]
        m.d.sync += given_pc[Unit.CONTROL].eq(sequencer.pc.payload)
        for unit in Unit:
            with m.If(tokens.overflow[unit]):
                m.d.comb += latch.overflow_pc.eq(given_pc[unit])

        # Errors, of which the program's own go before those from outside.
        m.d.comb += [
            latch.overflow.eq(tokens.overflow.any()),
            latch.clear.eq(self.start & ~self.busy),
            latch.program.eq(sequencer.error),
            self.error.eq(latch.o),
        ]
        with m.If(sequencer.error.error.as_value() == 0):
            m.d.comb += latch.program.address.eq(0)
            with m.If(self.busy & watchdog.expired):
                m.d.comb += latch.program.error.eq(Error.WATCHDOG)
            with m.If(self.busy & self.cancel):
                m.d.comb += latch.program.error.eq(Error.CANCELLED)

        # Whether anything moves, and whether all is over.
        moved = Signal()
        idle = Signal()
        quiet = Signal()
        m.d.sync += [
            quiet.eq(self.quiet & ~tapes.o.valid),
            moved.eq(self.progress | fetcher.o.valid | (self.o_tape.valid & self.o_tape.ready)
                     | Cat(moves).any()),
            idle.eq(Cat(d.idle for d in dispatchers.values()).all() & ~fetcher.busy),
        ]
        m.d.comb += [
            watchdog.on.eq(self.busy),
            watchdog.limit.eq(self.watchdog),
            watchdog.progress.eq(moved),
            sequencer.start.eq(self.start),
            sequencer.stopped.eq(latch.stopped),
            sequencer.idle.eq(idle),
            sequencer.quiet.eq(quiet),
            self.halt.eq(sequencer.halt),
            sequencer.expired.eq(watchdog.expired),
            self.busy.eq(sequencer.busy),
            self.done.eq(sequencer.done),
            self.stuck.eq(sequencer.stuck),
        ]
        return m
