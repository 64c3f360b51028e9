# SPDX-License-Identifier: Apache-2.0
"""The order of a lane's steps: which activations meet which tile, and whose sums come of it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import header
from flightllm_hw.formats.pattern import Pattern

from .layouts import operation, request

__all__ = ["StepSequencer"]


class StepSequencer(wiring.Component):
    """For every row block, header, group, tile and step: the window to read and its tag.

    A request a cycle, except that steps whose sums need room further on wait for it: ``group_room``
    for the last tile of a group, ``result_room`` for the last group of a row block. The chains
    themselves cannot wait. Headers that a mask leaves out are not met and take no cycle.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i : In, stream
        Operations.
    i_headers : In, stream
        The headers that their tapes hold.
    o : Out, stream
        Requests for the activation buffer.
    group_room : In
        There is room for the group sums of one more step.
    result_room : In
        There is room for the dot products of one more step.

    Reset: forgets the operation.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(operation(config))),
            "i_headers": In(stream.Signature(header(config))),
            "o": Out(stream.Signature(request(config))),
            "group_room": In(1),
            "result_room": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        op = Signal(operation(c))
        tape = op.tape

        # What the pattern comes to: quarters of a word that a tile covers, tokens of a step; the
        # last of everything to compare with. Registers, known three cycles after the operation.
        tile_quarters = Signal(3)
        two_tokens = Signal()
        paired = Signal()
        dense = Signal()
        final_step = Signal(range(c.tokens))
        final_tile = Signal.like(tape.group_tiles)
        final_of_last = Signal.like(tape.group_tiles)
        final_group = Signal.like(tape.groups)
        final_row_block = Signal.like(tape.row_blocks)
        with m.Switch(tape.pattern):
            for pattern in c.patterns:
                with m.Case(pattern.value):
                    m.d.sync += [
                        tile_quarters.eq(4 * c.tile_columns(pattern) // c.chain.window),
                        two_tokens.eq(c.chain.tokens(pattern) == 2),
                        paired.eq(c.tile_rows(pattern) == c.chains),
                    ]
        m.d.sync += [
            dense.eq(tape.pattern == Pattern.DENSE.value),
            final_step.eq(Mux(two_tokens, (op.tokens - 1) >> 1, op.tokens - 1)),
            final_tile.eq(tape.group_tiles - 1),
            final_of_last.eq(tape.last_tiles - 1),
            final_group.eq(tape.groups - 1),
            final_row_block.eq(tape.row_blocks - 1),
        ]

        # Where we are. `quarter` counts along K, `base` is the step's place in the buffer.
        busy = Signal()
        in_header = Signal()
        at = Signal(header(c))
        row_block = Signal.like(tape.row_blocks)
        first_group = Signal()
        group = Signal.like(tape.groups)
        tile = Signal.like(tape.group_tiles)
        step = Signal(range(c.tokens))
        quarter = Signal(range(4 * c.window_words))
        base = Signal(range(c.window_words))
        last_step = Signal()
        last_tile = Signal()
        last_of_header = Signal()
        last_group = Signal()
        last_row_block = Signal()
        ends = Signal()
        m.d.comb += [
            last_step.eq(step == final_step),
            last_tile.eq(tile == Mux(ends, final_of_last, final_tile)),
            last_of_header.eq(~paired | group[0] | ends),
            last_group.eq(last_of_header & at.last),
            last_row_block.eq(row_block == final_row_block),
        ]

        tag = self.o.payload.tag
        room = Signal()
        moves = Signal()
        m.d.comb += [
            room.eq(~last_tile | (self.group_room & (~last_group | self.result_room))),
            self.o.payload.word.eq(base + (quarter >> 2)),
            self.o.payload.quarter.eq(quarter),
            self.o.payload.odd.eq(step[0] & ~two_tokens),
            tag.pattern.eq(tape.pattern),
            tag.step.eq(step),
            tag.last_step.eq(last_step),
            tag.first_tile.eq(tile == 0),
            tag.last_tile.eq(last_tile),
            tag.first_group.eq(first_group),
            tag.last_group.eq(last_group),
            tag.group.eq(group[0]),
            tag.lo_only.eq(Mux(two_tokens, last_step & op.tokens[0], paired & ~dense)),
            tag.scale_bank.eq(op.scale_bank),
            # An offer is kept: room that is there stays there until the step takes it.
            self.o.valid.eq(in_header & room),
            moves.eq(self.o.valid & self.o.ready),
        ]

        # The next step of the tile, the next tile of the group, the next group of the header.
        leaves = Signal()
        with m.If(moves):
            m.d.sync += step.eq(step + 1)
            with m.If(two_tokens | step[0]):
                m.d.sync += base.eq(base + op.stride)
            with m.If(last_step):
                m.d.sync += [step.eq(0), base.eq(op.word), tile.eq(tile + 1),
                             quarter.eq(quarter + tile_quarters)]
                with m.If(last_tile):
                    m.d.sync += [tile.eq(0), group.eq(group + 1), first_group.eq(0),
                                 ends.eq(group + 1 == final_group)]
                    m.d.comb += leaves.eq(last_of_header)

        # The next header waits with all that follows from its number. Headers behind the
        # operation's last are the next operation's, and stay where they are.
        met = Signal.like(row_block)
        known = Signal(2)
        m.d.sync += known.eq(Mux(busy, known << 1 | 1, 0))
        number = self.i_headers.payload.number
        tiles = Signal(range(4 * c.window_words))
        waiting = Signal()
        at_next = Signal(header(c))
        group_next = Signal.like(group)
        ends_next = Signal()
        quarter_next = Signal.like(quarter)
        enters = Signal()
        with m.Switch(tape.group_tiles):
            for n in range(5):
                with m.Case(1 << n):
                    m.d.comb += tiles.eq((number << paired) << n)
        m.d.comb += self.i_headers.ready.eq(busy & known[1] & (met != tape.row_blocks) & ~waiting)
        with m.If(enters):
            m.d.sync += waiting.eq(0)
        with m.If(self.i_headers.valid & self.i_headers.ready):
            m.d.sync += met.eq(met + self.i_headers.payload.last)
        with m.If(self.i_headers.ready):
            m.d.sync += [waiting.eq(self.i_headers.valid), at_next.eq(self.i_headers.payload),
                         group_next.eq(number << paired),
                         ends_next.eq(number << paired == final_group)]
            with m.Switch(tile_quarters):
                for n in range(3):
                    with m.Case(1 << n):
                        m.d.sync += quarter_next.eq(tiles << n)

        # It comes when the one before leaves.
        finishes = Signal()
        m.d.comb += [
            finishes.eq(leaves & at.last & last_row_block),
            enters.eq(waiting & (~in_header | leaves)),
        ]
        with m.If(leaves):
            m.d.sync += in_header.eq(0)
            with m.If(at.last):
                m.d.sync += [row_block.eq(row_block + 1), first_group.eq(1)]
        with m.If(finishes):
            m.d.sync += busy.eq(0)
        with m.If(enters):
            m.d.sync += [at.eq(at_next), in_header.eq(1), group.eq(group_next),
                         ends.eq(ends_next), quarter.eq(quarter_next)]

        # The next operation.
        m.d.comb += self.i.ready.eq(~busy)
        with m.If(~busy):
            m.d.sync += [op.eq(self.i.payload), busy.eq(self.i.valid), row_block.eq(0),
                         met.eq(0), first_group.eq(1), base.eq(self.i.payload.word)]
        return m
