# SPDX-License-Identifier: Apache-2.0
"""Quadratic polynomials of a table's rows, in DSP slices.

::

    d's upper 18 ──►.                 .──► slope ──►.
    c2 ────────────►(x)──►(+)─────────'             (x)──►(+)──► o      o = c0 + d (c1 + d c2)
    c1 ────────────────────^     d ────────────────►'      ^
    c0 ────────────────────────────────────────────────────'
    cycle 0                    3                                 6, or 7 where d is long
"""

from dataclasses import dataclass

from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.functions.quadratic import SHORT_BITS, SPLIT_BITS, Quadratic, Table
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, inmode, opmode

__all__ = ["SLICE_BITS", "PolynomialConfig", "QuadraticPolynomial", "polynomial", "slice_config"]

SLICE_BITS = 27
"""What the wide side of a slice's multiplier takes."""

PLAIN, NOT = 0b0000, 0b0010
"""ALUMODE: the sum, and all its bits inverted."""


def slice_config(opmodes: tuple[int, ...], *, late: bool = False,
                 alumodes: tuple[int, ...] = (PLAIN,)) -> Dsp48e2Config:
    """A slice whose operands pass one register, or two if it is ``late``: 3 or 4 cycles.

    All have the same attributes and differ in their modes.
    """
    return Dsp48e2Config(areg=2, breg=2, opmodes=opmodes, alumodes=alumodes,
                         inmodes=(inmode(a1=not late, b1=not late),))


@dataclass(frozen=True, kw_only=True)
class PolynomialConfig:
    """A table's arithmetic.

    Parameters
    ----------
    quadratic : Quadratic
        Widths and points.
    shapes : tuple of (int, bool)
        Bits of c0, c1 and c2, and whether one of them is the sign.
    """

    quadratic: Quadratic
    shapes: tuple[tuple[int, bool], ...]

    def __post_init__(self) -> None:
        most = SHORT_BITS - 1 + SPLIT_BITS
        if not 2 <= self.quadratic.d_bits <= most:
            raise ValueError(f"Polynomials take d of 2 to {most} bits,"
                             f" not {self.quadratic.d_bits!r}")
        for name, (bits, is_signed), limit in zip(("c0", "c1", "c2"), self.shapes,
                                                  (48 - self.quadratic.c0_shift,
                                                   48 - self.quadratic.c1_shift, SLICE_BITS),
                                                  strict=True):
            if bits - is_signed >= limit:
                raise ValueError(f"Polynomials take {name} of less than {limit} bits and a sign,"
                                 f" not {bits - is_signed!r}")

    @property
    def width(self) -> int:
        """Bits of a row of coefficients."""
        return sum(bits for bits, _ in self.shapes)


def polynomial(table: Table) -> PolynomialConfig:
    """The configuration for ``table``."""
    return PolynomialConfig(quadratic=table.quadratic, shapes=table.shapes)


class QuadraticPolynomial(wiring.Component):
    """o = c0 + d (c1 + d c2), ``latency`` = 6 cycles later, or 7 where d has more than 18 bits.

    Moves in every cycle, a polynomial each. No handshake, no reset.

    Numerics: bit-exact to :meth:`flightllm_hw.formats.functions.quadratic.Table.evaluate`, modulo
    2^48; what it shifts is written there.

    Parameters
    ----------
    config : PolynomialConfig
        Widths, points.

    Members
    -------
    word : In
        A row of :attr:`~flightllm_hw.formats.functions.quadratic.Table.words`: c0, c1, c2.
    d : In
        Where in the segment.
    invert : In
        Whether ``o`` shall be ~f for f.
    o : Out
        The polynomial.

    Platform overrides: two DSP48E2, three where d is long; with them some 40 LUTs and flip-flops
    as delays, no logic.
    """

    def __init__(self, config: PolynomialConfig):
        self.config = config
        super().__init__({
            "word": In(config.width),
            "d": In(signed(config.quadratic.d_bits)),
            "invert": In(1),
            "o": Out(signed(48)),
        })

    @property
    def latency(self) -> int:
        """Cycles from ``word`` and ``d`` to ``o``."""
        return 7 if self.config.quadratic.is_split else 6

    def elaborate(self, platform):
        m = Module()
        q = self.config.quadratic
        split = q.is_split

        def late(name, value, cycles):
            delay = place(m, platform, name, Delay(DelayConfig(width=len(value), cycles=cycles)))
            m.d.comb += delay.i.eq(value)
            return delay.o

        def slice_(name, *, x_by_y, c=None, mode, is_late=False, alumodes=(PLAIN,)):
            config = slice_config((mode,), late=is_late, alumodes=alumodes)
            dsp = place(m, platform, name, Dsp48e2(config))
            a, b = x_by_y
            m.d.comb += [dsp.a.eq(a), dsp.b.eq(b), dsp.opmode.eq(mode),
                         dsp.inmode.eq(config.inmodes[0])]
            if c is not None:
                m.d.comb += dsp.c.eq(c)
            return dsp

        # The row's fields.
        fields, start = [], 0
        for bits, is_signed in self.config.shapes:
            field = self.word[start:start + bits]
            fields.append((field, is_signed))
            start += bits

        def number(field, is_signed):
            return field.as_signed() if is_signed else field

        # The slope. Addends pass a register, factors one and the product's: addends come later.
        (c0, c0_signed), (c1, c1_signed), (c2, c2_signed) = fields
        c1_1 = number(late("c1", c1, 1), c1_signed)
        slope_3 = slice_("slope", x_by_y=(number(c2, c2_signed), self.d >> q.d_drop),
                         c=(c1_1 << q.c1_shift) + ((1 << q.slope_drop) >> 1),
                         mode=opmode(x="M", y="M", z="C")).p[q.slope_drop:][:SLICE_BITS].as_signed()

        # The product with all of d: its lower part goes first, and cascades.
        d_3 = late("d", self.d, 3).as_signed()
        c = number(late("c0", c0, self.latency - 2), c0_signed) << q.c0_shift
        alumodes = (PLAIN, NOT)
        if split:
            low = slice_("low", x_by_y=(slope_3, d_3[:SPLIT_BITS]), mode=opmode(x="M", y="M"))
            last = slice_("high", x_by_y=(slope_3, d_3[SPLIT_BITS:].as_signed()), c=c,
                          mode=opmode(x="M", y="M", z="PCIN>>17", w="C"), is_late=True,
                          alumodes=alumodes)
            m.d.comb += last.pcin.eq(low.pcout)
        else:
            last = slice_("product", x_by_y=(slope_3, d_3), c=c,
                          mode=opmode(x="M", y="M", z="C"), alumodes=alumodes)
        m.d.comb += last.alumode.eq(late("invert", self.invert, self.latency - 2) << 1)
        m.d.comb += self.o.eq(last.p)
        return m
