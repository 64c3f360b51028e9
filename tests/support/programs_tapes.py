# SPDX-License-Identifier: Apache-2.0
"""Random matrices on lanes' tapes, and operations on them."""

from dataclasses import asdict, dataclass

import numpy as np

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.tape import most_beats
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.isa.table import Bank
from support.programs_draw import MASK, SPAN, floats
from support.programs_passes import PassDrawer
from support.tapes import draw_tape

MANY = (1 << 20) - 300
"""More results than there are."""

PIECES = 5
"""Pieces of a lane's tape that no operation has been given for: the lanes keep some more."""


@dataclass
class Matrix:
    """A matrix on all lanes: its shape, and every lane's pieces (first beat, beats)."""

    shape: MatrixShape
    pieces: list


class TapeDrawer(PassDrawer):
    """Draws operations, too. Parameters as those of a :class:`Drawer`."""

    def __init__(self, rng, config):
        super().__init__(rng, config)
        self.matrices = []
        self.appends = [0] * config.lanes
        self.fences = [0] * config.lanes

    # Matrices.

    def lane_room(self, contents):
        """Room in all lanes for these bytes of each, at the same place; its first beat."""
        size = max(map(len, contents))
        first = {self.room(image, size) for image in self.lanes}
        assert len(first) == 1
        at = first.pop()
        for image, raw in zip(self.lanes, contents, strict=True):
            image[at * self.beat:at * self.beat + len(raw)] = raw
        return at

    def raw_shape(self):
        """A dense matrix that any bytes are one of."""
        bits = int(self.rng.choice([2, 3, 4, 5, 6, 8]))
        group_tiles = int(self.rng.choice([2, 4, 8]))
        last = self.some(1, group_tiles)
        return MatrixShape(
            pattern=Pattern.DENSE, bits=bits, zero_point=False, masked=False,
            row_blocks=self.some(1, 3), group_tiles=group_tiles, groups=self.some(1, 3),
            last_tiles=last + (last % 2 if bits % 2 else 0))

    def raw_bytes(self, shape):
        """Any bytes for it; scales of rows are numbers more often than not."""
        lane = self.config.lane
        beats = self.rng.integers(256, size=(most_beats(shape, lane), self.beat), dtype=np.uint8)
        block = len(beats) // shape.row_blocks
        for first in range(0, len(beats), block):
            beats[first:first + 2] = floats(self.rng, self.beat // 2).reshape(2, -1)
        return beats.tobytes()

    def encoded(self):
        """A matrix of any pattern: its shape, and each lane's bytes."""
        lane = self.config.lane
        pattern = lane.patterns[self.some(0, len(lane.patterns) - 1)]
        bits = int(self.rng.choice([2, 3, 4, 5, 6, 8]))
        least = lane.tile_columns(pattern) * (4 if bits % 2 else 2)
        group = int(self.rng.choice([g for g in (16, 32, 64, 128) if g >= min(128, least)]))
        rows, k = self.some(1, 20), self.some(1, 140)
        zero, masked = self.chance(0.4), self.chance(0.4)
        drawn = [draw_tape(self.rng, lane, pattern, rows, k, bits, group, zero, masked)
                 for _ in range(self.config.lanes)]
        return drawn[0][2], [beats.tobytes() for *_, beats in drawn]

    def matrix(self):
        """A matrix, in pieces of memory that need not follow one another."""
        if self.matrices and self.chance(0.25):
            return self.matrices[self.some(0, len(self.matrices) - 1)]
        if self.chance(0.3):
            shape = self.raw_shape()
            contents = [self.raw_bytes(shape) for _ in self.lanes]
        else:
            shape, contents = self.encoded()
        pieces = [[] for _ in self.lanes]
        if len(set(map(len, contents))) == 1:
            for first, last in self.cuts(len(contents[0]) // self.beat):
                at = self.lane_room([raw[first * self.beat:last * self.beat] for raw in contents])
                for own in pieces:
                    own.append((at, last - first))
        else:
            at = self.lane_room(contents)
            for own, raw in zip(pieces, contents, strict=True):
                own += [(at + first, last - first)
                        for first, last in self.cuts(len(raw) // self.beat)]
        found = Matrix(shape, pieces)
        self.matrices.append(found)
        return found

    def cuts(self, beats):
        """Pieces of so many beats: from, to; some have none."""
        inner = sorted(self.some(0, beats) for _ in range(self.some(0, 2)))
        ends = [0, *inner, beats]
        return list(zip(ends[:-1], ends[1:], strict=True))

    # Tapes.

    def load_tape(self, lanes, address, beats, fence=0):
        """Lanes are a list; those that there are not may be named as well."""
        named = sum(1 << n for n in lanes)
        if self.chance(0.2):
            named |= self.some(0, MASK) << self.config.lanes
        if not beats and self.chance(0.5):
            address = self.some(0, MASK)
        for n in lanes:
            self.fences[n] += fence
        return self.patch(self.order.emit("LD.TAPE", address=address, beats=beats, fence=fence,
                                          lanes=named & (1 << 64) - 1))

    def load_pieces(self, pieces, fenced=()):
        """LD.TAPE for every lane's pieces; the first one of lanes ``fenced`` has a fence."""
        whole = list(range(self.config.lanes))
        if all(own == pieces[0] for own in pieces) and len(fenced) in (0, len(whole)):
            todo = [(whole, own) for own in pieces[:1]]
        else:
            todo = [([n], pieces[n]) for n in self.rng.permutation(whole).tolist()]
        for lanes, own in todo:
            for n, (address, beats) in enumerate(own):
                self.load_tape(lanes, address, beats, int(n == 0 and lanes[0] in fenced))

    def catch_up(self, lanes, left=0):
        """Let fences pass, without beats, until ``left`` appends are ahead of them."""
        for n in lanes:
            while self.appends[n] - self.fences[n] > left:
                self.load_tape([n], 0, 0, 1)

    # Operations.

    def multiply(self):
        """A matrix or two: tapes first, then operations and what they need."""
        found = [self.matrix() for _ in range(self.some(1, 2))]
        while max(sum(len(m.pieces[n]) for m in found) for n in range(len(self.lanes))) > PIECES:
            found.pop()
        late = len(found) == 1 and self.chance(0.2)
        joined = [sum((m.pieces[n] for m in found), []) for n in range(len(self.lanes))]
        if not late:
            self.load_pieces(joined)
        drafts = [self.operation(m.shape) for m in found]
        if late:
            self.load_pieces(joined)
        return drafts

    def operation(self, shape, codes=True, **given):
        """An MV or MM, with some of the activations that it meets."""
        lane, sfu = self.config.lane, self.config.sfu
        name = str(self.rng.choice(["MV", "MM"]))
        tokens = self.some(1, lane.tokens) if name == "MM" else 1
        k = shape.groups * shape.group_tiles * lane.tile_columns(shape.pattern)
        words = -(-k // lane.chain.window)
        f = {"tokens": tokens, "word": self.word(),
             "stride": self.some(0, words + 1), "bank": self.some(0, 1)} | given
        if codes and self.chance(0.7):
            rows = min(16, -(-k // sfu.width))
            self.codes(rows=rows, segments=self.some(1, min(tokens, SPAN // rows)),
                       word=f["word"], stride=f["stride"], bank=f["bank"], token=0,
                       scales=Bank(self.some(1, 2)), spread=0)
        rows = shape.row_blocks * lane.tile_rows(shape.pattern)
        lane_rows = min(self.some(0, rows + 3) if self.chance(0.5) else rows,
                        SPAN // tokens * sfu.width // len(self.lanes))
        height = -(-len(self.lanes) * lane_rows // sfu.width)
        o_step = self.some(height, SPAN // tokens)
        total = (tokens - 1) * o_step + height
        f |= {"o": self.rows(max(1, total)), "o_step": o_step, "lane_rows": lane_rows,
              "limit": self.some(0, lane_rows + 2) if self.chance(0.9) else MANY,
              "limit_step": self.some(0, 1),
              "maxima": self.some(0, 1), "d": self.scalar()}
        reads, writes = set(), set()
        for token in range(tokens):
            reads |= self.word_cells(f, token, words) | {("scale", f["bank"], token)}
            for n in range(len(self.lanes)):
                element = n * lane_rows + np.arange(min(lane_rows, rows))
                writes |= {("row", int(row) % sfu.rows) for row in np.unique(
                    f["o"] + token * o_step + element // sfu.width)}
        if f["maxima"]:
            writes |= self.scalar_cells(f["d"], len(self.lanes) * tokens)
        return self.patch(self.order.emit(name, reads, writes, **asdict(shape), **f))
