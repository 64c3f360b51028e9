# SPDX-License-Identifier: Apache-2.0
"""Whose results become a row next."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import ROW_BLOCK_BITS, ExchangeConfig, results
from .masks import taken

__all__ = ["RowGrants"]


class RowGrants(wiring.Component):
    """Considers a port's lanes in every cycle, and lets one of them give the next row of its slot.

    ::

        command ─► count ─► lanes' states ─┐
                                           ▼
        turn ─► who has a slot? ─► one ─► its state ─► row, and the state behind it
          (cycle 0)              (1)       (2)              (3)

    A lane's results come row block by row block, in each token by token, a slot each; a slot gives
    as many rows as its elements touch. One operation is gathered at a time: a lane gets as many
    slots as it has row blocks and tokens, in all, and no more.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i : In, stream
        Operations (:func:`~.layouts.results`); the next one is taken when the last is ``done``.
    start, slots, last_row : Out
        To all :class:`~.sender.ResultSender`.
    credit : Out
        To each: a slot is free again.
    some, some_done : In, Out
        Of every lane's :class:`~.slots.ResultSlots`.
    room : In
        There is room for another row.
    goes : Out
        A row of them is used.
    turn, starts, which, slot, first : Out
        To the :class:`~.corner.CornerTurn`.
    taken : Out
        With ``starts``: what :class:`~.masks.RowMasks` makes the row's address and enables of.
    operation : Out
        The one under way.
    settled : In
        What was given has arrived.
    halt : In
        Gives the operation up: no lane has a slot, and the next one begins with the first.
    done : Out
        For a cycle: everything of the operation has arrived.

    Reset: forgets the operation.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        c = config
        super().__init__({
            "i": In(stream.Signature(results(c))),
            "start": Out(1), "slots": Out(range(c.slots + 1)), "last_row": Out(range(c.block)),
            "credit": Out(c.lanes),
            "some": In(c.lanes), "some_done": Out(c.lanes),
            "room": In(1), "goes": Out(1),
            "turn": Out(range(c.ports)), "starts": Out(1), "which": Out(range(max(2, c.shared))),
            "slot": Out(range(c.slots)), "first": Out(range(c.block)),
            "taken": Out(taken(c)), "operation": Out(results(c)),
            "settled": In(1), "done": Out(1), "halt": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        chains = c.lane.chains

        # The operation, and what follows from it.
        op = Signal(results(c), reset_less=True)
        double = Signal()
        last_row = Signal(range(c.block))
        last_token = Signal(range(c.lane.tokens))
        last_row_block = Signal(ROW_BLOCK_BITS)
        with m.Switch(op.pattern):
            for pattern in c.lane.patterns:
                with m.Case(pattern.value):
                    twice = c.lane.tile_rows(pattern) == 2 * chains
                    dense = pattern is Pattern.DENSE
                    m.d.sync += [
                        double.eq(twice),
                        # Split chains give their odd rows first.
                        last_row.eq(2 * chains - 1 if dense else
                                    2 * chains - 2 if twice else chains - 1),
                    ]
        m.d.sync += [last_token.eq(op.tokens - 1), last_row_block.eq(op.row_blocks - 1)]
        m.d.comb += [self.operation.eq(op), self.last_row.eq(last_row)]

        # Every lane's place in the operation.
        state = data.StructLayout({
            "row_block": ROW_BLOCK_BITS, "token": range(c.lane.tokens),
            "part": taken(c)["part"].shape, "slot": range(c.slots), "o": c.row_bits,
            "owed": ROW_BLOCK_BITS + c.lane.tokens.bit_length()})
        fixed = data.StructLayout({"base": c.row_bits + c.width_bits, "d": c.scalar_bits})
        states, fixeds = (Memory(shape=shape, depth=max(2, c.lanes), init=[],
                                 attrs={"ram_style": "distributed"}) for shape in (state, fixed))
        m.submodules.states, m.submodules.fixeds = states, fixeds
        write, fixed_write = states.write_port(), fixeds.write_port()
        read, fixed_read = states.read_port(domain="comb"), fixeds.read_port(domain="comb")

        # An operation begins: how many slots it takes (row blocks times tokens, in as many cycles
        # as there are tokens), then a lane a cycle.
        total = Signal(state["owed"].shape)
        counted = Signal(range(c.lane.tokens + 1))
        next_slot = Signal(range(c.slots))
        lane = Signal(range(max(2, c.lanes)))
        base = Signal(fixed["base"].shape)
        d = Signal(c.scalar_bits)
        ended = Signal(range(c.lanes + 1))
        # A flag a state: idle, counts, begins, fills, active.
        idle = Signal(init=1)
        counts, begins, fills, active = Signal(), Signal(), Signal(), Signal()
        initial = Signal(state)
        few = Signal()
        m.d.comb += [
            few.eq(total < c.slots),
            self.slots.eq(Mux(self.halt, 0, Mux(few, total, c.slots))),
            initial.slot.eq(next_slot),
            initial.o.eq(op.o),
            initial.owed.eq(Mux(few, 0, total - c.slots)),
            fixed_write.addr.eq(lane),
            fixed_write.data.base.eq(base),
            fixed_write.data.d.eq(d),
        ]

        # Cycle 0: which of the port's lanes have a slot? Cycle 1: one of them, fairly.
        turn_0, turn_1, turn_2, turn_3 = (Signal(range(c.ports), name=f"turn_{n}")
                                          for n in range(4))
        favour = Signal(range(max(2, c.shared)))
        want_1 = Signal(c.shared)
        which_1 = Signal.like(favour)
        goes_1 = Signal()
        m.d.sync += [turn_0.eq(turn_0 + 1), turn_1.eq(turn_0), turn_2.eq(turn_1),
                     turn_3.eq(turn_2)]
        with m.If(turn_0 == c.ports - 1):
            m.d.sync += favour.eq(Mux(favour == c.shared - 1, 0, favour + 1))
        m.d.sync += [
            want_1[k].eq(Array(self.some[lane] if lane < c.lanes else 0 for lane in range(
                k * c.ports, (k + 1) * c.ports))[turn_0])
            for k in range(c.shared)]
        if c.shared > 1:
            with m.Switch(favour):
                for k in range(c.shared):
                    with m.Case(k):
                        for step in reversed(range(c.shared)):
                            other = (k + step) % c.shared
                            with m.If(want_1[other]):
                                m.d.comb += which_1.eq(other)
        m.d.comb += [
            goes_1.eq(active & want_1.any() & self.room),
            self.goes.eq(goes_1),
            read.addr.eq(Cat(turn_1, which_1)),
            fixed_read.addr.eq(read.addr),
        ]

        # Cycle 2: what it gives, and where that leaves it.
        goes_2 = Signal()
        which_2, which_3 = (Signal.like(favour, name=f"which_{n}") for n in (2, 3))
        lane_2, lane_3 = (Signal.like(lane, name=f"lane_{n}") for n in (2, 3))
        at_2 = Signal(state, reset_less=True)
        fixed_2 = Signal(fixed, reset_less=True)
        m.d.sync += [goes_2.eq(goes_1), which_2.eq(which_1), lane_2.eq(read.addr),
                     lane_3.eq(lane_2), which_3.eq(which_2), at_2.eq(read.data),
                     fixed_2.eq(fixed_read.data)]
        one = chains.bit_length() - 1
        width = c.width_bits
        first_row = Signal(taken(c)["first_row"].shape)
        shift = Signal(width)
        last_part = Signal()
        last_of_lane = Signal()
        m.d.comb += [
            first_row.eq(Mux(double, at_2.row_block << (one + 1), at_2.row_block << one)),
            shift.eq(fixed_2.base[:width] + first_row[:width]),
            last_part.eq(at_2.part == (shift + Mux(double, 2 * chains - 1, chains - 1)) >> width),
            last_of_lane.eq(at_2.row_block == last_row_block),
        ]
        with m.If(active):
            m.d.comb += [write.addr.eq(lane_2), write.en.eq(goes_2), write.data.eq(at_2),
                         write.data.part.eq(at_2.part + 1)]
            with m.If(last_part):
                m.d.comb += [
                    write.data.part.eq(0), write.data.slot.eq(at_2.slot + 1),
                    write.data.owed.eq(at_2.owed - at_2.owed.any()),
                    write.data.token.eq(at_2.token + 1), write.data.o.eq(at_2.o + op.o_step)]
                with m.If(at_2.token == last_token):
                    m.d.comb += [write.data.token.eq(0), write.data.o.eq(op.o),
                                 write.data.row_block.eq(at_2.row_block + 1)]
        with m.Else():
            m.d.comb += [write.addr.eq(lane), write.data.eq(initial), write.en.eq(fills)]

        # From its beginning to its end.
        m.d.comb += [self.i.ready.eq(idle), self.start.eq(begins | self.halt),
                     fixed_write.en.eq(fills)]
        # What is under way during a halt still belongs to the operation.
        with m.If(idle & ~self.halt):
            m.d.sync += [total.eq(0), counted.eq(0), lane.eq(0), base.eq(0), ended.eq(0),
                         op.eq(self.i.payload), d.eq(self.i.payload.d),
                         idle.eq(~self.i.valid), counts.eq(self.i.valid)]
        with m.If(counts):
            m.d.sync += [total.eq(total + op.row_blocks), counted.eq(counted + 1)]
            with m.If(counted == op.tokens - 1):
                m.d.sync += [counts.eq(0), begins.eq(1)]
        with m.If(begins):
            m.d.sync += [begins.eq(0), fills.eq(1)]
        with m.If(fills):
            m.d.sync += [lane.eq(lane + 1), base.eq(base + op.lane_rows), d.eq(d + op.tokens)]
            with m.If(lane == c.lanes - 1):
                m.d.sync += [fills.eq(0), active.eq(1), next_slot.eq(next_slot + total)]
        with m.If(active):
            m.d.sync += ended.eq(ended + (
                goes_2 & last_part & last_of_lane & (at_2.token == last_token)))
            with m.If((ended == c.lanes) & self.settled):
                m.d.comb += self.done.eq(1)
                m.d.sync += [active.eq(0), idle.eq(1)]
        with m.If(self.halt):
            m.d.sync += [next_slot.eq(0), idle.eq(1), counts.eq(0), begins.eq(0), fills.eq(0),
                         active.eq(0)]

        # Cycle 3: the row begins.
        done_3 = Signal()
        gives_3 = Signal()
        taken_3 = Signal(taken(c), reset_less=True)
        m.d.sync += [
            done_3.eq(goes_2 & last_part),
            gives_3.eq(goes_2 & last_part & at_2.owed.any()),
            self.starts.eq(goes_2),
            self.slot.eq(at_2.slot),
            taken_3.lane.eq(lane_2),
            taken_3.token.eq(at_2.token),
            taken_3.part.eq(at_2.part),
            taken_3.shift.eq(shift),
            taken_3.first_row.eq(first_row),
            taken_3.base.eq(fixed_2.base),
            taken_3.o.eq(at_2.o),
            taken_3.limit.eq(op.limit + Mux(op.limit_step, at_2.token, 0)),
            taken_3.first.eq(~at_2.row_block.any() & ~at_2.part.any()),
            taken_3.last.eq(last_of_lane & last_part),
            taken_3.d.eq(fixed_2.d + at_2.token),
            taken_3.double.eq(double),
        ]

        # Its slot is given away again once it has been read.
        m.d.comb += [
            self.taken.eq(taken_3),
            self.turn.eq(turn_3),
            self.which.eq(which_3),
            self.first.eq((taken_3.part << width) - taken_3.shift),
            self.some_done.eq(Mux(done_3, 1 << lane_3, 0)),
        ]
        read_through = Signal(c.width)
        whose = place(m, platform, "whose", Delay(DelayConfig(width=len(lane_3), cycles=c.width)))
        m.d.comb += whose.i.eq(lane_3)
        m.d.sync += [read_through.eq(read_through << 1 | gives_3),
                     self.credit.eq(Mux(read_through[-1], 1 << whose.o, 0))]
        return m
