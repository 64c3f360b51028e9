# SPDX-License-Identifier: Apache-2.0
"""Greatest elements of segments and their places, a row a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.compare import ordered_key
from flightllm_hw.arith.layouts import Fp32
from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import Reduce

from .layouts import row

__all__ = ["SegmentMax"]

LEAST = ~0x7F80_0000
"""The key of minus infinity."""


class SegmentMax(wiring.Component):
    """Maximum, greatest magnitude, or the place of the first maximum of every segment.

    Elements are compared by their :func:`~flightllm_hw.arith.compare.ordered_key`: NaN is greater
    than all; zeros are equal and come out as +0. Elements that do not count are minus infinity,
    magnitudes zero.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    valid, first, last, kind, counts, i : In
        Rows, the first and the last of a segment; what is wanted; which elements count.
    o_valid, o : Out
        Bits of an FP32 number, or the place's number, ``latency`` cycles after the last row.

    Reset: forgets what is under way.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        super().__init__({
            "valid": In(1), "first": In(1), "last": In(1), "kind": In(3),
            "counts": In(config.width), "i": In(row(config)),
            "o_valid": Out(1), "o": Out(32),
        })

    @property
    def latency(self) -> int:
        """Cycles from a segment's last row to its result."""
        return self.config.width.bit_length() + 2

    def elaborate(self, platform):
        m = Module()
        c = self.config
        levels = c.width.bit_length() - 1
        item = data.StructLayout({"key": signed(32), "place": levels})

        # Keys.
        level = []
        magnitudes = self.kind == Reduce.ABSMAX
        for n in range(c.width):
            x = Signal(Fp32, name=f"x_{n}")
            key = Signal(signed(32), name=f"key_{n}", reset_less=True)
            m.d.comb += [x.eq(self.i[n]), x.sign.eq(self.i[n][31] & ~magnitudes)]
            m.d.sync += key.eq(ordered_key(x))
            with m.If(~self.counts[n]):
                m.d.sync += key.eq(Mux(magnitudes, 0, LEAST))
            level.append((key, None))

        # The greatest of a row; the left one where two are equal.
        for n in range(levels):
            above = []
            for k in range(len(level) // 2):
                (left, left_at), (right, right_at) = level[2 * k:2 * k + 2]
                key = Signal(signed(32), name=f"key_{n}_{k}", reset_less=True)
                at = Signal(n + 1, name=f"at_{n}_{k}", reset_less=True)
                takes = Signal(name=f"takes_{n}_{k}")
                m.d.comb += takes.eq(right > left)
                m.d.sync += [key.eq(Mux(takes, right, left)),
                             at.eq(Cat(Mux(takes, right_at, left_at), takes) if n else takes)]
                above.append((key, at))
            level = above
        (key, at), = level

        flags = Signal(4 * (levels + 1))
        m.d.sync += flags.eq(flags << 4 | Cat(self.kind == Reduce.ARGMAX,
                                              self.last, self.first, self.valid))
        argmax, last, first, valid = flags[-4:]

        # The greatest of a segment.
        best = Signal(item, reset_less=True)
        number, best_number = (Signal(c.row_bits, name=name, reset_less=True)
                               for name in ("number", "best_number"))
        better = Signal()
        row_number = Signal(c.row_bits)
        m.d.comb += [better.eq(first | (key > best.key)), row_number.eq(Mux(first, 0, number))]
        with m.If(valid):
            m.d.sync += number.eq(row_number + 1)
            with m.If(better):
                m.d.sync += [best.key.eq(key), best.place.eq(at), best_number.eq(row_number)]
        ends, of_argmax = Signal(), Signal()
        m.d.sync += [ends.eq(valid & last), of_argmax.eq(argmax)]

        # Back from the key.
        below = best.key[31]
        value = Cat(best.key[:31] ^ below.replicate(31), below)
        o, o_valid = Signal(32, reset_less=True), Signal()
        m.d.sync += [o.eq(Mux(of_argmax, Cat(best.place, best_number), value)), o_valid.eq(ends)]
        m.d.comb += [self.o.eq(o), self.o_valid.eq(o_valid)]
        return m
