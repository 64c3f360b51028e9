# SPDX-License-Identifier: Apache-2.0
"""Random keys and values that are appended and read again, and steps of loops."""

from dataclasses import asdict

from flightllm_hw.compiler.kv import KeyHome, ValueHome
from flightllm_hw.formats.append import value_groups
from flightllm_hw.golden.tape import most_beats
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.isa.table import Target, Unit
from support.programs_tapes import PIECES, TapeDrawer


class ProgramDrawer(TapeDrawer):
    """Draws everything. Parameters as those of a :class:`Drawer`."""

    # Keys and values.

    def append(self):
        """Keys or values to a place that then is a tape, or most of one."""
        lanes, sfu = self.config.lanes, self.config.sfu
        keys = self.chance(0.5)
        segments, rows = self.some(1, lanes + 1), self.some(1, 6)
        elements = rows * sfu.width
        limit = elements if self.chance(0.5) else self.some(0, elements + 2)
        counted = min(limit, elements)
        if counted and self.chance(0.5):
            at, length, places, shape, pieces = self.home(keys, counted)
        else:
            at, length, places, shape, pieces = self.anywhere(keys, counted)
        owners = list(range(min(segments, lanes)))
        before = self.chance(0.4)
        reads_again, waits = self.chance(0.8), self.chance(0.3)
        if reads_again and before and not waits:
            self.catch_up(owners)
            for n in owners:
                self.appends[n] += 1
            self.load_pieces(pieces, owners)
        cells = {("mem", at + n) for n in range(length)}
        self.codes(segments=segments, rows=rows, limit=limit, limit_step=0, spread=1, group=0,
                   target=Target.KEYS if keys else Target.VALUES, cells=cells, **places)
        if not (reads_again and before and not waits):
            for n in owners:
                self.appends[n] += 1
            if reads_again and waits:
                self.order.control((Unit.VECTOR,))
                self.load_pieces(pieces)
            elif reads_again:
                self.catch_up(owners, 1)
                self.load_pieces(pieces, owners)
        if reads_again:
            # The tape orders reading behind writing; tokens what is written after that.
            self.operation(shape, codes=False)
            operation = len(self.order.drafts) - 1
            for cell in cells:
                self.order.readers.setdefault(cell, {})[Unit.LANES] = operation
        self.catch_up(range(lanes), 2)

    def home(self, keys, head):
        """A real home of a head: first beat, beats, where a position goes, what it is then."""
        kind = KeyHome if keys else ValueHome
        home = kind(config=self.config.lane, head=head, context=self.some(1, 40))
        at = self.lane_room([home.empty().tobytes() for _ in self.lanes])
        position = self.some(0, home.context - 1)
        places = asdict(home.place(position))
        places["address"] += at
        if keys:
            places["scale_address"] = at * self.beat // 4 + home.scale_word(position)
        length = self.some(position + 1, home.context)
        pieces = [(at + p.address, p.beats) for p in home.pieces(length)]
        if len(pieces) > PIECES:
            # Values' regions: as many row blocks as there may be pieces.
            pieces = pieces[:PIECES]
        shape = MatrixShape(**asdict(home.shape(length)) | ({} if keys else {
            "row_blocks": len(pieces)}))
        return at, home.beats, places, shape, [pieces] * len(self.lanes)

    def anywhere(self, keys, count):
        """Any memory; as :meth:`home`."""
        size, together = (8, 4) if keys else value_groups(self.beat)
        groups = -(-count // size)
        # Bursts of an append must not write to the same beats.
        beats = max(1, (8 if keys else 8 * size) // self.beat)
        low = self.some(beats, beats + 4) if together > 1 else 0
        high = beats + (together - 1) * low + self.some(0, 8)
        place = self.some(0, 7)
        shape = self.raw_shape()
        tape = most_beats(shape, self.config.lane)
        span = groups // together * high + together * low + 64 // self.beat + 2
        at = self.lane_room([self.raw_bytes(shape) + bytes(max(0, span - tape) * self.beat)
                             for _ in self.lanes])
        length = max(span, tape)
        places = {"address": at + self.some(0, length - span), "high": high, "low": low,
                  "place": place}
        if keys:
            written = [places["address"] + i // together * high + i % together * low
                       + 8 * place // self.beat for i in range(groups)]
            beat = int(self.rng.choice(sorted(set(range(at, at + length)) - set(written))))
            places["scale_address"] = (beat * self.beat + self.some(0, self.beat // 4 - 1) * 4) // 4
        return at, length, places, shape, [[(at, tape)]] * len(self.lanes)

    # Loops.

    def store_of_scalars_with_register(self, register, count):
        """ST.SCALARS that goes on by a beat in each turn of a loop."""
        address = self.room(self.host, self.beat * max(1, count)) * self.beat // 4
        d = self.scalar()
        draft = self.order.emit("ST.SCALARS", self.scalar_cells(d, 1), set(), address=address,
                                step=0, d=d, count=1)
        draft.patches.append((register, "address"))

    def rows_with_register(self, register):
        """LD.VECTOR that goes on by as many beats, and an argument of RoPE as well."""
        o = self.rows(1)
        address = self.some(0, 64)
        draft = self.order.emit("LD.VECTOR", set(), self.row_cells(o, 1), address=address, o=o,
                                rows=1)
        draft.patches.append((register, "address"))
        draft = self.table()
        if len(draft.patches) < 4:
            draft.patches.append((register, "position"))
