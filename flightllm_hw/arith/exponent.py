# SPDX-License-Identifier: Apache-2.0
"""The exponents of exp, sigmoid and GELU as powers of two: a float32 to fixed point, by a table.

::

    exponent ──► clamp ──► pages ──┬── base ───(or)──► table ──► word ─┐
                             ^     └── shift ──.  │                    ├──► polynomial ──► t
    select ──────────────────'                 │  │                    │
    fraction ────────────────────────────────(<<)─┴──► d ──────────────┘
    cycle    0              1      2              3             5                        12
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.exponents import (
    FRACTION_BITS,
    PAGE_EXPONENTS,
    SEGMENT_BITS,
    exponent_pages,
    exponent_table,
)
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.rom import Rom, RomConfig

from .layouts import Fp32
from .quadratic import QuadraticPolynomial, polynomial

__all__ = ["T_BITS", "Exponent", "ExponentConfig"]

T_BITS = 40
"""Bits of an exponent, 31 of them behind the point."""


@dataclass(frozen=True, kw_only=True)
class ExponentConfig:
    """There is nothing to choose."""


class Exponent(wiring.Component):
    """t = V(|x|), or ~V(|x|), ``latency`` = 12 cycles later.

    Moves in every cycle, an element each. No handshake, no reset.

    Numerics: bit-exact to :func:`flightllm_hw.formats.functions.exponents.exponent`.

    Parameters
    ----------
    config : ExponentConfig

    Members
    -------
    x : In
        A float32, of which the sign does not matter.
    select : In
        EXP, SIGMOID or GELU of :mod:`flightllm_hw.formats.functions.exponents`.
    invert : In
        Whether ``t`` shall be ~V.
    t : Out
        The exponent, 31 bits of it behind the point.

    Platform overrides: three DSP48E2 and two RAMB36E2; with them about 200 LUTs and 240
    flip-flops.
    """

    latency = 12

    def __init__(self, config: ExponentConfig):
        self.config = config
        super().__init__({
            "x": In(Fp32),
            "select": In(2),
            "invert": In(1),
            "t": Out(signed(T_BITS)),
        })

    def elaborate(self, platform):
        m = Module()
        table, pages = exponent_table(), exponent_pages()
        base_bits = (len(table.rows) - 1).bit_length()

        # The page. An exponent below 96 is taken for 96, one above 159 for 159.
        exponent = self.x.exponent
        page_bits = (PAGE_EXPONENTS - 1).bit_length()
        page_1 = Signal(page_bits, reset_less=True)
        select_1 = Signal(2, reset_less=True)
        m.d.sync += [page_1.eq(exponent), select_1.eq(self.select)]
        with m.If(~exponent[7] & ~exponent[5:7].all()):
            m.d.sync += page_1.eq(PAGE_EXPONENTS // 2)
        with m.Elif(exponent[7] & exponent[5:7].any()):
            m.d.sync += page_1.eq(PAGE_EXPONENTS // 2 - 1)
        words = tuple(page.base | page.shift << base_bits for page in pages)
        rom = place(m, platform, "pages", Rom(RomConfig(
            width=base_bits + 2, words=words, style="distributed")))
        m.d.comb += rom.addr.eq(Cat(page_1, select_1))
        base_2, shift_2 = rom.data[:base_bits], rom.data[base_bits:]
        fraction = place(m, platform, "fraction", Delay(DelayConfig(
            width=FRACTION_BITS, cycles=2)))
        m.d.comb += fraction.i.eq(self.x.fraction)

        # The row, and d, whose first bit is its sign: the middle of a segment is 0.
        shifted_2 = Signal(FRACTION_BITS + SEGMENT_BITS[-1])
        with m.Switch(shift_2):
            for shift, bits in enumerate(SEGMENT_BITS):
                with m.Case(shift):
                    m.d.comb += shifted_2.eq(fraction.o << bits)
        row_3 = Signal(base_bits, reset_less=True)
        d_3 = Signal(FRACTION_BITS, reset_less=True)
        m.d.sync += [
            row_3.eq(base_2 | shifted_2[FRACTION_BITS:]),
            d_3.eq(shifted_2[:FRACTION_BITS] ^ Const(1 << FRACTION_BITS - 1, FRACTION_BITS)),
        ]

        # The polynomial.
        config = polynomial(table)
        segments = place(m, platform, "segments", Rom(RomConfig(
            width=config.width, words=table.words)))
        d = place(m, platform, "d", Delay(DelayConfig(width=FRACTION_BITS,
                                                      cycles=segments.latency)))
        invert = place(m, platform, "invert", Delay(DelayConfig(width=1, cycles=5)))
        value = place(m, platform, "value", QuadraticPolynomial(config))
        m.d.comb += [
            segments.addr.eq(row_3),
            d.i.eq(d_3),
            invert.i.eq(self.invert),
            value.word.eq(segments.data),
            value.d.eq(d.o.as_signed()),
            value.invert.eq(invert.o),
            self.t.eq(value.o),
        ]
        return m
