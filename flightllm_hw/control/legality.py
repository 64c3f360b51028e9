# SPDX-License-Identifier: Apache-2.0
"""Whether 512 bits are an instruction, but for its patches."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.encoding import Reason
from flightllm_hw.isa.table import BITS, HEADER_BITS, KINDS

from .layouts import fields, header

__all__ = ["Legality"]


def _end(k):
    """The first bit above a kind's last field."""
    return HEADER_BITS + sum(f.bits for f in k.fields)


class Legality(wiring.Component):
    """The first four rules of :func:`flightllm_hw.isa.encoding.decode`, made of the table.

    ::

        word ─┬─► bits between the ends of kinds: any? ──┬─► those above this kind's end ─┐
              ├─► fields with names for values: named? ──┼─► those of this kind ──────────┼─► reason
              └─► reserved, wait, release: any? ─────────'────────────────────────────────┘
                                                      (1)                             (2)

    Members
    -------
    word : In
        512 bits.
    kind : In
        Their kind, a place in the table.
    known : In
        Whether there is one.
    reason : Out
        The first rule that is broken (:class:`~flightllm_hw.isa.encoding.Reason`), or zero.

    Latency: ``latency`` cycles. Moves in every cycle; ``kind`` and ``known`` are held meanwhile.
    Reset: none, there is nothing to forget.
    """

    latency = 2

    word: In(BITS)
    kind: In(range(len(KINDS)))
    known: In(1)
    reason: Out(3)

    # No parameters: there is one of it.
    config = None

    def elaborate(self, platform):
        m = Module()
        head = data.View(header(), self.word[:HEADER_BITS])

        # Bits above a kind's end: those up to the next kind's end, and the next, and so on.
        ends = sorted({_end(k) for k in KINDS})
        above_1 = Signal(len(ends), reset_less=True)
        reserved_1 = Signal(reset_less=True)
        tokens_1 = Signal(reset_less=True)
        m.d.sync += [reserved_1.eq(head.reserved.any()),
                     tokens_1.eq(head.wait.any() | head.release.any())]
        for n, (start, stop) in enumerate(pairwise([*ends, BITS])):
            m.d.sync += above_1[n].eq(self.word[start:stop].any())

        # Values without a name. Kinds with the same fields share them.
        named = {k.fields: k for k in KINDS if any(f.enum for f in k.fields)}
        place = {some: n for n, some in enumerate(named)}
        nameless_1 = Signal(len(named), reset_less=True)
        for some, k in named.items():
            view = data.View(fields(k), self.word[HEADER_BITS:_end(k)])
            m.d.sync += nameless_1[place[some]].eq(Cat(
                ~view[f.name].matches(*(member.value for member in f.enum))
                for f in some if f.enum).any())

        zero_2, tokens_2, value_2, known_2 = (
            Signal(name=name, reset_less=True)
            for name in ("zero_2", "tokens_2", "value_2", "known_2"))
        m.d.sync += known_2.eq(self.known)
        with m.Switch(self.kind):
            for n, k in enumerate(KINDS):
                with m.Case(n):
                    m.d.sync += [
                        zero_2.eq(reserved_1 | above_1[ends.index(_end(k)):].any()),
                        tokens_2.eq(0 if k.tokens else tokens_1),
                        value_2.eq(nameless_1[place[k.fields]] if k.fields in place else 0),
                    ]

        with m.If(~known_2):
            m.d.comb += self.reason.eq(Reason.KIND)
        with m.Elif(zero_2):
            m.d.comb += self.reason.eq(Reason.ZERO)
        with m.Elif(tokens_2):
            m.d.comb += self.reason.eq(Reason.TOKENS)
        with m.Elif(value_2):
            m.d.comb += self.reason.eq(Reason.VALUE)
        return m
