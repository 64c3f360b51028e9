# SPDX-License-Identifier: Apache-2.0
"""Random passes and tables of the vector unit."""

import numpy as np

from flightllm_hw.isa.table import Bank, Target
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
)
from support.programs_draw import SCALARS, SPAN, Drawer, one
from support.sfu import anything, ordinary


class PassDrawer(Drawer):
    """Draws passes, too. Parameters as those of a :class:`Drawer`."""

    def prime(self):
        """Rows, scalars, activations and their scales are something else than zero."""
        rows, sfu, tokens = 32, self.config.sfu, self.config.lane.tokens
        for first in range(0, SPAN, rows):
            self.load_vector(rows, first=(self.first_row + first) % sfu.rows)
        self.vector_pass(Output.NONE, segments=SCALARS, rows=1, limit=sfu.width,
                         a=self.first_row, a_step=1, reduce=Reduce.ABSMAX, step=Step.KEEP,
                         d=self.first_scalar, d_step=1)
        for bank in range(2):
            self.vector_pass(
                Output.CODES, segments=tokens, rows=min(8, SPAN // tokens),
                arrange=Arrange.PLAIN, bank=bank, token=0, spread=0, scales=Bank.Z,
                word=(self.first_word + 8 * bank) % self.config.lane.window_words)

    def table(self):
        pairs = self.some(1, self.config.sfu.rotary_pairs)
        rows = -(-2 * pairs // self.config.sfu.width)
        o = self.rows(rows)
        # Elements behind the last pair stay as they are.
        return self.patch(self.order.emit_table(
            {("steps",)}, self.row_cells(o, rows), position=self.some(0, (1 << 20) - 1),
            o=o, pairs=pairs, halves=self.some(0, 1)))

    def vector_pass(self, output=None, **given):
        """Any pass whose output no later row of its own reads."""
        while True:
            drawn = self._draw_pass(output, given)
            if drawn is not None:
                return drawn

    def _draw_pass(self, output, given):
        rng, sfu = self.rng, self.config.sfu
        output = one(rng, Output) if output is None else output
        f = {"segments": self.some(1, 5), "rows": self.some(1, 8),
             "arrange": Arrange(int(rng.choice(3, p=[0.6, 0.2, 0.2])))} | given
        if f["arrange"] is Arrange.HALVES and f["rows"] % 2:
            f["arrange"] = Arrange.PAIRS
        count = f["segments"] * f["rows"]
        f |= {"a": self.rows(count), "b": self.rows(count), "o": self.rows(count),
              "a_step": self.some(0, f["rows"]), "b_step": self.some(0, f["rows"]),
              "o_step": self.some(0, f["rows"]), "b_still": self.some(0, 1)}
        if self.chance(0.3):
            f |= {"a": f["o"], "a_step": f["o_step"]}
        f |= {"limit": self.some(0, f["rows"] * sfu.width + 3) if self.chance(0.7)
              else f["rows"] * sfu.width, "limit_step": self.some(0, 1),
              "first": one(rng, Factor), "addend": one(rng, Addend),
              "function": one(rng, Function), "last": one(rng, LastFactor),
              "output": output, "output_tap": one(rng, Tap), "reduce": one(rng, Reduce),
              "reduce_tap": one(rng, Tap), "step": one(rng, Step),
              **{name: self.scalar() for name in "szd"},
              **{f"{name}_step": self.some(0, 1) for name in "szd"},
              **{name: ordinary(rng, ())[()] if self.chance(0.9) else anything(rng, (1,))[0]
                 for name in ("k1", "k2")}} | given
        if "limit" not in given and self.chance(0.05):
            # More than there are.
            f["limit"] = self.some(f["rows"] * sfu.width, (1 << 20) - 300)
        reads, written = self._pass_rows(f)
        if output is Output.BUFFER:
            last_read = {row: n for n, rows in enumerate(reads) for row in rows}
            if any(last_read.get(row, -1) > n for n, rows in enumerate(written) for row in rows):
                return None
        else:
            written = []
        segments = range(f["segments"])
        cells = {("row", row) for rows in reads for row in rows}
        for name in "sz":
            cells |= self.scalar_cells(f[name], len(segments), f[f"{name}_step"])
        writes = {("row", row) for rows in written for row in rows}
        if f["reduce"] is not Reduce.NONE:
            writes |= self.scalar_cells(f["d"], len(segments), f["d_step"])
        if output is Output.CODES:
            writes |= self._destination(f)
        return self.patch(self.order.emit_pass(cells, writes, reads, written, **f))

    def _pass_rows(self, f):
        """The vector buffer's rows that a pass reads and writes, in its order."""
        order = np.arange(f["rows"])
        if f["arrange"] is Arrange.HALVES:
            order = order.reshape(2, -1).T.ravel()
        reads, writes = [], []
        for segment in range(f["segments"]):
            for row in order:
                a, b, o = (f[name] + segment * f[f"{name}_step"] for name in "abo")
                at = [a + row, b + (0 if f["b_still"] else row)]
                reads.append({int(n) % self.config.sfu.rows for n in at})
                writes.append({int(o + row) % self.config.sfu.rows})
        return reads, writes

    def _destination(self, f):
        """Draw where codes go, if it is not given; the cells that they are written to."""
        rng, lane, lanes = self.rng, self.config.lane, self.config.lanes
        if f.get("target", Target.ACTIVATIONS) is not Target.ACTIVATIONS:
            return f.pop("cells")
        for name, value in {
                "target": Target.ACTIVATIONS, "spread": self.some(0, 1),
                "group": self.some(0, 2), "token": self.some(0, lane.tokens - 1),
                "word": self.word(), "stride": self.some(0, 5),
                "bank": self.some(0, 1), "scales": one(rng, Bank)}.items():
            f.setdefault(name, value)
        words = -(-f["rows"] * self.config.sfu.width // lane.chain.window)
        cells, scales = set(), set()
        for segment in range(f["segments"]):
            if f["spread"] and segment >> f["group"] >= lanes:
                break
            inner = segment & (1 << f["group"]) - 1 if f["spread"] else segment
            token = (f["token"] + inner) % lane.tokens
            cells |= self.word_cells(f, token, words)
            scales.add(("scale", f["bank"], token))
        if f["scales"] is Bank.NONE or (f["scales"] is Bank.REDUCTION
                                        and f["reduce"] is Reduce.NONE):
            return cells
        self.order.scales(scales, f["scales"] is Bank.REDUCTION)
        return cells | scales

    def word_cells(self, f, token, words):
        """Activation words of a token."""
        first = f["word"] + token // 2 * f["stride"]
        return {("word", token % 2, (first + n) % self.config.lane.window_words)
                for n in range(words)}

    def codes(self, **given):
        """A pass that quantizes ordinary numbers: scales from a pass before it."""
        measure = self.vector_pass(Output.NONE, reduce=Reduce.ABSMAX, step=Step.OVER,
                                   k1=np.float32(127), first=Factor.ONE, addend=Addend.NONE,
                                   function=Function.IDENTITY, last=LastFactor.ONE)
        z = measure.fields["d"]
        return self.vector_pass(Output.CODES, z=z, z_step=measure.fields["d_step"], **given)
