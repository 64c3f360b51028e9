# SPDX-License-Identifier: Apache-2.0
"""From 512 bits to an instruction that can be carried out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.isa.encoding import Reason
from flightllm_hw.isa.table import BITS, HEADER_BITS, KINDS, PATCHES, REGISTERS, Unit

from .layouts import TAPE, decoded, header
from .legality import Legality
from .patch import SHAPES, Patcher
from .registers import REGISTER_BITS

__all__ = ["Decoder"]


class Decoder(wiring.Component):
    """Finds an instruction's kind, says whether it is legal, and adds registers to its fields.

    ::

        i ─► opcode, mode ─► kind ─┬─► Legality ─► reason ─┐
         └─► word ─────────────────┴─► Patcher ──► body ───┴─► o

    One instruction at a time; registers are read between ``i`` and ``o``, and so are those that the
    instruction before has left once it was taken from ``o``. Legal is what
    :func:`flightllm_hw.isa.encoding.decode` takes, and the reason is the same.

    Members
    -------
    i : In, stream
        512 bits.
    o : Out, stream
        :func:`~flightllm_hw.control.layouts.decoded`. The body means nothing if it is illegal.
    read_at, read_data : Out, In
        A register, and what it holds, in the same cycle.
    clear : In
        Forgets the instruction, and what comes with it.

    Latency: ``latency`` cycles from ``i`` to ``o``; with patches, 2, and for each of them 2 and the
    words of 32 bits that its field lies in.
    Reset: empty.
    """

    latency = 1 + Legality.latency

    i: In(stream.Signature(BITS))
    o: Out(stream.Signature(decoded()))
    read_at: Out(range(REGISTERS))
    read_data: In(REGISTER_BITS)
    clear: In(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        legality = place(m, platform, "legality", Legality())
        patcher = place(m, platform, "patcher", Patcher())

        # Its kind, and what it is that the kind's fields are.
        kind = Signal(range(len(KINDS)), reset_less=True)
        shape = Signal(range(len(SHAPES)), reset_less=True)
        known = Signal(reset_less=True)
        unit = Signal(range(len(Unit)), reset_less=True)
        tape = Signal(reset_less=True)
        head = Signal(header(), reset_less=True)
        load = Signal()
        with m.If(load):
            m.d.sync += [head.eq(self.i.payload[:HEADER_BITS]), known.eq(0), kind.eq(0)]
            with m.Switch(self.i.payload[:8]):
                for n, k in enumerate(KINDS):
                    with m.Case(k.opcode | k.mode << 4):
                        m.d.sync += [known.eq(1), kind.eq(n), shape.eq(SHAPES.index(k.fields)),
                                     unit.eq(k.unit), tape.eq(k is TAPE)]

        # Patches leave alone what makes a word legal, so that both go on at once.
        incoming = Signal(header())
        m.d.comb += [
            incoming.eq(self.i.payload[:HEADER_BITS]),
            legality.word.eq(Cat(head, patcher.o)),
            legality.kind.eq(kind),
            legality.known.eq(known),
            patcher.load.eq(load),
            patcher.i.eq(self.i.payload[HEADER_BITS:]),
            patcher.shape.eq(shape),
            patcher.clear.eq(self.clear),
            patcher.read_data.eq(self.read_data),
            self.read_at.eq(patcher.read_at),
        ]
        for n in range(PATCHES):
            m.d.comb += patcher.present[n].eq(incoming[f"field_{n}"].any())
            for name in ("register", "field"):
                m.d.comb += patcher.patches[n][name].eq(head[f"{name}_{n}"])

        loaded = Signal()
        checked = Signal(Legality.latency)
        o = self.o.payload
        m.d.comb += [
            self.i.ready.eq(~loaded),
            load.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(loaded & checked[-1] & patcher.ready),
            o.kind.eq(kind),
            o.unit.eq(unit),
            o.tape.eq(tape),
            o.wait.eq(head.wait),
            o.release.eq(head.release),
            o.body.eq(patcher.o),
            o.reason.eq(Mux((legality.reason == 0) & patcher.illegal,
                            Reason.PATCH, legality.reason)),
        ]
        m.d.sync += checked.eq(Mux(load, 0, checked << 1 | 1))
        with m.If((self.o.valid & self.o.ready) | self.clear):
            m.d.sync += loaded.eq(0)
        with m.Elif(load):
            m.d.sync += loaded.eq(1)
        return m
