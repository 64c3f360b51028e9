# SPDX-License-Identifier: Apache-2.0
"""Codes and scales from the special function unit to all lanes."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.sfu.layouts import TAG_BITS, code_row, made_scalar
from flightllm_hw.sfu.pipeline import CODED

from .crossing import Crossing, CrossingConfig
from .destinations import append_unit, destination
from .layouts import ExchangeConfig
from .scales import TokenScales
from .units import AppendUnits
from .words import ActivationWords

__all__ = ["CLUSTER", "Broadcast"]

CLUSTER = 8
"""Lanes, neighbours of one another, that share registers on the way."""

DEPTH = 128
"""Rows that may wait: more than come once the unit is held."""


class Broadcast(wiring.Component):
    """Gives each row of codes to whom its pass's destination names.

    ::

        i_codes ─► queue ─┬─► ActivationWords ─► word, bank, lanes ══╪══►
                          ├─► AppendUnits ─────► unit, lane ─────────╪──►
                 table ───┤                                      registers
        i_scalar ─────────┴─► TokenScales ─────► scale, lanes ═══════╪══►

    Activations go as fast as they come. Keys and values take a cycle for each unit of up to eight
    codes; rows wait meanwhile, and ``hold`` stops the unit before there are too many.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    write_en, write_tag, write_data : In
        The destination (:func:`~.destinations.destination`) of the passes with a tag. To be written
        before such a pass is issued, one of no codes too (``scales`` none); what came of an earlier
        pass of that tag must have passed.
    i_codes_valid, i_codes, i_scalar_valid, i_scalar : In
        What the unit gives (:func:`~flightllm_hw.sfu.layouts.code_row`,
        :func:`~flightllm_hw.sfu.layouts.made_scalar`).
    hold : Out
        To the unit.
    append_ready : In
        Of every lane's :class:`~.append.Append`, as it is in the lane.
    busy : Out
        Something is under way to the lanes; off: all has been written there, or been given to
        Append. What is in the unit does not count.
    o_n_word_en, o_n_word, o_n_data : Out
        For the activation buffer of lane n (a bit a bank).
    o_n_scale_en, o_n_scale_at, o_n_scale_data : Out
        For its token scales.
    o_n_append_valid, o_n_append : Out
        For its Append: units (:func:`~.destinations.append_unit`). There is room for those under
        way when it is not ready any more (``Append``'s slack).

    Reset: forgets everything under way; destinations stay.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        c = config
        lane = c.lane
        sfu = c.accelerator.sfu
        assert DEPTH > CODED + 4
        super().__init__({
            "write_en": In(1), "write_tag": In(TAG_BITS), "write_data": In(destination(c)),
            "i_codes_valid": In(1), "i_codes": In(code_row(sfu)),
            "i_scalar_valid": In(1), "i_scalar": In(made_scalar(sfu)),
            "hold": Out(1), "append_ready": In(c.lanes), "busy": Out(1),
            **{f"o_{n}_{name}": Out(shape) for n in range(c.lanes) for name, shape in (
                ("word_en", 2), ("word", range(lane.window_words)),
                ("data", 8 * lane.chain.window),
                ("scale_en", 1), ("scale_at", range(2 * lane.tokens)), ("scale_data", 32),
                ("append_valid", 1), ("append", append_unit(c)))},
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        sfu = c.accelerator.sfu

        # Destinations, one for a row's pass and one for a scalar's.
        table = Memory(shape=destination(c), depth=1 << TAG_BITS, init=[],
                       attrs={"ram_style": "distributed"})
        m.submodules.table = table
        write = table.write_port()
        of_row, of_scalar = (table.read_port(domain="comb") for _ in range(2))
        m.d.comb += [write.en.eq(self.write_en), write.addr.eq(self.write_tag),
                     write.data.eq(self.write_data)]

        # Rows wait for their turn; the next but one is looked up.
        queue = place(m, platform, "queue", Queue(QueueConfig(
            width=len(self.i_codes.as_value()), depth=DEPTH)))
        coming = Signal()
        row_0 = Signal(code_row(sfu), reset_less=True)
        m.d.sync += [coming.eq(self.i_codes_valid), row_0.eq(self.i_codes)]
        m.d.comb += [queue.i.valid.eq(coming), queue.i.payload.eq(row_0.as_value())]
        valid_1, valid_2 = Signal(), Signal()
        row_1, row_2 = (Signal(code_row(sfu), name=name, reset_less=True)
                        for name in ("row_1", "row_2"))
        to_2 = Signal(destination(c), reset_less=True)
        moves = Signal()
        taken = Signal()
        m.d.comb += [
            moves.eq(~valid_2 | taken),
            queue.o.ready.eq(~valid_1 | moves),
            of_row.addr.eq(row_1.tag),
        ]
        with m.If(queue.o.ready):
            m.d.sync += [valid_1.eq(queue.o.valid), row_1.as_value().eq(queue.o.payload)]
        with m.If(moves):
            m.d.sync += [valid_2.eq(valid_1), row_2.eq(row_1), to_2.eq(of_row.data)]

        # The unit is held while those that still come might find no room.
        waiting = Signal(range(DEPTH + 1))
        m.d.sync += [
            waiting.eq(waiting + coming - (queue.o.valid & queue.o.ready)),
            self.hold.eq(waiting >= DEPTH - (CODED + 4)),
        ]

        # Activations and scales at once, appends when all lanes have room.
        words = place(m, platform, "words", ActivationWords(c))
        units = place(m, platform, "units", AppendUnits(c))
        scales = place(m, platform, "scales", TokenScales(c))
        ready = Signal(len(range(0, c.lanes, CLUSTER)))
        activates = Signal()
        scalar_1 = Signal(made_scalar(sfu), reset_less=True)
        scalar_valid_1 = Signal()
        scalar_2 = Signal(made_scalar(sfu), reset_less=True)
        scalar_valid_2 = Signal()
        scalar_to_2 = Signal(destination(c), reset_less=True)
        m.d.sync += [
            scalar_valid_1.eq(self.i_scalar_valid), scalar_1.eq(self.i_scalar),
            scalar_valid_2.eq(scalar_valid_1), scalar_2.eq(scalar_1),
            scalar_to_2.eq(of_scalar.data),
        ]
        m.d.comb += [
            activates.eq(~to_2.target.any()),
            taken.eq(valid_2 & (activates | units.taken)),
            words.i_valid.eq(valid_2 & activates), words.i.eq(row_2), words.to.eq(to_2),
            units.i_valid.eq(valid_2 & ~activates & ready.all()),
            units.i.eq(row_2), units.to.eq(to_2),
            scales.i_valid.eq(valid_2 & activates), scales.i.eq(row_2), scales.to.eq(to_2),
            of_scalar.addr.eq(scalar_1.tag),
            scales.scalar_valid.eq(scalar_valid_2), scales.scalar.eq(scalar_2),
            scales.scalar_to.eq(scalar_to_2),
        ]

        # To the lanes, a cluster at a time.
        word, scale, unit = words.o, scales.o, units.o
        shared = Cat(word.word, word.codes, scale.at, scale.value, unit.as_value())
        for first in range(0, c.lanes, CLUSTER):
            lanes = range(first, min(first + CLUSTER, c.lanes))
            flags = Cat(*(Cat(words.o_valid & word.lanes[n] & ~word.bank,
                              words.o_valid & word.lanes[n] & word.bank,
                              scales.o_valid & scale.lanes[n],
                              units.o_valid & units.lanes[n]) for n in lanes))
            way = place(m, platform, f"way_{first // CLUSTER}", Crossing(CrossingConfig(
                flags=len(flags), payload=len(shared), stages=c.crossings)))
            back = place(m, platform, f"back_{first // CLUSTER}", Crossing(CrossingConfig(
                flags=1, payload=1, stages=c.crossings)))
            m.d.comb += [way.flags.eq(flags), way.i.eq(shared),
                         back.flags.eq(Cat(self.append_ready[n] for n in lanes).all())]
            m.d.sync += ready[first // CLUSTER].eq(back.o_flags)
            for k, n in enumerate(lanes):
                def out(name, n=n):
                    return Value.cast(getattr(self, f"o_{n}_{name}"))

                m.d.comb += [
                    Cat(out("word_en"), out("scale_en"), out("append_valid")).eq(
                        way.o_flags[4 * k:4 * k + 4]),
                    Cat(out("word"), out("data"), out("scale_at"), out("scale_data"),
                        out("append")).eq(way.o),
                ]

        # Busy until the last that went has crossed.
        goes = Signal()
        after = Signal(range(ActivationWords.latency + c.crossings + 4))
        m.d.comb += goes.eq(coming | queue.o.valid | valid_1 | valid_2 | scalar_valid_1
                            | scalar_valid_2 | scales.busy | self.i_codes_valid
                            | self.i_scalar_valid)
        with m.If(goes):
            m.d.sync += after.eq(ActivationWords.latency + c.crossings + 3)
        with m.Elif(after != 0):
            m.d.sync += after.eq(after - 1)
        m.d.comb += self.busy.eq(goes | (after != 0))
        return m
