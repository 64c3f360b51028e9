# SPDX-License-Identifier: Apache-2.0
"""The order of a lane's steps: which activations meet which tile, and whose sums come of it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig

from .layouts import operation, request

__all__ = ["StepSequencer"]


class StepSequencer(wiring.Component):
    """For every row block, group, tile and step: the window to read and its tag.

    A request a cycle, except that steps whose sums need room further on wait for it: ``group_room``
    for the last tile of a group, ``result_room`` for the last group of a row block. The chains
    themselves cannot wait.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i : In, stream
        Operations.
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
            "o": Out(stream.Signature(request(config))),
            "group_room": In(1),
            "result_room": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        busy = Signal()
        op = Signal(operation(c))
        tape = op.tape

        # What the pattern comes to: quarters of a word that a tile covers, tokens of a step.
        quarters = Signal(3)
        two_tokens = Signal()
        one_sum = Signal()
        with m.Switch(tape.pattern):
            for pattern in c.patterns:
                with m.Case(pattern.value):
                    m.d.comb += [
                        quarters.eq(4 * c.tile_columns(pattern) // c.chain.window),
                        two_tokens.eq(c.chain.tokens(pattern) == 2),
                        one_sum.eq(c.tile_rows(pattern) * c.chain.tokens(pattern) == c.chains),
                    ]
        steps = Signal(range(c.tokens + 1))
        m.d.comb += steps.eq(Mux(two_tokens, (op.tokens + 1) >> 1, op.tokens))

        # Where we are. `quarter` counts along K, `base` is the step's place in the buffer.
        row_block = Signal.like(tape.row_blocks)
        group = Signal.like(tape.groups)
        tile = Signal.like(tape.group_tiles)
        step = Signal(range(c.tokens))
        quarter = Signal(range(4 * c.window_words))
        base = Signal(range(c.window_words))
        last_step = Signal()
        last_tile = Signal()
        last_group = Signal()
        last_row_block = Signal()
        tiles = Signal.like(tape.group_tiles)
        m.d.comb += [
            last_step.eq(step + 1 == steps),
            last_group.eq(group + 1 == tape.groups),
            tiles.eq(Mux(last_group, tape.last_tiles, tape.group_tiles)),
            last_tile.eq(tile + 1 == tiles),
            last_row_block.eq(row_block + 1 == tape.row_blocks),
        ]

        tag = self.o.payload.tag
        room = Signal()
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
            tag.first_group.eq(group == 0),
            tag.last_group.eq(last_group),
            tag.group.eq(group[0]),
            tag.lo_only.eq(one_sum | (two_tokens & last_step & op.tokens[0])),
        ]
        # An offer is kept: room that is there stays there until the step takes it.
        m.d.comb += self.o.valid.eq(busy & room)

        m.d.comb += self.i.ready.eq(~busy)
        with m.If(~busy):
            m.d.sync += [op.eq(self.i.payload), busy.eq(self.i.valid)]
        with m.Elif(self.o.valid & self.o.ready):
            # The next step of the tile: of every step or of every second, in the next word pair.
            m.d.sync += step.eq(step + 1)
            with m.If(two_tokens | step[0]):
                m.d.sync += base.eq(base + op.stride)
            with m.If(last_step):
                m.d.sync += [step.eq(0), base.eq(0), tile.eq(tile + 1),
                             quarter.eq(quarter + quarters)]
                with m.If(last_tile):
                    m.d.sync += [tile.eq(0), group.eq(group + 1)]
                    with m.If(last_group):
                        m.d.sync += [group.eq(0), quarter.eq(0), row_block.eq(row_block + 1)]
                        with m.If(last_row_block):
                            m.d.sync += [row_block.eq(0), busy.eq(0)]
        return m
