# SPDX-License-Identifier: Apache-2.0
"""From a tile's element and a window of activations to the operands of one DSP48E2.

A DSP48E2 multiplies B by D, by A or by D - A, as INMODE says. That is the multiplexer between dense
and sparse tiles, for nothing, and the adder that packs two codes::

               D = {row 1, row 0}      A = {picked, picked}      B              product
    dense      codes of two rows       EXCESS, subtracted        activation     {row 1, row 0} * x
    sparse     off                     activations               code           {x1, x0} * code

Dense codes lie side by side as they come, 128 too large, and D fills in ones::

    D        1 | row 1 + 128 | 11 1111 1111 | row 0 + 128     = row 1 * 2^18 + row 0
                                                                + A
    A        1 |  1000 0000  | 11 1111 1111 |  1000 0000        the activations -128, -128, packed

A is the same whatever the MUX picks, so nothing has to hold the MUX or INMODE back: both are
driven by wires. Without the excess, A would have to lend 2^18 where row 0 is negative, and a LUT a
DSP would see to that.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import ChainConfig
from flightllm_hw.formats.pair import PAIR_SPACING
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.dsp48e2 import inmode
from flightllm_hw.primitives.mux import SliceMux, SliceMuxConfig

from .layouts import EXCESS, EXCESS_OF_CODE, Pair, element, offer, packed

__all__ = ["INMODES", "ActivationOffer", "SparseMux"]

DENSE = inmode(use_d=True, subtract=True)
SPARSE = inmode()

INMODES = DENSE, SPARSE
"""INMODEs that multiply by D - A and by A."""


class SparseMux(wiring.Component):
    """Picks one DSP's operands: FlightLLM's sparse MUX (section 3.2, figure 5d).

    A MUX of ``slots`` inputs of 8 bits is two of half as many and a last 2:1. It is read in two
    ways: both halves give an activation each, of two tokens (slots below half of all), or the last
    2:1 picks one activation of all (what ``hi`` then holds is no result's concern).

    Combinational; the DSP's own input registers follow.

    Parameters
    ----------
    config : ChainConfig
        ``slots`` alone matters.

    Members
    -------
    operand : In
        Dense: the codes of two rows. Sparse: code and slot.
    column : In
        Dense: the activation.
    offer : In
        Sparse: what the MUX picks from. Dense: :data:`~flightllm_hw.compute.layouts.EXCESS`.
    dense : In
        Which of the two.
    a, b, d, inmode : Out
        As the DSP48E2's ports of these names.

    Cost: 36 LUTs with 16 slots: a 4:1 of each of 128 bits, and two bits of B to a LUT.
    """

    def __init__(self, config: ChainConfig):
        self.config = config
        super().__init__({
            "operand": In(element()),
            "column": In(signed(8)),
            "offer": In(offer(config)),
            "dense": In(1),
            "a": Out(signed(30)),
            "b": Out(signed(18)),
            "d": Out(signed(27)),
            "inmode": Out(5),
        })

    def elaborate(self, platform):
        m = Module()
        half = self.config.slots // 2
        slot = Signal(range(2 * half))
        m.d.comb += slot.eq(self.operand.mate)

        def joined(name, inputs, select, level):
            mux = place(m, platform, name,
                        SliceMux(SliceMuxConfig(width=len(Value.cast(inputs[0])), level=level)))
            m.d.comb += [mux.i0.eq(inputs[0]), mux.i1.eq(inputs[1]), mux.s.eq(select)]
            return mux.o

        # Both halves pick by the low bits of the slot: fours in LUTs, then the slice's own MUXes.
        fours = []
        for first in range(0, half, 4):
            four = Signal(Pair, name=f"four_{first}")
            i_0, i_1, i_2, i_3 = (Value.cast(self.offer[first + n]) for n in range(4))
            m.d.comb += four.as_value().eq(
                Mux(slot[1], Mux(slot[0], i_3, i_2), Mux(slot[0], i_1, i_0)))
            fours.append(four)
        level = 7
        while len(fours) > 1:
            fours = [joined(f"mux_f{level}_{n}", fours[n:n + 2], slot[level - 5], level)
                     for n in range(0, len(fours), 2)]
            level += 1
        picked = Signal(Pair)
        m.d.comb += picked.eq(fours[0])

        # The last bit chooses between the halves. Those of EXCESS are equal.
        lo = joined("mux_upper", [picked.lo, picked.hi], slot[-1], level)

        code = self.operand.code
        between = PAIR_SPACING - 8
        m.d.comb += [
            self.a.eq(Cat(lo, lo[-1].replicate(between), picked.hi).as_signed()),
            self.d.eq(Cat(code, ~Const(0, between), self.operand.mate, Const(1, 1)).as_signed()),
            self.b.eq(Mux(self.dense, self.column, (code ^ EXCESS_OF_CODE).as_signed())),
            self.inmode.eq(Mux(self.dense, DENSE, SPARSE)),
        ]
        return m


class ActivationOffer(wiring.Component):
    """Lays a window of activations out for the sparse MUXes of every DSP group.

    The layout follows from the tile's pattern alone, so one of these serves all chains of a lane::

        window   | 0 .. 7 | 8 .. 15 | 16 .. 23 | 24 .. 31 |     of each of two tokens
        2:4, 4:8   DG 0,1   DG 2,3
        1:4        DG 0     DG 1      DG 2       DG 3
        4:16       DG 0,1 ........ |  DG 2,3 .......... |       (one token)

    Dense tiles need no choice; what their MUXes pick is ``EXCESS``.

    Offers appear one cycle after the window (``latency``); ``columns`` with them.

    Parameters
    ----------
    config : ChainConfig
        Window, slots and what lies where (:meth:`~flightllm_hw.config.ChainConfig.base`).

    Members
    -------
    pattern : In
        The tile's :class:`~flightllm_hw.formats.Pattern`.
    windows : In
        Activations of both tokens.
    offers : Out
        One for each DSP group.
    columns : Out
        Each DSP's activation for dense tiles: the first token's window, from its beginning.
    """

    latency = 1

    def __init__(self, config: ChainConfig):
        self.config = config
        super().__init__({
            "pattern": In(unsigned(3)),
            "windows": In(data.ArrayLayout(data.ArrayLayout(signed(8), config.window), 2)),
            "offers": Out(data.ArrayLayout(offer(config), config.groups)),
            "columns": Out(data.ArrayLayout(signed(8), config.length)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        half = c.slots // 2
        first, second = self.windows[0], self.windows[1]

        # Two tokens' activations of a column make a packed pair.
        pairs = Signal(data.ArrayLayout(Pair, c.window))
        for n in range(c.window):
            m.d.comb += pairs[n].eq(packed(first[n], second[n]))

        # Every distinct base is one input of the multiplexers; a number for it saves them LUTs.
        sparse = [p for p in c.patterns if p is not Pattern.DENSE]
        dense = Signal()
        m.d.comb += dense.eq(self.pattern == Pattern.DENSE.value)
        for group in range(c.groups):
            laid = Signal(offer(c), name=f"offer_{group}")
            places = {p: (c.base(p, group), c.tokens(p) == 1) for p in sparse}
            choices = sorted(set(places.values()))
            choice = Signal(range(len(choices)), name=f"choice_{group}", attrs={"keep": "true"})
            with m.Switch(self.pattern):
                for p in sparse:
                    with m.Case(p.value):
                        m.d.comb += choice.eq(choices.index(places[p]))
            with m.Switch(choice):
                for number, (base, wide) in enumerate(choices):
                    with m.Case(number) if number < len(choices) - 1 else m.Default():
                        for n in range(min(half, c.window - base)):
                            if wide:
                                m.d.comb += laid[n].lo.eq(first[base + n])
                                m.d.comb += laid[n].hi.eq(first[base + half + n])
                            else:
                                m.d.comb += laid[n].eq(pairs[base + n])
            offer_1 = Signal(offer(c), name=f"offer_{group}_1", reset_less=True)
            m.d.sync += offer_1.eq(laid)
            with m.If(dense):
                m.d.sync += [pair.eq(Pair.const(EXCESS)) for pair in offer_1]
            m.d.comb += self.offers[group].eq(offer_1)

        columns_1 = Signal.like(self.columns, reset_less=True)
        for n in range(c.length):
            m.d.sync += columns_1[n].eq(first[n])
        m.d.comb += self.columns.eq(columns_1)
        return m
