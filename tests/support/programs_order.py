# SPDX-License-Identifier: Apache-2.0
"""Programs under construction: who must wait for whom, and the tokens that see to it.

Whatever an instruction reads or writes is a set of cells. When one of another unit has written a
cell before (or read one that is written now), the last instruction of that unit so far releases
this one's unit, and this one waits: tokens are counted, so that the n-th wait meets the n-th
release. What a unit knows to be done goes with its tokens, and with the program's order behind an
instruction of control that has waited.
"""

from dataclasses import dataclass, field

import numpy as np

from flightllm_hw.isa.fields import from_bits
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import Unit, kind
from flightllm_hw.isa.vector import Wait

UNITS = (Unit.MEMORY, Unit.LANES, Unit.VECTOR)
NEVER = -1


@dataclass
class Draft:
    """An instruction whose tokens are not settled.

    ``values``: what registers are to be taken from fields, so that patches restore them.
    ``block``: straight piece of program that it is in. ``known``: for every unit its last
    instruction that is done when this one starts.
    """

    name: str
    fields: dict
    block: int
    wait: set = field(default_factory=set)
    release: set = field(default_factory=set)
    patches: list = field(default_factory=list)
    values: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)

    @property
    def unit(self):
        return kind(self.name).unit

    def build(self):
        """The instruction."""
        own = Instruction.of(self.name, **self.fields)
        stored = dict(zip((f.name for f in own.kind.fields), own.stored, strict=True))
        fields = {f.name: from_bits(f, (stored[f.name] - self.values.get(f.name, 0))
                                    % (1 << f.bits)) if not f.enum else own[f.name]
                  for f in own.kind.fields}
        return Instruction(own.kind, fields, frozenset(self.wait), frozenset(self.release),
                           tuple(self.patches))


