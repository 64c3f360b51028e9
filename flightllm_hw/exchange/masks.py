# SPDX-License-Identifier: Apache-2.0
"""Which row of the vector buffer a lane's results go to, and which of its elements they are."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import (
    ELEMENT_BITS,
    LANE_ROW_BITS,
    ROW_BLOCK_BITS,
    ExchangeConfig,
    grant,
)

__all__ = ["RowMasks", "taken"]


def taken(config: ExchangeConfig):
    """What a lane gives: part ``part`` of the results of ``token`` and of a row block.

    The row block begins with the lane's row ``first_row``, and the lane with element ``base``;
    ``shift`` is the place of the row block's first element in its row of the vector buffer, ``o``
    the token's first row there. ``double``: row blocks of twice as many rows as there are chains.
    """
    c = config
    return data.StructLayout({
        "lane": range(max(2, c.lanes)), "token": range(c.lane.tokens),
        "part": range((c.width + c.block - 2 >> c.width_bits) + 1),
        "shift": c.width_bits,
        "first_row": ROW_BLOCK_BITS + (c.block - 1).bit_length(),
        "base": c.row_bits + c.width_bits,
        "o": c.row_bits,
        "limit": ELEMENT_BITS + 1,
        "first": 1, "last": 1, "double": 1,
        "d": c.scalar_bits,
    })


class RowMasks(wiring.Component):
    """row = o + (base + first_row) // W + part, and which columns are in [first, end).

    ::

        part 0   . . . r0 r1 r2 r3 r4      columns from ``shift`` on
        part 1   r5 r6 r7 . . . . .        up to the row block's end, or the lane's

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i : In
        What a lane gives.
    lane_rows : In
        Rows that are kept.
    o_valid, o : Out
        The row, ``latency`` cycles later.

    Reset: forgets what is under way.
    """

    latency = 4

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "i_valid": In(1), "i": In(taken(config)),
            "lane_rows": In(LANE_ROW_BITS),
            "o_valid": Out(1), "o": Out(grant(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        i = self.i
        width = c.width_bits
        flags = Signal(self.latency)
        m.d.sync += flags.eq(flags << 1 | self.i_valid)

        # 1: how many rows are left, kept ones and those that count.
        one = Signal(taken(c), reset_less=True)
        kept_1 = Signal(signed(max(len(i.first_row), len(self.lane_rows)) + 1), reset_less=True)
        below_1 = Signal(signed(max(len(i.first_row), len(i.limit)) + 1), reset_less=True)
        row_1 = Signal(c.row_bits, reset_less=True)
        m.d.sync += [
            one.eq(i),
            kept_1.eq(self.lane_rows - i.first_row),
            below_1.eq(i.limit - i.first_row),
            row_1.eq((i.base + i.first_row) >> width),
        ]

        # 2: no more than the row block has.
        two = Signal(taken(c), reset_less=True)
        kept_2, below_2 = (Signal(range(c.block + 1), name=name, reset_less=True)
                           for name in ("kept_2", "below_2"))
        row_2 = Signal(c.row_bits, reset_less=True)
        m.d.sync += [two.eq(one), row_2.eq(row_1 + one.o)]
        size = Mux(one.double, c.block, c.block // 2)
        for left, most in ((kept_1, kept_2), (below_1, below_2)):
            m.d.sync += most.eq(Mux(left < 0, 0, Mux(left > size, size, left)))

        # 3: where they end in this row.
        three = Signal(taken(c), reset_less=True)
        kept_3, below_3 = (Signal(range(c.width + 1), name=name, reset_less=True)
                           for name in ("kept_3", "below_3"))
        begin_3 = Signal(width, reset_less=True)
        row_3 = Signal(c.row_bits, reset_less=True)
        m.d.sync += [three.eq(two), row_3.eq(row_2 + two.part),
                     begin_3.eq(Mux(two.part.any(), 0, two.shift))]
        for most, end in ((kept_2, kept_3), (below_2, below_3)):
            ends = Signal(signed(len(most) + width + 2), name=f"{end.name}_ends")
            m.d.comb += ends.eq(two.shift + most - (two.part << width))
            m.d.sync += end.eq(Mux(ends < 0, 0, Mux(ends > c.width, c.width, ends)))

        # 4: the columns.
        four = Signal(grant(c), reset_less=True)
        m.d.sync += four.row.eq(row_3)
        for j in range(c.width):
            inside = (kept_3 > j) if j == c.width - 1 else (begin_3 <= j) & (kept_3 > j)
            m.d.sync += [four.enables[j].eq(inside), four.counts[j].eq(inside & (below_3 > j))]
        late = place(m, platform, "late", Delay(DelayConfig(
            width=sum(len(i[name]) for name in ("lane", "token", "first", "last", "d")),
            cycles=self.latency)))
        offset = 0
        for name in ("lane", "token", "first", "last", "d"):
            bits = len(i[name])
            m.d.comb += late.i[offset:offset + bits].eq(i[name])
            m.d.comb += self.o[name].eq(late.o[offset:offset + bits])
            offset += bits
        m.d.comb += [
            self.o_valid.eq(flags[-1]),
            *(self.o[name].eq(four[name]) for name in ("row", "enables", "counts")),
        ]
        return m
