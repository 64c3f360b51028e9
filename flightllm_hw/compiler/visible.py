# SPDX-License-Identifier: Apache-2.0
"""What a program's queries look at: all positions so far, or the first blocks and the near ones.

::

    positions   0 ─── first │ left out │ near ─── own
    seen        0 ─── first │ near ─── own                     numbered one behind the other

Blocks are of 64 positions: whole row blocks of keys, whole groups of values, whole rows of the
vector buffer and beats of value scales. So a tape is two pieces in place of one, and all that is
counted along it, scores and their limits too, is counted by what is seen. As long as nothing is
left out, the near blocks begin where the first ones end. The tokens of a tile lie in one block and
so see the same ones.
"""

from dataclasses import dataclass

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.compress.attention import BLOCK
from flightllm_hw.compiler.emit import Sum, reg
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register, Seen

__all__ = ["Span", "Visible"]

R, S = Register, Seen

Number = Sum | int

_SCALE = 4
"""Bytes of a value scale."""


@dataclass(frozen=True)
class Span:
    """Memory that is read in one piece.

    Parameters
    ----------
    address : Sum or int
        Beats from where the first position's is; of values, from a region's first beat.
    size : Sum or int
        Beats; of value scales, rows of the vector buffer.
    row : Sum or int
        Of value scales: rows that those before take.
    """

    address: Number
    size: Number
    row: Number = 0


class Visible:
    """The pieces of keys, values and their scales, and how much there is of each.

    Parameters
    ----------
    plan : Plan
    buffer : Buffer
        The plan's for one token, which sees everything, or for several.
    """

    def __init__(self, plan: Plan, buffer: Buffer) -> None:
        self.lane, self.host = plan.lane, plan.host
        self.width, self.rows = plan.config.sfu.width, 2 * plan.config.lane.chains
        self.attention = plan.recipe.attention if buffer.tile > 1 else None
        self.blocks = -(-plan.context // BLOCK)
        self.first = 0 if self.attention is None else min(BLOCK * self.attention.first, buffer.seen)
        # Row scales, then what there is of the position's own tile at least.
        self.row_scales, self.own = 2, self.lane.values.pieces(1)[0].beats - 2

    def registers(self) -> list[tuple[str, Register | Seen, Number, Number]]:
        """Instructions that make registers of the position those of what is seen."""
        if self.attention is None:
            return []
        near_blocks, first_blocks = (min(n, self.blocks) for n in (
            self.attention.near, self.attention.first))
        near, seen = reg(R.SCRATCH), reg(S.POSITIONS)
        keys = BLOCK // self.rows * self.lane.keys.row_block_beats
        values = self.lane.values.group_beats
        return [
            # The first of the near blocks.
            ("SHR", R.SCRATCH, reg(R.POSITION), BLOCK.bit_length() - 1),
            ("MAX", R.SCRATCH, near, near_blocks - 1),
            ("SUB", R.SCRATCH, near, near_blocks - 1),
            ("MUL", S.NEAR_KEYS, near, keys), ("MUL", S.NEAR_VALUES, near, values),
            ("MUL", S.NEAR_SCALES, near, BLOCK * _SCALE // self.host.beat),
            ("SUB", R.BLOCK_BEATS, reg(R.BLOCK_BEATS), reg(S.NEAR_KEYS)),
            ("SUB", R.VALUE, reg(R.VALUE), reg(S.NEAR_VALUES)),
            ("MUL", S.POSITIONS, near, BLOCK),
            ("SUB", S.POSITIONS, reg(R.POSITION), seen),
            ("SHR", R.BUFFER_ROWS, seen, self.width.bit_length() - 1),
            # So many blocks before them are seen, too.
            ("MIN", R.SCRATCH, near, first_blocks),
            ("MUL", S.FIRST_KEYS, near, keys), ("MUL", S.FIRST_VALUES, near, values),
            ("MUL", S.FIRST_ROWS, near, BLOCK // self.width), ("MUL", R.SCRATCH, near, BLOCK),
            ("ADD", S.POSITIONS, seen, near),
            ("SHR", R.BLOCK, seen, self.rows.bit_length() - 1),
            ("SHR", R.GROUPS, seen, BLOCK.bit_length() - 1)]

    # What is read.

    @property
    def keys(self) -> list[Span]:
        """Of a home: whole row blocks."""
        size = reg(R.BLOCK_BEATS) + self.lane.keys.row_block_beats
        if self.attention is None:
            return [Span(0, size)]
        return [Span(0, reg(S.FIRST_KEYS))] * bool(self.first) + [Span(reg(S.NEAR_KEYS), size)]

    @property
    def values(self) -> list[Span]:
        """Of a region: row scales, groups up to the position's own tile."""
        if self.attention is None:
            return [Span(0, reg(R.VALUE) + self.row_scales + self.own)]
        return [Span(0, (reg(S.FIRST_VALUES) if self.first else Sum()) + self.row_scales),
                Span(reg(S.NEAR_VALUES) + self.row_scales, reg(R.VALUE) + self.own)]

    @property
    def value_scales(self) -> list[Span]:
        """Of a head, where blocks are left out.

        Of the first blocks all, needed or not: where they are not, what is loaded next is the same
        or covers it.
        """
        size = reg(R.BUFFER_ROWS) + 1
        return ([Span(0, -(-self.first // self.width))] * bool(self.first)
                + [Span(reg(S.NEAR_SCALES), size, reg(S.FIRST_ROWS))])

    # Where the new position is, and how many are seen.

    @property
    def value(self) -> Sum:
        """Beats from a region's place of position 0 to that of the value."""
        return reg(R.VALUE) if self.attention is None else reg(R.VALUE, S.NEAR_VALUES)

    @property
    def limit(self) -> Sum:
        """Positions that the first token sees."""
        return reg(R.POSITION if self.attention is None else S.POSITIONS) + 1

    @property
    def buffer_rows(self) -> Sum:
        """Rows of the vector buffer that they take."""
        own = reg(R.BUFFER_ROWS) + 1
        return own if self.attention is None else own + reg(S.FIRST_ROWS)