class Order:
    """Drafts in the program's order, and what each has to wait for.

    Parameters
    ----------
    rng : numpy.random.Generator
    """

    def __init__(self, rng):
        self.rng = rng
        self.drafts = []
        self.block = 0
        self.last = dict.fromkeys(Unit, NEVER)
        self.known = {unit: dict.fromkeys(Unit, NEVER) for unit in Unit}
        self.writers, self.readers = {}, {}
        self.settled = NEVER      # passes up to here are done for whatever pass comes next
        self.last_pass = NEVER
        self.reduced = {}         # token scales that came of a reduction, and of which pass

    # Dependences.

    def depends(self, reads, writes):
        """For every unit its last instruction that these cells depend on."""
        found = dict.fromkeys(Unit, NEVER)
        for cell in reads | writes:
            at = self.writers.get(cell, NEVER)
            if at != NEVER:
                unit = self.drafts[at].unit
                found[unit] = max(found[unit], at)
        for cell in writes:
            for unit, at in self.readers.get(cell, {}).items():
                found[unit] = max(found[unit], at)
        return found

    def done(self, unit, of):
        """The last instruction of a unit that is done when the next one of ``unit`` starts."""
        return max(self.known[unit][of], self.known[Unit.CONTROL][of])

    def emit(self, name, reads=frozenset(), writes=frozenset(), **fields):
        """Append an instruction, ordered by tokens behind what it depends on."""
        draft = Draft(name, fields, self.block)
        at = len(self.drafts)
        self.drafts.append(draft)
        unit = draft.unit
        if name == "LD.TAPE":
            return draft
        for of, needed in self.depends(reads, writes).items():
            if of is not unit and needed > self.done(unit, of):
                self.sync(draft, of)
        draft.known = {of: self.done(unit, of) for of in Unit}
        for cell in reads:
            self.readers.setdefault(cell, {})[unit] = at
        for cell in writes:
            self.writers[cell] = at
            self.readers.pop(cell, None)
        self.last[unit] = at
        return draft

    def sync(self, draft, of):
        """Let a draft wait for all that a unit was given so far."""
        unit, last = draft.unit, self.last[of]
        giver = self.drafts[last]
        assert giver.block == draft.block and unit not in giver.release and of not in draft.wait
        giver.release.add(unit)
        draft.wait.add(of)
        for other, at in giver.known.items():
            self.known[unit][other] = max(self.known[unit][other], at)
        self.known[unit][of] = last

    def control(self, units=UNITS):
        """An instruction of control that waits for all that units were given so far."""
        draft = self.emit("SYS.SYNC")
        draft.fields = {}
        for of in units:
            if self.last[of] > self.known[Unit.CONTROL][of]:
                self.sync(draft, of)
        draft.known = dict(self.known[Unit.CONTROL])
        return draft

    def barrier(self):
        """Everything is done; a new block begins."""
        self.control()
        self.settled = len(self.drafts)
        self.last_pass = NEVER
        self.block += 1

    # Passes among themselves.

    def emit_pass(self, reads, writes, rows_read, rows_written, **fields):
        """Append a pass that waits for the passes before it, too.

        ``rows_read``, ``rows_written``: of the vector buffer, a set for each row in order.
        """
        wait = Wait.NONE
        before = self.drafts[self.last_pass].rows if self.last_pass != NEVER else {}
        settled = max(self.settled, self.done(Unit.VECTOR, Unit.VECTOR))
        for n, rows in enumerate(rows_read):
            for row in rows:
                at = self.writers.get(("row", row), NEVER)
                if at == NEVER or self.drafts[at].unit is not Unit.VECTOR or at <= settled:
                    continue
                follows = at != self.last_pass or max(before[row]) <= n
                wait = max(wait, Wait.CHAIN if follows else Wait.DRAIN)
        if self.rng.random() < 0.2:
            wait = Wait(int(self.rng.integers(wait, 3)))
        draft = self.emit("MISC.PASS", reads, writes, order=wait, **fields)
        if wait is Wait.CHAIN and self.last_pass != NEVER:
            self.settled = max(self.settled, self.last_pass - 1)
        elif wait is Wait.DRAIN:
            self.settled = max(self.settled, len(self.drafts) - 2)
        self.last_pass = len(self.drafts) - 1
        for n, rows in enumerate(rows_written):
            for row in rows:
                draft.rows.setdefault(row, []).append(n)
        return draft

    def emit_table(self, reads, writes, **fields):
        """Append a MISC.TABLE, which waits for all passes, and they for it."""
        draft = self.emit("MISC.TABLE", reads, writes, **fields)
        self.settled = len(self.drafts) - 1
        return draft

    def scales(self, cells, reduction):
        """Before a pass writes these token scales: a reduction may still be on its way there."""
        late = [self.reduced[cell] for cell in cells if cell in self.reduced]
        if not reduction and late and max(late) > self.done(Unit.VECTOR, Unit.VECTOR):
            self.control((Unit.VECTOR,))
        for cell in cells:
            self.reduced.pop(cell, None)
            if reduction:
                self.reduced[cell] = len(self.drafts)

    # Tokens that nobody needs.

    def extra_tokens(self, count):
        """Give tokens, and take them later; those that are needed still meet as they did."""
        for _ in range(count):
            giver, taker = (Unit(int(u)) for u in self.rng.integers(len(Unit), size=2))
            block = int(self.rng.integers(self.block + 1))
            own = [(n, d) for n, d in enumerate(self.drafts)
                   if d.block == block and d.name not in ("LD.TAPE", "SYS.END")]
            gives = [n for n, d in own if d.unit is giver]
            takes = [n for n, d in own if d.unit is taker]
            given = [n for n in gives if taker in self.drafts[n].release]
            taken = [n for n in takes if giver in self.drafts[n].wait]
            # Before it as many are given as taken.
            pairs = [(a, b) for a in gives for b in takes
                     if a < b and a not in given and b not in taken
                     and np.searchsorted(given, a) == np.searchsorted(taken, b)]
            if pairs:
                a, b = pairs[int(self.rng.integers(len(pairs)))]
                self.drafts[a].release.add(taker)
                self.drafts[b].wait.add(giver)
