# SPDX-License-Identifier: Apache-2.0
"""Registers added to fields, wherever in the instruction these lie."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import KINDS, PATCHES, REGISTERS

from .layouts import BODY_BITS, patches
from .registers import REGISTER_BITS

__all__ = ["SHAPES", "Patcher"]

WORD = REGISTER_BITS
WORDS = BODY_BITS // WORD

SHAPES = tuple(dict.fromkeys(k.fields for k in KINDS))
"""The different lists of fields that kinds have."""


def _place():
    """Where a field lies: its first word, how many more it reaches into, its first and last bit."""
    return data.StructLayout({"exists": 1, "first": range(WORDS), "more": 2,
                              "low": range(WORD), "high": range(WORD)})


def _places():
    """The place of every field that can be patched, by shape and number."""
    for n, shape in enumerate(SHAPES):
        start = 0
        for number, field in enumerate(shape, 1):
            last = start + field.bits - 1
            if not field.enum:
                yield n, number, {"exists": 1, "first": start // WORD, "low": start % WORD,
                                  "more": last // WORD - start // WORD, "high": last % WORD}
            start += field.bits


class Patcher(wiring.Component):
    """field := field + register, modulo the field's width, for each of an instruction's patches.

    The body is kept in words of 32 bits, and a field lies in up to three of them. The register is
    turned to where the field begins; then a word a cycle is added, and the carry goes on to the
    next one. What lies above the field stays as it was::

        word n + 1               word n
        . . . . . . . . . f f f  f f f f f f f f . . . .
                          └ high             low ┘
                   0 . 0 r r r r r r r r 0 0 0 0        the register, turned
                        '- dropped

    The first patch takes a cycle, then each takes 2 and one for each word that its field lies in.

    Members
    -------
    load : In
        Takes ``i`` and ``present``, while ``ready``.
    i : In
        The body: the instruction's bits but for its header.
    present : In
        Which of ``patches`` there are, in the cycle of ``load``.
    patches : In
        Registers and fields. Held from the cycle after ``load`` until ``ready``.
    shape : In
        Which of :data:`SHAPES` the fields are. Held from the cycle after ``load`` until ``ready``.
    read_at, read_data : Out, In
        A register, and what it holds, in the same cycle.
    o : Out
        The body, patched once ``ready`` is on.
    ready : Out
        No patch is left; off in the cycle after a ``load`` with patches.
    illegal : Out
        One was of no field that can be patched, and did nothing.
    clear : In
        Forgets the patches: ``ready`` from the next cycle on.

    Reset: ``ready``.
    """

    load: In(1)
    i: In(BODY_BITS)
    present: In(PATCHES)
    patches: In(patches())
    shape: In(range(len(SHAPES)))
    read_at: Out(range(REGISTERS))
    read_data: In(REGISTER_BITS)
    o: Out(BODY_BITS)
    ready: Out(1)
    illegal: Out(1)
    clear: In(1)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        pending = Signal(PATCHES)
        waiting = Signal()
        place = Signal(_place(), reset_less=True)
        value = Signal(REGISTER_BITS, reset_less=True)
        turned = Signal(REGISTER_BITS)

        # The next patch, chosen while the one before is added.
        chosen = Signal(patches().elem_shape, reset_less=True)
        looks_up = Signal()
        with m.If(~waiting | looks_up):
            m.d.sync += [waiting.eq(pending != 0), pending.eq(pending & (pending - 1))]
            for n in reversed(range(PATCHES)):
                with m.If(pending[n]):
                    m.d.sync += chosen.eq(self.patches[n])

        # Look up: its register, and where its field lies.
        found = Signal(_place())
        with m.Switch(Cat(chosen.field, self.shape)):
            for shape, number, where in _places():
                with m.Case(number | shape << len(chosen.field)):
                    m.d.comb += found.eq(_place().const(where))
        m.d.comb += self.read_at.eq(chosen.register)

        # Turn it to where the field begins; what runs over goes into the next word.
        result = value
        for bit in range(5):
            result = Mux(place.low[bit], result.rotate_left(1 << bit), result)
        m.d.comb += turned.eq(result)
        here = Cat(*(place.low <= bit for bit in range(WORD - 1)), Const(1))
        addend = Signal(REGISTER_BITS, reset_less=True)
        spill = Signal(REGISTER_BITS, reset_less=True)

        # Add: a word a cycle, which was picked in the cycle before.
        body = [Signal(WORD, name=f"word_{n}", reset_less=True) for n in range(WORDS)]
        at = Signal(range(WORDS), reset_less=True)
        more = Signal(2, reset_less=True)
        carry = Signal(reset_less=True)
        within = Signal(WORD, reset_less=True)
        old = Signal(WORD, reset_less=True)
        adds = Signal()
        pick = Signal(range(WORDS))
        total = Signal(WORD + 1)
        patched = Signal(WORD)
        m.d.comb += [
            pick.eq(Mux(adds, at + 1, place.first)),
            total.eq(old + addend + carry),
            patched.eq(Mux(more == 0, (total & within) | (old & ~within), total)),
            self.o.eq(Cat(body)),
        ]

        m.d.sync += old.eq(Array(body)[pick])
        with m.FSM():
            with m.State("LOOK UP"):
                m.d.comb += [self.ready.eq(~waiting & (pending == 0)), looks_up.eq(waiting)]
                m.d.sync += [place.eq(found), value.eq(self.read_data)]
                with m.If(waiting & ~self.clear):
                    m.next = "TURN"
            with m.State("TURN"):
                m.d.sync += [
                    addend.eq(turned & here), spill.eq(turned & ~here), carry.eq(0),
                    at.eq(place.first), more.eq(place.more),
                    within.eq(Cat(Const(1), *(place.high >= bit for bit in range(1, WORD)))),
                    self.illegal.eq(self.illegal | ~place.exists),
                ]
                with m.If(place.exists & ~self.clear):
                    m.next = "ADD"
                with m.Else():
                    m.next = "LOOK UP"
            with m.State("ADD"):
                m.d.comb += adds.eq(1)
                m.d.sync += [addend.eq(spill), spill.eq(0), carry.eq(total[-1]),
                             at.eq(at + 1), more.eq(more - 1)]
                with m.If((more == 0) | self.clear):
                    m.next = "LOOK UP"

        with m.If(self.load):
            m.d.sync += [pending.eq(self.present), self.illegal.eq(0)]
        with m.If(self.clear):
            m.d.sync += [pending.eq(0), waiting.eq(0)]
        for n, word in enumerate(body):
            with m.If(self.load):
                m.d.sync += word.eq(self.i.word_select(n, WORD))
            with m.Elif(adds & (at == n)):
                m.d.sync += word.eq(patched)
        return m
