# SPDX-License-Identifier: Apache-2.0
"""The program, instruction after instruction: what control does itself, what it hands on."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.isa.table import KINDS, REGISTERS, Unit, kind

from .arithmetic import Arithmetic
from .errors import DETAIL_BITS, Error, report
from .layouts import PC_BITS, TAPE, UNITS, decoded, entry, fetched, fields, kinds
from .loops import Loops
from .registers import REGISTER_BITS

__all__ = ["Sequencer"]

_ARITHMETIC = tuple(k for k in KINDS if k.unit is Unit.CONTROL and len(k.fields) == 3)


class Sequencer(wiring.Component):
    """Walks through the program.

    ::

               .──────────────────────────────────────────────.
               ▼                                              │
        IDLE ─► FETCH ─► WAIT ─► EXECUTE ─┬─► to a queue ─────┤
          ▲                               ├─► the tape ───────┤
          │                               └─► OPERATE ─► CLOSE'
          │                                      │ SYS.END, or an error
          '── CALM ◄── HALT ◄── all idle ◄───────'

    Instructions for units go to their queues, those of control are carried out before the next one
    is fetched: once their tokens are there. After an error (``stopped``) nothing is handed on. At
    the end all is halted, and let go again once it is quiet.

    Members
    -------
    start : In
        Begins at instruction 0. Only while not ``busy``.
    busy : Out
        From the cycle after ``start`` to that of ``done``.
    done : Out
        The program is over, and everything idle; one cycle.
    stopped : In
        There was an error; at most two cycles after ``error`` named one.
    idle : In
        All units, and what belongs to control, were idle in the cycle before.
    halt, quiet : Out, In
        Tapes are to be thrown away; all of them are. ``quiet`` follows ``halt``, both ways.
    expired : In
        Waiting for these has become pointless.
    stuck : Out
        It had, with the last program: reset all.
    pc, i_fetched, instruction : streams
        To the fetcher, from it, from the decoder.
    o_word : Out, stream
        To the decoder.
    o_memory, o_lanes, o_vector : Out, stream
        To the units' queues.
    o_tape : Out, stream
        Tapes to read.
    some, take, give : In, Out, Out
        Tokens for, of and from control.
    waits : Out
        An instruction of control's own waits for tokens.
    write_en, write_at, write_data : Out
        A register to write.
    error : Out
        What is wrong with the program, for a cycle; NONE otherwise. ``pc`` there is always the
        instruction that is being worked on.
    run : Out
        The program has neither ended nor failed.

    Reset: idle.
    """

    # No parameters: there is one of it.
    config = None

    def __init__(self):
        super().__init__({
            "start": In(1),
            "busy": Out(1),
            "done": Out(1),
            "stopped": In(1),
            "idle": In(1),
            "halt": Out(1),
            "quiet": In(1),
            "expired": In(1),
            "stuck": Out(1),
            "pc": Out(stream.Signature(PC_BITS)),
            "i_fetched": In(stream.Signature(fetched())),
            "o_word": Out(stream.Signature(fetched()["word"].shape)),
            "instruction": In(stream.Signature(decoded())),
            **{f"o_{unit.name.lower()}": Out(stream.Signature(entry(unit))) for unit in UNITS},
            "o_tape": Out(stream.Signature(fields(TAPE))),
            "some": In(len(Unit)),
            "take": Out(len(Unit)),
            "give": Out(len(Unit)),
            "waits": Out(1),
            "write_en": Out(1),
            "write_at": Out(range(REGISTERS)),
            "write_data": Out(REGISTER_BITS),
            "error": Out(report()),
            "run": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        loops = place(m, platform, "loops", Loops())
        arithmetic = place(m, platform, "arithmetic", Arithmetic())
        instruction = self.instruction.payload
        body = instruction.body

        # The fetcher's answer: a word for the decoder, or an error.
        answer = self.i_fetched
        bad_answer = Signal()
        kind_of_error = Signal(Error)
        error_pc = Signal(PC_BITS, reset_less=True)
        error_address = Signal(ADDRESS_BITS, reset_less=True)
        m.d.comb += [
            bad_answer.eq(answer.payload.fault.as_value() != 0),
            self.o_word.payload.eq(answer.payload.word),
            self.o_word.valid.eq(answer.valid & ~bad_answer),
            answer.ready.eq(self.o_word.ready | bad_answer),
            self.pc.payload.eq(loops.pc),
            self.error.as_value().eq(Cat(kind_of_error, Const(0, DETAIL_BITS), error_pc,
                                         error_address)),
        ]
        m.d.sync += [error_pc.eq(loops.pc), kind_of_error.eq(Error.NONE)]

        # To the queues.
        queues = {unit: getattr(self, f"o_{unit.name.lower()}") for unit in UNITS}
        for unit, queue in queues.items():
            entries = queue.payload
            m.d.comb += [
                entries.wait.eq(instruction.wait),
                entries.release.eq(instruction.release),
                entries.task.pc.eq(loops.pc),
                entries.task.fields.as_value().eq(body),
            ]
            with m.Switch(instruction.kind):
                for n, k in enumerate(kinds(unit)):
                    with m.Case(KINDS.index(k)):
                        m.d.comb += entries.task.kind.eq(n)
        m.d.comb += self.o_tape.payload.as_value().eq(body)

        # What control does itself.
        loop = kind("SYS.LOOP")
        operands = data.View(fields(_ARITHMETIC[0]), body[:fields(_ARITHMETIC[0]).size])
        m.d.comb += [
            loops.loop.as_value().eq(body),
            arithmetic.kind.eq(instruction.kind),
            arithmetic.x.eq(operands.x),
            arithmetic.y.eq(operands.y),
            self.write_at.eq(operands.d),
            self.write_data.eq(arithmetic.o),
        ]

        closes = Signal()
        illegal = Signal()
        granted = Signal()
        # The instruction stays as it is, and nobody else takes its tokens.
        m.d.sync += [
            illegal.eq(instruction.reason != 0),
            granted.eq((instruction.wait & ~self.some) == 0),
        ]
        m.d.comb += [
            self.instruction.ready.eq(closes),
            loops.advance.eq(closes),
        ]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.comb += loops.clear.eq(1)
                    m.d.sync += [self.busy.eq(1), self.run.eq(1), self.stuck.eq(0)]
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.pc.valid.eq(loops.ready)
                with m.If(self.stopped):
                    m.d.sync += self.run.eq(0)
                    m.next = "SETTLE"
                with m.Elif(loops.ready & self.pc.ready):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += error_address.eq(answer.payload.address)
                with m.If(self.stopped):
                    m.d.sync += self.run.eq(0)
                    m.next = "SETTLE"
                with m.Elif(answer.valid & bad_answer):
                    m.d.sync += kind_of_error.as_value().eq(answer.payload.fault.as_value() | 16)
                    m.d.sync += self.run.eq(0)
                    m.next = "FAIL"
                with m.Elif(self.instruction.valid):
                    m.next = "EXECUTE"
            with m.State("EXECUTE"):
                m.d.sync += error_address.eq(0)
                with m.If(self.stopped):
                    m.d.sync += self.run.eq(0)
                    m.next = "SETTLE"
                with m.Elif(illegal):
                    m.d.sync += kind_of_error.as_value().eq(instruction.reason)
                    m.d.sync += self.run.eq(0)
                    m.next = "FAIL"
                with m.Elif(instruction.tape):
                    m.d.comb += [self.o_tape.valid.eq(1), closes.eq(self.o_tape.ready)]
                with m.Else():
                    with m.Switch(instruction.unit):
                        for unit, queue in queues.items():
                            with m.Case(unit):
                                m.d.comb += [queue.valid.eq(1), closes.eq(queue.ready)]
                        with m.Case(Unit.CONTROL):
                            m.d.comb += self.waits.eq(~granted)
                            with m.If(granted):
                                m.d.comb += self.take.eq(instruction.wait)
                                m.next = "OPERATE"
                with m.If(closes):
                    m.next = "FETCH"
            with m.State("OPERATE"):
                with m.Switch(instruction.kind):
                    with m.Case(KINDS.index(kind("SYS.END"))):
                        m.d.sync += self.run.eq(0)
                        m.next = "SETTLE"
                    with m.Case(KINDS.index(loop)):
                        m.next = "CLOSE"
                        with m.If(loops.too_deep):
                            m.d.sync += kind_of_error.eq(Error.LOOPS)
                            m.d.sync += self.run.eq(0)
                            m.next = "FAIL"
                    with m.Case(*map(KINDS.index, _ARITHMETIC)):
                        m.d.comb += arithmetic.start.eq(1)
                        m.next = "COMPUTE"
                    with m.Default():
                        m.next = "CLOSE"
            with m.State("COMPUTE"):
                with m.If(arithmetic.done):
                    m.d.comb += self.write_en.eq(1)
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.comb += [
                    self.instruction.ready.eq(1),
                    self.give.eq(instruction.release),
                ]
                with m.If(instruction.kind == KINDS.index(loop)):
                    m.d.comb += loops.enter.eq(1)
                with m.Else():
                    m.d.comb += loops.advance.eq(1)
                m.next = "FETCH"
            with m.State("FAIL"):
                # Until the error is known to all.
                with m.If(self.stopped):
                    m.d.sync += self.run.eq(0)
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                # What was asked for in the last cycle of ``run`` shows in ``idle`` after this one.
                m.next = "FINISH"
            with m.State("FINISH"):
                with m.If(self.stopped | self.idle):
                    m.d.sync += self.halt.eq(1)
                    m.next = "HALT"
            with m.State("HALT"):
                with m.If(self.expired):
                    m.d.sync += [self.stuck.eq(1), self.halt.eq(0)]
                    m.next = "DONE"
                with m.Elif(self.idle & self.quiet):
                    m.d.sync += self.halt.eq(0)
                    m.next = "CALM"
            with m.State("CALM"):
                with m.If(~self.quiet):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.d.sync += self.busy.eq(0)
                m.next = "IDLE"
        return m
