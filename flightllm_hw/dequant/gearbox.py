# SPDX-License-Identifier: Apache-2.0
"""The gearbox: beats of any precision to blocks of bit-planes.

Precision is a matter of how many beats a block takes, never of shifting bits: plane j of every
block lies in the same place of its beat, and is loaded into plane register j::

    first  ──► planes 0,1  |  planes 4,5  |  indices ...       one or two beats a cycle
    second ──► planes 2,3  |  planes 6,7  |  indices ...
                 chunk 0       chunk 1        chunk 2
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.skip import BlockWalk, BlockWalkConfig
from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.blocks import MASK_HEADERS
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.hierarchy import place

from .layouts import (
    TapeLayout,
    block,
    header,
    row_scales,
    scales,
)

__all__ = ["Gearbox"]


class Gearbox(wiring.Component):
    """Takes a tape apart (``docs/tape.md``): scales to three streams, blocks to ``o``.

    A header costs a cycle a beat, a block a cycle for every two beats, the shared beat of two
    blocks of odd codes a cycle. A block is held until it is taken, and the next one's first beats
    are loaded in the cycle in which it is.

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
        Blocks (:func:`~flightllm_hw.dequant.layouts.block`).
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
        What comes next needs a beat that is not there.

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
            "o_scales": Out(stream.Signature(scales(config))),
            "o_rows": Out(stream.Signature(row_scales(config))),
            "o_headers": Out(stream.Signature(header(config))),
            "flush": In(1),
            "busy": Out(1),
            "starving": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        width = c.plane_bits
        tape = Signal(TapeLayout)
        first, second = self.first, self.second
        first_planes = [first.payload[n * width:(n + 1) * width] for n in range(2)]
        second_planes = [second.payload[n * width:(n + 1) * width] for n in range(2)]

        # What the pattern and the bits come to; registers, known two cycles after the matrix.
        dense = Signal()
        paired = Signal()
        split = Signal()
        odd = Signal()
        code_beats = Signal(range(5))
        index_beats = Signal(range(3))
        beats = Signal(range(7))
        m.d.sync += [
            dense.eq(tape.pattern == Pattern.DENSE.value),
            odd.eq(tape.bits[0]),
            code_beats.eq(tape.bits >> 1),
            beats.eq(code_beats + index_beats),
        ]
        with m.Switch(tape.pattern):
            for pattern in c.patterns:
                with m.Case(pattern.value):
                    m.d.sync += [
                        index_beats.eq(pattern.index_planes // 2),
                        paired.eq(c.tile_rows(pattern) == c.chains),
                        split.eq(c.chain.splits(pattern) > 1),
                    ]

        # Where in the matrix: row blocks, sections of a mask's length, headers, groups, blocks of
        # the group, chunks of the block.
        row_block = Signal.like(tape.row_blocks)
        section = Signal(range((1 << len(tape.groups)) // MASK_HEADERS))
        group = Signal.like(tape.groups)
        in_group = Signal.like(tape.group_tiles)
        chunk = Signal(2)
        second_of_two = Signal()
        last_group = Signal()
        # The last of everything, to compare with.
        final_in_group = Signal.like(tape.group_tiles)
        final_in_last = Signal.like(tape.group_tiles)
        final_group = Signal.like(tape.groups)
        final_row_block = Signal.like(tape.row_blocks)
        m.d.sync += [
            final_in_group.eq((tape.group_tiles >> ~dense) - 1),
            final_in_last.eq((tape.last_tiles >> ~dense) - 1),
            final_group.eq(tape.groups - 1),
            final_row_block.eq(tape.row_blocks - 1),
        ]
        last_block = Signal()
        m.d.comb += [
            last_block.eq(in_group == Mux(last_group, final_in_last, final_in_group)),
        ]

        # Which headers there are: those that the mask names, or all.
        walk = place(m, platform, "walk", BlockWalk(BlockWalkConfig(blocks=MASK_HEADERS)))
        named = walk.o.payload
        left = Signal.like(tape.groups)
        last_section = Signal()
        exists = Signal(MASK_HEADERS)
        m.d.comb += [
            self.o_headers.payload.number.eq(Cat(named.block, section)),
            self.o_headers.payload.last.eq(named.last & last_section),
        ]
        last_header = Signal()

        # A header is announced as soon as it is known, while the one before is still read.
        sent = Signal()
        m.d.comb += self.o_headers.valid.eq(walk.o.valid & ~named.empty & ~sent)
        with m.If(walk.o.valid & walk.o.ready):
            m.d.sync += sent.eq(0)
        with m.Elif(self.o_headers.valid & self.o_headers.ready):
            m.d.sync += sent.eq(1)

        # The block that is shown; whatever comes next may be loaded once it is free.
        shown = Signal(block(c), reset_less=True)
        full = Signal()
        free = Signal()
        tops = Signal(2 * width, reset_less=True)
        m.d.comb += [
            self.o.payload.eq(shown),
            self.o.valid.eq(full),
            free.eq(~full | self.o.ready),
        ]
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)

        # What is added to codes: minus their zero points, or minus the middle of the range.
        offsets = Signal.like(shown.offsets, reset_less=True)
        middle = Signal(8)
        m.d.comb += [middle[n].eq(tape.bits <= n + 1) for n in range(8)]

        m.d.comb += self.busy.eq(1)

        # Beats are taken by a block, or by what the other states want.
        wants = Signal()
        load = Signal()
        needs_second = Signal()
        flushes = Signal()
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += [
                    self.i.ready.eq(1),
                    self.busy.eq(0),
                    wants.eq(self.flush),
                    flushes.eq(self.flush),
                ]
                m.d.sync += [tape.eq(self.i.payload), row_block.eq(0)]
                with m.If(self.i.valid):
                    m.next = "LOOK"

            with m.State("LOOK"):
                m.next = "ROWS"

            with m.State("ROWS"):
                half = Signal()
                m.d.comb += [
                    self.o_rows.valid.eq(first.valid),
                    self.o_rows.payload.scales.eq(first.payload),
                    self.o_rows.payload.half.eq(half),
                    self.o_rows.payload.last.eq(half | paired),
                    self.starving.eq(~first.valid),
                    wants.eq(self.o_rows.ready),
                ]
                m.d.sync += section.eq(0)
                with m.If(first.valid & self.o_rows.ready):
                    m.d.sync += half.eq(~self.o_rows.payload.last)
                    with m.If(self.o_rows.payload.last):
                        m.d.sync += left.eq((tape.groups + paired) >> paired)
                        m.next = "COUNT"

            with m.State("COUNT"):
                # Which headers the section has, one after the other.
                m.d.sync += [exists[n].eq(left > n) for n in range(MASK_HEADERS)]
                m.d.sync += last_section.eq(left <= MASK_HEADERS)
                m.next = "MASK"

            with m.State("MASK"):
                # All of them, or those that the mask names. A last section without any would leave
                # others waiting: its last header is taken.
                wanted = Signal(MASK_HEADERS)
                m.d.comb += [
                    wanted.eq(Mux(tape.masked, exists & first.payload, exists)),
                    walk.i.payload.eq(Mux(last_section & (wanted == 0),
                                          exists & ~(exists >> 1), wanted)),
                    walk.i.valid.eq(~tape.masked | first.valid),
                    wants.eq(tape.masked & walk.i.ready),
                    self.starving.eq(tape.masked & ~first.valid),
                ]
                with m.If(walk.i.valid & walk.i.ready):
                    m.next = "SCALES"

            with m.State("SCALES"):
                # Its number has been announced, or is now. A section without a header has no
                # scales.
                announced = Signal()
                m.d.comb += [
                    announced.eq(walk.o.valid & ~named.empty & (sent | self.o_headers.ready)),
                    self.o_scales.payload.eq(first.payload),
                    self.o_scales.valid.eq(first.valid & announced),
                    wants.eq(announced & self.o_scales.ready),
                    walk.o.ready.eq(named.empty | (first.valid & wants)),
                    self.starving.eq(walk.o.valid & ~named.empty & ~first.valid),
                ]
                m.d.sync += [
                    in_group.eq(0), chunk.eq(0), second_of_two.eq(0),
                    group.eq(self.o_headers.payload.number << paired),
                    last_group.eq(self.o_headers.payload.number << paired == final_group),
                    last_header.eq(named.last),
                ]
                with m.If(~tape.zero_point):
                    m.d.sync += [offsets[n].eq(middle) for n in range(2 * c.chains)]
                with m.If(walk.o.valid & named.empty):
                    m.d.sync += [section.eq(section + 1), left.eq(left - MASK_HEADERS)]
                    m.next = "COUNT"
                with m.Elif(first.valid & wants):
                    with m.If(tape.zero_point):
                        m.next = "ZEROS"
                    with m.Elif(odd):
                        m.next = "TOPS"
                    with m.Else():
                        m.next = "BLOCK"

            with m.State("ZEROS"):
                m.d.comb += [wants.eq(1), self.starving.eq(~first.valid)]
                m.d.sync += offsets.eq(first.payload)
                with m.If(first.valid):
                    m.next = "TOPS"
                    with m.If(~odd):
                        m.next = "BLOCK"

            with m.State("TOPS"):
                m.d.comb += [wants.eq(1), self.starving.eq(~first.valid)]
                m.d.sync += tops.eq(first.payload)
                with m.If(first.valid):
                    m.next = "BLOCK"

            with m.State("BLOCK"):
                last_chunk = Signal()
                m.d.comb += [
                    last_chunk.eq((chunk << 1) + 2 >= beats),
                    self.starving.eq(free & ~load),
                ]
                with m.If(load):
                    m.d.sync += [
                        shown.pattern.eq(tape.pattern),
                        shown.dense.eq(dense),
                        shown.split.eq(split),
                        shown.offsets.eq(offsets),
                        shown.group.eq(group[0]),
                        full.eq(last_chunk),
                        chunk.eq(chunk + 1),
                    ]
                    with m.If(last_chunk):
                        m.d.sync += [chunk.eq(0), in_group.eq(in_group + 1),
                                     second_of_two.eq(~second_of_two)]
                        with m.If(odd & second_of_two):
                            m.next = "TOPS"
                        with m.If(last_block):
                            m.d.sync += [group.eq(group + 1), in_group.eq(0),
                                         last_group.eq(group + 1 == final_group)]
                            # A header for two groups is not repeated for the second.
                            with m.If(last_group | ~paired | group[0]):
                                m.next = "SCALES"
                                with m.If(last_header):
                                    m.d.sync += [section.eq(section + 1),
                                                 left.eq(left - MASK_HEADERS)]
                                    m.next = "COUNT"
                                    with m.If(last_section):
                                        m.d.sync += row_block.eq(row_block + 1)
                                        m.next = "ROWS"
                                        with m.If(row_block == final_row_block):
                                            m.next = "IDLE"

                # Each plane has one beat that it comes from, or two. Chunk 0 clears those that the
                # code or the index does not have; a clear is a register's own reset.
                top = Mux(second_of_two, tops[width:], tops[:width])
                chunk_0 = Signal()
                chunk_1 = Signal()
                m.d.comb += [chunk_0.eq(load & (chunk == 0)), chunk_1.eq(load & (chunk == 1))]
                with m.If(chunk_0):
                    m.d.sync += [shown.codes[n].eq(first_planes[n]) for n in range(2)]
                with m.If(chunk_0 & (code_beats == 1) & ~odd):
                    m.d.sync += shown.codes[2].eq(0)
                with m.Elif(chunk_0):
                    m.d.sync += shown.codes[2].eq(Mux(code_beats == 1, top, second_planes[0]))
                with m.If(chunk_0 & (code_beats == 1)):
                    m.d.sync += shown.codes[3].eq(0)
                with m.Elif(chunk_0):
                    m.d.sync += shown.codes[3].eq(second_planes[1])
                five = Signal()
                m.d.comb += five.eq(odd & (code_beats == 2))
                with m.If(chunk_0 & ~five):
                    m.d.sync += shown.codes[4].eq(0)
                with m.Elif(chunk_0 | (chunk_1 & (code_beats >= 3))):
                    m.d.sync += shown.codes[4].eq(Mux(five, top, first_planes[0]))
                for n, beats_then, plane in ((5, 3, first_planes[1]), (6, 4, second_planes[0]),
                                             (7, 4, second_planes[1])):
                    with m.If(chunk_0):
                        m.d.sync += shown.codes[n].eq(0)
                    with m.Elif(chunk_1 & (code_beats >= beats_then)):
                        m.d.sync += shown.codes[n].eq(plane)

                # Index beat n is beat code_beats + n of the block; the second is never in chunk 0.
                for n in range(2):
                    beat = Signal(3, name=f"index_beat_{n}")
                    comes = Signal(name=f"index_comes_{n}")
                    m.d.comb += [
                        beat.eq(code_beats + n),
                        comes.eq(load & (chunk == beat[1:]) & (index_beats > n)),
                    ]
                    for plane in range(2):
                        register = shown.indices[2 * n + plane]
                        with m.If(chunk_0 & (index_beats <= n)):
                            m.d.sync += register.eq(0)
                        with m.Elif(comes):
                            m.d.sync += register.eq(
                                Mux(beat[0], second_planes[plane], first_planes[plane]))

        in_block = fsm.ongoing("BLOCK")
        m.d.comb += [
            needs_second.eq((chunk << 1) + 1 != beats),
            load.eq(in_block & free & first.valid & (second.valid | ~needs_second)),
            first.ready.eq(wants | load),
            second.ready.eq((load & needs_second) | (flushes & first.valid & second.valid)),
        ]
        return m
