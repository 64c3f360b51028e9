# SPDX-License-Identifier: Apache-2.0
"""Rows of codes to what is appended to the lanes' memories."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.isa.table import Target
from flightllm_hw.memory.beats import SIDE
from flightllm_hw.sfu.layouts import code_row

from .destinations import append_unit, beat_shift, destination, unit_codes, whose
from .layouts import ELEMENT_BITS, ExchangeConfig

__all__ = ["AppendUnits"]


class AppendUnits(wiring.Component):
    """Cuts a segment of keys or values into units that lie in one piece of memory, one a cycle.

    ::

        keys     8 codes   in bytes 8 place ..    group n in beat  address
        values   U codes   in bytes place, 8 + place, ..           + n // s * high + n % s * low

    s is 4 for keys; for values it is how many groups a tile's height has. U is 8, and the tile's
    height where that is less; there a group of keys is put together of several. Behind a segment of
    keys its scale follows. Bit-exact to :mod:`flightllm_hw.formats.append`.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i, to : In
        A row, and where it goes; held until ``taken``.
    taken : Out
        The row has been cut.
    lanes, o_valid, o : Out
        Whom a unit is for, and the unit (:func:`~.destinations.append_unit`).

    Latency: 2. Throughput: a unit a cycle; a scale takes one as well. Reset: forgets all.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "i_valid": In(1), "i": In(code_row(config.accelerator.sfu)),
            "to": In(destination(config)), "taken": Out(1),
            "lanes": Out(config.lanes), "o_valid": Out(1), "o": Out(append_unit(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        i, to = self.i, self.to
        size = unit_codes(c)
        shift = beat_shift(c)
        values = Signal()
        keys = Signal()
        m.d.comb += [values.eq(to.target == Target.VALUES), keys.eq(to.target == Target.KEYS)]

        # Units of a row; or rows of a unit, where those are shorter.
        units = max(1, c.width // size)
        rows = max(1, size // c.width)
        unit = Signal(range(max(2, units)))
        part = Signal(range(max(2, rows)))
        scales = Signal()
        whole = Signal()
        codes = Signal(8 * size)
        last_unit = Signal()
        bits = i.codes.as_value()
        if rows > 1:
            # Codes of the rows before; those of rows that do not come are zero.
            kept = Signal(data.ArrayLayout(8 * c.width, rows), reset_less=True)
            for n in range(rows):
                m.d.comb += codes[8 * c.width * n:][:8 * c.width].eq(
                    Mux(part == n, bits, _unless_below(part, n, kept[n])))
            with m.If(self.i_valid & ~scales):
                m.d.sync += [part.eq(Mux(i.last, 0, part + 1)),
                             Array(kept[n] for n in range(rows))[part].eq(bits)]
            m.d.comb += [whole.eq(i.last | (part == rows - 1)), last_unit.eq(1)]
        else:
            m.d.comb += [
                codes.eq(Array(bits[8 * size * n:][:8 * size] for n in range(units))[unit]),
                whole.eq(1), last_unit.eq(unit == units - 1),
            ]
            with m.If(self.i_valid & ~scales):
                m.d.sync += unit.eq(Mux(last_unit, 0, unit + 1))
        ends = Signal()
        m.d.comb += [
            ends.eq(i.last & last_unit),
            self.taken.eq(self.i_valid & (scales | (last_unit & ~(ends & keys)))),
        ]
        with m.If(self.i_valid):
            m.d.sync += scales.eq(ends & keys & ~scales)

        # Where the next unit goes: its group's first beat and the group's place in the tile.
        first = Signal(init=1)
        place = Signal(ELEMENT_BITS)       # of the unit's first code in the segment
        start = Signal.like(place)
        beat = Signal(32)
        base = Signal(32)
        together = c.lane.beat_bits // 16 // size     # groups of a value in a tile's height
        group = Signal(range(max(4, together)))
        last_group = Signal()
        next_beat, next_base = Signal(32), Signal(32)
        at_place, at_beat, at_base = Signal.like(place), Signal(32), Signal(32)
        at_group = Signal.like(group)
        whole_group = Signal()
        inner = 8 // size                  # units of a group of keys
        m.d.comb += [
            at_place.eq(Mux(first, 0, place)),
            at_group.eq(Mux(first, 0, group)),
            at_beat.eq(Mux(first, to.address, beat)),
            at_base.eq(Mux(first, to.address, base)),
            whole_group.eq(values if inner == 1 else
                           values | at_place[size.bit_length() - 1:3].all()),
            last_group.eq(Mux(values, at_group == together - 1, at_group == 3)),
            start.eq(Mux(values, at_place, Cat(Const(0, 3), at_place[3:]))),
            next_base.eq(at_base + to.high),
            next_beat.eq(Mux(last_group, next_base, at_beat + to.low)),
        ]
        if inner == 1:
            m.d.comb += whole_group.eq(1)
        goes = Signal()
        m.d.comb += goes.eq(self.i_valid & whole & ~scales)
        with m.If(goes):
            m.d.sync += [first.eq(ends), place.eq(at_place + size), beat.eq(at_beat),
                         base.eq(at_base), group.eq(at_group)]
            with m.If(whole_group):
                m.d.sync += [beat.eq(next_beat), group.eq(Mux(last_group, 0, at_group + 1))]
                with m.If(last_group):
                    m.d.sync += base.eq(next_base)

        # 1: the unit, or the scale. A last unit goes even if nothing of it is written: it ends the
        # append.
        unit_1 = Signal(append_unit(c), reset_less=True)
        ahead_1 = Signal(max(6, shift), reset_less=True)
        lanes_1 = Signal(c.lanes, reset_less=True)
        valid_1 = Signal()
        counts = Signal()
        unit_ends = Signal()
        m.d.comb += [counts.eq(start < to.limit), unit_ends.eq(ends & values)]
        lanes, _ = whose(m, c, to, i.segment, "unit")
        eight = Signal(64)
        if inner == 1:
            m.d.comb += eight.eq(codes)
        else:
            # Those before in the group; those that do not come are zero.
            before = Signal(data.ArrayLayout(8 * size, inner), reset_less=True)
            index = at_place[size.bit_length() - 1:3]
            for n in range(inner):
                m.d.comb += eight[8 * size * n:][:8 * size].eq(
                    Mux(index == n, codes, _unless_below(index, n, before[n])))
            with m.If(goes):
                m.d.sync += Array(before[n] for n in range(inner))[index].eq(codes)
        m.d.sync += [
            lanes_1.eq(lanes),
            valid_1.eq(goes & (values & (counts | unit_ends) | keys & counts & (whole_group | ends))
                       | self.i_valid & scales),
            unit_1.codes.eq(Mux(values, codes, eight) ^ int("80" * 8, 16)),
            unit_1.beat.eq(at_beat),
            unit_1.values.eq(values),
            unit_1.four.eq(0),
            unit_1.empty.eq(~counts & ~scales),
            unit_1.last.eq(scales | unit_ends),
            ahead_1.eq(Mux(values, to.place, Cat(Const(0, 3), to.place))),
        ]
        with m.If(scales):
            m.d.sync += [
                unit_1.codes.eq(Cat(i.z, i.z)),
                unit_1.beat.eq(Cat(Const(0, 2), to.scale_address) >> shift),
                unit_1.four.eq(1),
                ahead_1.eq(Cat(Const(0, 2), to.scale_address)[:shift]),
            ]

        # 2: its bytes may begin in a later beat, and each of them takes the place of its diagonal.
        # Done here it is done once, for all lanes.
        turn = Signal(range(SIDE))
        m.d.comb += turn.eq(Mux(unit_1.values, ahead_1, ahead_1[:shift] >> 3))
        turned = Array(unit_1.codes.rotate_left(8 * n) for n in range(SIDE))[turn]
        unit_2 = Signal(append_unit(c), reset_less=True)
        m.d.sync += [
            self.o_valid.eq(valid_1), self.lanes.eq(lanes_1), unit_2.eq(unit_1),
            unit_2.at.eq(Mux(unit_1.values, ahead_1, ahead_1[:shift])), unit_2.codes.eq(turned),
        ]
        if shift < 6:
            with m.If(~unit_1.values):
                m.d.sync += unit_2.beat.eq(unit_1.beat + (ahead_1 >> shift))
        m.d.comb += self.o.eq(unit_2)
        return m


def _unless_below(at, n, value):
    """``value``, but zero while ``at`` is below ``n``."""
    return Mux(at < n, 0, value) if n else value
