# SPDX-License-Identifier: Apache-2.0
"""The gearbox: beats of any precision, by planes or by bytes, to blocks of bit-planes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place

from .headers import Headers
from .intake import Intake, IntakeConfig
from .layouts import (
    CHUNKS,
    ChunksLayout,
    RecipeLayout,
    TapeLayout,
    block,
    header,
    row_scales,
    scales,
)
from .planes import Planes
from .recipe import Recipe

__all__ = ["Gearbox"]


class State(data.Struct):
    """What the next beat is, a bit each, so that no state is far from its register."""

    idle: 1
    look: 1
    rows: 1
    mask: 1
    scales: 1
    zeros: 1
    tops: 1
    block: 1


IDLE, LOOK, ROWS, MASK, SCALES, ZEROS, TOPS, BLOCK = (
    State.const({name: 1}) for name, _ in data.Layout.cast(State))


class Gearbox(wiring.Component):
    """Takes a tape apart (``docs/tape.md``): scales to three streams, blocks to ``o``.

    ::

        i ──┬──► Recipe ─────────────────────────────────┐
            └──► Headers ──► state, counts ──► Intake ──► Planes ──► o
                    ▲ masks                  ready │ load ▲
        first, second ═════════════════════════════╧══════╧══► o_rows, o_scales

    A header costs a cycle a beat, a block a cycle for every two beats. The beat that two blocks of
    3 bits share counts as the first one's; that of 5 bits costs a cycle. A block is held until it
    is taken, and the next one may be complete a cycle later; the first of its chunks, where there
    are several, may come as soon as the first of the block's two tiles is taken (``early``,
    ``spare``). What else a load depends on is known the cycle before: state and counts are
    registers, and say what comes next before it does.

    ::

        2:4 W4     load    A codes   A index   B codes   B index   C codes
                   tile                        A 1       A 2       B 1

        dense W3   load    A and B tops, A codes   B codes   C and D tops, C codes
                   tile                            A         B

    Parameters
    ----------
    config : LaneConfig
        Chains of eight DSPs.

    Members
    -------
    i : In, stream
        Matrices to read, one after the other.
    first, second : In, stream
        The next beat of the tape and the one after, see
        :class:`~flightllm_hw.memory.fifo.PrefetchFifo`.
    o : Out, stream
        Blocks (:func:`~flightllm_hw.dequant.layouts.block`). Codes and indices change before a
        block is taken, where that is ``early`` and ``spare``.
    early, spare : Out, In
        What is loaded next is the first of several chunks; what it overwrites is not needed from
        the next cycle on.
    o_scales : Out, stream
        Group scales, a header's at a time.
    o_rows : Out, stream
        Row scales, half a row block's at a time.
    o_headers : Out, stream
        Which headers the tape holds; a mask leaves others out.
    flush : In
        Between matrices: throw beats away.
    busy : Out
        A matrix is not read to its end.
    starving : Out
        What came next needed a beat that was not there, in the cycle before.

    Reset: forgets the matrix.

    Raises
    ------
    ValueError
        If the chains are not of eight DSPs: a beat would not hold the scales of a tile's rows.
    """

    def __init__(self, config: LaneConfig):
        if config.chain.length != 8:
            raise ValueError(f"Gearbox needs chains of 8 DSPs, not {config.chain.length!r}")
        self.config = config
        super().__init__({
            "i": In(stream.Signature(TapeLayout)),
            "first": In(stream.Signature(config.beat_bits)),
            "second": In(stream.Signature(config.beat_bits)),
            "o": Out(stream.Signature(block(config))),
            "early": Out(1),
            "spare": In(1),
            "o_scales": Out(stream.Signature(scales(config))),
            "o_rows": Out(stream.Signature(row_scales(config))),
            "o_headers": Out(stream.Signature(header(config))),
            "flush": In(1),
            "busy": Out(1),
            "starving": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        first, second = self.first, self.second

        # The matrix.
        state = Signal(State, init={"idle": 1})
        tape = Signal(TapeLayout, reset_less=True)
        recipe = Signal(RecipeLayout)
        of_tape = place(m, platform, "recipe", Recipe(self.config))
        m.d.comb += [
            self.i.ready.eq(state.idle),
            self.busy.eq(~state.idle),
            of_tape.tape.eq(tape),
            recipe.eq(of_tape.o),
        ]
        with m.If(state.idle):
            m.d.sync += tape.eq(self.i.payload)

        # Its headers.
        headers = place(m, platform, "headers", Headers(self.config))
        connect(m, headers.o_headers, flipped(self.o_headers))
        ahead = headers.o.payload
        named = Signal()
        unnamed = Signal()
        m.d.comb += [
            headers.start.eq(state.look),
            headers.tape.eq(tape),
            headers.paired.eq(recipe.paired),
            named.eq(headers.o.valid & ~ahead.empty),
            unnamed.eq(headers.o.valid & ahead.empty),
        ]

        # Which chunk of the block, which of two blocks that share top planes, which group of the
        # header; how many blocks of the group follow.
        chunk = Signal(CHUNKS)
        chunk_next = Signal(CHUNKS)
        both = Signal()
        last_chunk = Signal()
        shared = Signal()
        index = Signal(2)
        index_second = Signal(2)
        second_of_two = Signal()
        second_group = Signal()
        last_group = Signal()
        second_ends = Signal()
        more = Signal.like(recipe.more)
        last_block = Signal()
        behind = Signal(State)

        # Blocks have the next beats as soon as there is room.
        intake = place(m, platform, "intake", Intake(IntakeConfig(sinks=4)))
        load = intake.load
        m.d.comb += [
            intake.flush.eq(self.flush & state.idle),
            intake.in_block.eq(state.block),
            intake.both.eq(both),
            intake.spare.eq(self.spare),
            intake.last_chunk.eq(last_chunk),
            intake.first_valid.eq(first.valid),
            intake.second_valid.eq(second.valid),
            first.ready.eq(intake.first_ready),
            second.ready.eq(intake.second_ready),
            self.starving.eq(intake.starving),
            self.o.valid.eq(intake.o_valid),
            intake.o_ready.eq(self.o.ready),
        ]

        # Other beats go where their state says.
        half = Signal()
        last_rows = Signal()
        m.d.comb += [
            last_rows.eq(half | recipe.paired),
            self.o_rows.valid.eq(state.rows & first.valid),
            self.o_rows.payload.scales.eq(first.payload),
            self.o_rows.payload.half.eq(half),
            self.o_rows.payload.last.eq(last_rows),
            headers.i_mask.valid.eq(state.mask & first.valid),
            headers.i_mask.payload.eq(first.payload),
            self.o_scales.valid.eq(state.scales & named & first.valid),
            self.o_scales.payload.eq(first.payload),
            headers.o.ready.eq(state.scales & (unnamed | (first.valid & self.o_scales.ready))),
            intake.wants.eq(Cat(state.rows, state.mask, state.scales & named,
                                state.zeros | state.tops)),
            intake.accepts.eq(Cat(self.o_rows.ready, headers.i_mask.ready, self.o_scales.ready, 1)),
        ]

        # From a beat to the next: what comes after each state is known before it is left.
        following = Signal(State)
        codes = Mux(recipe.five, TOPS, BLOCK)
        after_block = Mux(last_block & last_group, behind, Mux(second_of_two, codes, BLOCK))
        after_scales = Mux(ahead.empty, MASK, Mux(tape.zero_point, ZEROS, codes))
        for here, there in ((state.idle, LOOK), (state.look, ROWS),
                            (state.rows, Mux(tape.masked, MASK, SCALES)), (state.mask, SCALES),
                            (state.scales, after_scales), (state.zeros, codes),
                            (state.tops, BLOCK), (state.block, after_block)):
            with m.If(here):
                m.d.comb += following.eq(there)
        with m.If((state.idle & self.i.valid) | state.look | (state.scales & unnamed)
                  | (intake.takes & (~state.rows | last_rows)) | (load & last_chunk)):
            m.d.sync += state.eq(following)
        with m.If(state.rows & first.valid & self.o_rows.ready):
            m.d.sync += half.eq(~last_rows)

        # From a chunk to the next; the first of several may come early. Behind anything but a block
        # comes the first of two.
        shared_next = Signal()
        chunks = Signal(ChunksLayout)
        early = Signal()
        m.d.comb += [
            chunk_next.eq(Mux(state.block & ~last_chunk, chunk << 1, 1)),
            shared_next.eq(recipe.three & ~(state.block & (second_of_two ^ last_chunk))),
            chunks.eq(Mux(shared_next, recipe.first, recipe.second)),
            self.early.eq(early),
        ]
        with m.If(load | ~state.block):
            m.d.sync += [
                chunk.eq(chunk_next),
                shared.eq(shared_next & chunk_next[0]),
                both.eq((chunk_next & chunks.both).any()),
                early.eq(chunk_next[0] & ~chunks.last[0]),
                last_chunk.eq((chunk_next & chunks.last).any()),
                index_second.eq(chunks.index_second),
                *(index[n].eq(recipe.index[n] & (chunk_next & chunks.index_chunk[n]).any())
                  for n in range(2)),
            ]

        # From a block to the next, and on to the header's second group.
        ends = Signal()
        m.d.comb += ends.eq(Mux(state.scales, ahead.first_ends, second_ends))
        with m.If(state.scales | (load & last_chunk)):
            m.d.sync += [more.eq(more - 1), last_block.eq(more == 1)]
            with m.If(state.scales | last_block):
                m.d.sync += [more.eq(Mux(ends, recipe.more_in_last, recipe.more)),
                             last_block.eq(Mux(ends, recipe.one_in_last, recipe.one))]
            m.d.sync += [
                second_of_two.eq(~state.scales & ~second_of_two),
                second_group.eq(~state.scales & (second_group | last_block)),
                last_group.eq(Mux(state.scales, ahead.single, last_group | last_block)),
            ]
        with m.If(state.scales):
            m.d.sync += [
                second_ends.eq(ahead.second_ends),
                behind.eq(Mux(ahead.last & tape.masked, MASK, SCALES)),
            ]
            with m.If(ahead.last_in_row_block):
                m.d.sync += behind.eq(Mux(ahead.last_in_matrix, IDLE, ROWS))

        # The registers.
        planes = place(m, platform, "planes", Planes(self.config))
        m.d.comb += [
            planes.recipe.eq(recipe),
            planes.first.eq(first.payload),
            planes.second.eq(second.payload),
            planes.clear.eq(state.look),
            planes.load_zeros.eq(state.zeros),
            planes.load_tops.eq(state.tops),
            planes.load.eq(load),
            planes.chunk.eq(chunk),
            planes.last_chunk.eq(last_chunk),
            planes.shared.eq(shared),
            planes.index.eq(index),
            planes.index_second.eq(index_second),
            planes.second_of_two.eq(second_of_two),
            planes.second_group.eq(second_group),
            self.o.payload.eq(planes.o),
        ]
        return m
