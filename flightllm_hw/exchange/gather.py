# SPDX-License-Identifier: Apache-2.0
"""All lanes' results to rows of the vector buffer."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.lane.layouts import result
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.sfu.layouts import external_row, scalar

from .corner import CornerTurn
from .crossing import Crossing, CrossingConfig
from .grants import RowGrants
from .layouts import ExchangeConfig, placed, results
from .masks import RowMasks
from .maxima import Maxima
from .sender import ResultSender
from .slots import ResultSlots

__all__ = ["Gather"]


class Gather(wiring.Component):
    """Puts the results of an operation together, from all lanes, and writes them.

    ::

        i_0 ─► ResultSender ══╪══► ResultSlots ─┐
        i_1 ─► ResultSender ══╪══► ResultSlots ─┼─► CornerTurn ─► queue ─► o_row
        ...         ▲ credits │                 │       │ slanted
                    └─────────╪── RowGrants ────┘    Maxima ────► queue ─► o_scalar
                              ▲                         ▲
                          registers              RowMasks (row, enables)

    Results are kept in slots until those of a row block and token are complete, and leave as rows
    of W elements: a row a cycle in all, an element a cycle from each port, which lanes n,
    n + ``ports``, ... share. Where a lane's first element lies in its row does not matter; if it is
    not the first of the row, a slot gives a row more.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i : In, stream
        Operations (:func:`~.layouts.results`), in the order of the lanes'. Their results may come
        earlier, but wait.
    i_0, i_1, ... : In, stream
        Every lane's results (:func:`~flightllm_hw.lane.layouts.result`).
    o_row : Out, stream
        Rows (:func:`~flightllm_hw.sfu.layouts.external_row`), some of no element.
    o_scalar : Out, stream
        Maxima (:func:`~flightllm_hw.sfu.layouts.scalar`).
    done : Out
        For a cycle: all of an operation has been taken.
    halt : In
        Gives up the operation, and takes no other. Long enough for what is under way from lanes,
        which send nothing any more. Rows and maxima that have begun still come.

    Reset: forgets everything. An operation begins tokens + lanes + 2 cycles after it is taken.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        sfu = config.accelerator.sfu
        super().__init__({
            "i": In(stream.Signature(results(config))),
            **{f"i_{n}": In(stream.Signature(result(config.lane))) for n in range(config.lanes)},
            "o_row": Out(stream.Signature(external_row(sfu))),
            "o_scalar": Out(stream.Signature(scalar(sfu))),
            "done": Out(1),
            "halt": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        grants = place(m, platform, "grants", RowGrants(c))
        corner = place(m, platform, "corner", CornerTurn(c))
        masks = place(m, platform, "masks", RowMasks(c))
        maxima = place(m, platform, "maxima", Maxima(c))
        m.d.comb += [
            Value.cast(grants.i.payload).eq(Value.cast(self.i.payload)),
            grants.i.valid.eq(self.i.valid & ~self.halt),
            self.i.ready.eq(grants.i.ready & ~self.halt),
            grants.halt.eq(self.halt),
        ]

        # Lanes, registers on both ways, slots.
        to_lane = Cat(grants.slots, grants.last_row)
        from_lane = len(Signal(placed(c.lane)).as_value())
        for n in range(c.lanes):
            sender = place(m, platform, f"sender_{n}", ResultSender(c))
            slots = place(m, platform, f"slots_{n}", ResultSlots(c))
            there = place(m, platform, f"there_{n}", Crossing(CrossingConfig(
                flags=2, payload=len(to_lane), stages=c.crossings)))
            back = place(m, platform, f"back_{n}", Crossing(CrossingConfig(
                flags=1, payload=from_lane, stages=c.crossings)))
            connect(m, flipped(getattr(self, f"i_{n}")), sender.i)
            m.d.comb += [
                there.flags.eq(Cat(grants.start, grants.credit[n])),
                there.i.eq(to_lane),
                Cat(sender.start, sender.credit).eq(there.o_flags),
                Cat(sender.slots, sender.last_row).eq(there.o),
                back.flags.eq(sender.o_valid),
                back.i.eq(sender.o.as_value()),
                slots.i_valid.eq(back.o_flags),
                slots.i.as_value().eq(back.o),
                slots.clear.eq(self.halt),
                slots.done.eq(grants.some_done[n]),
                slots.at.eq(corner.at[n % c.ports]),
                grants.some[n].eq(slots.some),
                corner.i[n].eq(slots.o),
            ]

        # Rows.
        m.d.comb += [
            *(getattr(corner, name).eq(getattr(grants, name))
              for name in ("turn", "starts", "which", "slot", "first")),
            masks.i_valid.eq(grants.starts),
            masks.i.eq(grants.taken),
            masks.lane_rows.eq(grants.operation.lane_rows),
        ]
        assert masks.latency == corner.slanted_latency
        waits = c.width - 1
        rows = place(m, platform, "rows", Queue(QueueConfig(
            width=len(self.o_row.payload.as_value()), depth=c.rows_under_way)))
        row = Signal(external_row(c.accelerator.sfu))
        late = place(m, platform, "late", Delay(DelayConfig(
            width=c.row_bits + c.width, cycles=waits)))
        arrives = Signal(waits)
        m.d.sync += arrives.eq(arrives << 1 | masks.o_valid)
        m.d.comb += [
            late.i.eq(Cat(masks.o.row, masks.o.enables)),
            Cat(row.row, row.enables).eq(late.o),
            row.elements.eq(corner.o),
            rows.i.valid.eq(arrives[-1]),
            rows.i.payload.eq(row.as_value()),
            self.o_row.valid.eq(rows.o.valid),
            self.o_row.payload.as_value().eq(rows.o.payload),
            rows.o.ready.eq(self.o_row.ready),
        ]

        # Maxima.
        scalars = place(m, platform, "scalars", Queue(QueueConfig(
            width=len(self.o_scalar.payload.as_value()), depth=c.rows_under_way)))
        wanted = grants.operation.maxima
        m.d.comb += [
            maxima.valid.eq(masks.o_valid & wanted),
            maxima.grant.eq(masks.o),
            maxima.i.eq(corner.slanted),
            scalars.i.valid.eq(maxima.o_valid),
            scalars.i.payload.eq(maxima.o.as_value()),
            self.o_scalar.valid.eq(scalars.o.valid),
            self.o_scalar.payload.as_value().eq(scalars.o.payload),
            scalars.o.ready.eq(self.o_scalar.ready),
        ]

        # Whoever goes has room in both queues.
        most = c.rows_under_way
        row_room = Signal(range(most + 1), init=most)
        scalar_room = Signal(range(most + 1), init=most)
        m.d.comb += [
            grants.room.eq((row_room != 0) & (scalar_room != 0)),
            grants.settled.eq((row_room == most) & (scalar_room == most)),
            self.done.eq(grants.done),
        ]
        m.d.sync += [
            row_room.eq(row_room - grants.goes + (rows.o.valid & rows.o.ready)),
            scalar_room.eq(scalar_room - (grants.goes & wanted)
                           + (maxima.passed & ~maxima.o_valid)
                           + (scalars.o.valid & scalars.o.ready)),
        ]
        return m
