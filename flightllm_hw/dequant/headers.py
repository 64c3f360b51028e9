# SPDX-License-Identifier: Apache-2.0
"""Which headers a matrix's tape holds, ahead of the tape.

::

    groups ──► COUNT ──► MASK ──► ENTER ──► BlockWalk ──► o_headers, o
                           ▲ section's mask
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.skip import BlockWalk, BlockWalkConfig
from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.blocks import MASK_HEADERS
from flightllm_hw.hierarchy import place

from .layouts import Entry, TapeLayout, header

__all__ = ["Headers"]


class Headers(wiring.Component):
    """Names every header of every row block, and what follows it: ``docs/tape.md``.

    Sections of a mask's length are gone through one after the other, row block after row block.
    Without masks that runs ahead of the tape by a header; with masks it waits for each of them.
    The last section of a row block has a header, whatever its mask says: others wait for it.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    start : In
        A matrix begins, while none is under way; in the next cycle ``paired`` is known.
    tape, paired : In
        The matrix; whether a header is for two groups. They stay.
    i_mask : In, stream
        Masks of sections, where the matrix has them.
    o : Out, stream
        Headers, and sections without any (:class:`~flightllm_hw.dequant.layouts.Entry`).
    o_headers : Out, stream
        Headers alone; each is taken before it comes out of ``o``.

    Latency: ``latency`` = 7 cycles from ``start`` to the first header, 4 from a mask; 5 from a
    section's last header to the next section's first. Reset: forgets the matrix.
    """

    latency = 7

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "start": In(1),
            "tape": In(TapeLayout),
            "paired": In(1),
            "i_mask": In(stream.Signature(MASK_HEADERS)),
            "o": Out(stream.Signature(Entry)),
            "o_headers": Out(stream.Signature(header(config))),
        })

    def elaborate(self, platform):
        m = Module()
        tape = self.tape
        walk = place(m, platform, "walk", BlockWalk(BlockWalkConfig(blocks=MASK_HEADERS)))
        named = walk.o.payload

        # Where in the matrix; how many headers are left of the row block, from this section on.
        row_block = Signal.like(tape.row_blocks)
        section = Signal(range((1 << len(tape.groups)) // MASK_HEADERS))
        left = Signal.like(tape.groups)
        last_section = Signal()
        last_row_block = Signal()
        m.d.sync += last_row_block.eq(row_block == tape.row_blocks - 1)

        # Which headers the section has, and which of them the tape.
        exists = Signal(MASK_HEADERS, reset_less=True)
        wanted = Signal(MASK_HEADERS, reset_less=True)
        asks = Signal()
        leaves = Signal()
        m.d.comb += self.i_mask.ready.eq(asks)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += row_block.eq(0)
                with m.If(self.start):
                    m.next = "ROW BLOCK"

            with m.State("ROW BLOCK"):
                m.d.sync += [section.eq(0), left.eq((tape.groups + self.paired) >> self.paired)]
                m.next = "COUNT"

            with m.State("COUNT"):
                m.d.sync += [exists[n].eq(left > n) for n in range(MASK_HEADERS)]
                m.d.sync += [last_section.eq(left <= MASK_HEADERS), asks.eq(1)]
                m.next = "MASK"

            with m.State("MASK"):
                m.d.sync += wanted.eq(exists & Mux(tape.masked, self.i_mask.payload, ~0))
                with m.If(self.i_mask.valid | ~tape.masked):
                    m.d.sync += asks.eq(0)
                    m.next = "ENTER"

            with m.State("ENTER"):
                # A last section without any would leave others waiting: its last header is taken.
                with m.If(last_section & (wanted == 0)):
                    m.d.sync += wanted.eq(exists & ~(exists >> 1))
                with m.Else():
                    m.d.comb += walk.i.valid.eq(1)
                    with m.If(walk.i.ready):
                        m.next = "WALK"

            with m.State("WALK"):
                with m.If(leaves & named.last):
                    m.d.sync += [section.eq(section + 1), left.eq(left - MASK_HEADERS)]
                    m.next = "COUNT"
                    with m.If(last_section):
                        m.d.sync += row_block.eq(row_block + 1)
                        m.next = "ROW BLOCK"
                        with m.If(last_row_block):
                            m.next = "IDLE"

        m.d.comb += walk.i.payload.eq(wanted)

        # A header is announced as it comes into the register from which it is read, while the
        # blocks of the one before are still under way.
        full = Signal()
        entry = Signal(Entry, reset_less=True)
        number = Signal.like(tape.groups)
        final_group = Signal.like(tape.groups)
        first_ends = Signal()
        m.d.comb += [
            number.eq(Cat(named.block, section)),
            self.o_headers.payload.number.eq(number),
            self.o_headers.payload.last.eq(named.last & last_section),
            self.o_headers.valid.eq(walk.o.valid & ~named.empty & ~full),
            walk.o.ready.eq(~full & (named.empty | self.o_headers.ready)),
            leaves.eq(walk.o.valid & walk.o.ready),
            first_ends.eq(Mux(self.paired, number << 1, number) == final_group),
            self.o.valid.eq(full),
            self.o.payload.eq(entry),
        ]
        m.d.sync += final_group.eq(tape.groups - 1)
        with m.If(~full):
            m.d.sync += [
                full.eq(leaves),
                entry.empty.eq(named.empty),
                entry.single.eq(~self.paired | first_ends),
                entry.first_ends.eq(first_ends),
                entry.second_ends.eq(number << 1 | 1 == final_group),
                entry.last.eq(named.last),
                entry.last_in_row_block.eq(named.last & last_section),
                entry.last_in_matrix.eq(named.last & last_section & last_row_block),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)
        return m
