# SPDX-License-Identifier: Apache-2.0
"""The programs: from embeddings of one token or several to the logits behind the last.

::

    x = embedding[token] (+ positions[position])
    for every run:
      for every layer of it:
        normed ─► k, v, q ─► attention ─► o ─► x += ─► normed ─► up ─► down ─► x +=
    normed ─► head ─► logits

A run, layers that are compressed alike, is a loop: registers hold where the layer's tape, homes and
norm weights are, and go on from run to run. So do the lanes' tapes: within a layer, they are told
of all that the layer reads, and of what follows it.

Several tokens meet each matrix at once (MM). Their positions begin at a multiple of their number.
"""

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, instructions, reg
from flightllm_hw.compiler.layer import Layer
from flightllm_hw.compiler.norms import Norms
from flightllm_hw.compiler.passes import Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import TOKENS, Register
from flightllm_hw.compiler.visible import Visible
from flightllm_hw.isa.instruction import Instruction

__all__ = ["decode_program", "prefill_program"]

R = Register


def decode_program(plan: Plan) -> list[Instruction]:
    """The program for one token at any position up to the context."""
    return _Program(plan, plan.buffer).program()


def prefill_program(plan: Plan, buffer: Buffer) -> list[Instruction]:
    """The program for as many tokens as ``buffer``, one of the plan's ``prefills``, is for."""
    return _Program(plan, buffer).program()


class _Program:
    """A program in the making."""

    def __init__(self, plan: Plan, buffer: Buffer) -> None:
        self.plan, self.buffer = plan, buffer
        self.lane, self.host = plan.lane, plan.host
        self.all_lanes = (1 << plan.config.lanes) - 1

    def program(self) -> list[Instruction]:
        """All of it."""
        before, behind = self._before(), self._behind()
        loops: list[Op] = []
        runs = self.plan.split.runs
        follow = [*(run.first.beats for run in runs[1:]), self.lane.parts * self.lane.head.beats]
        for run, beats in zip(runs, follow, strict=True):
            body = Layer(self.plan, self.buffer, run, beats).ops()
            loops += [Op("SYS.LOOP", {"count": len(run.layers), "length": len(body)}), *body]
        return instructions([*before, *loops, *behind])

    # Before the layers.

    def _before(self) -> list[Op]:
        """Registers, the embedding, positions or RoPE's table, and how great x is."""
        code, host = Code(), self.host
        beat = host.beat
        code.emit("SYS.ADD", d=R.TAPE)
        code.append(Piece(reg(R.TAPE), self.plan.split.runs[0].first.beats, self.all_lanes).ops())
        for b in self.buffer.each:
            for t in range(b.tile):
                code.emit("SYS.MUL", d=R.SCRATCH, x=host.vector // beat, y=reg(TOKENS[b.token + t]))
                code.emit("LD.VECTOR", address=reg(R.SCRATCH) + host.embedding // beat,
                          o=b.x + t * b.dim, rows=b.dim)
            code.emit("LD.VECTOR", address=host.norms // beat, o=b.attention_norm, rows=b.norm)
            if self.plan.split.turns:
                self._table(code, b)
            else:
                self._positions(code, b)
        self._registers(code)
        if self.buffer.ahead:
            for b in self.buffer.each:
                Norms(Passes(code, b)).ahead()
        return code.ops

    def _positions(self, code: Code, b: Buffer) -> None:
        """Learned ones are added to x."""
        host = self.host
        code.emit("SYS.MUL", d=R.SCRATCH, x=host.vector // host.beat, y=reg(R.POSITION))
        for t in range(b.tile):
            last = code.emit("LD.VECTOR", o=b.shared + t * b.dim, rows=b.dim,
                             address=reg(R.SCRATCH) + (host.positions + (b.token + t) * host.vector)
                             // host.beat)
        Norms(Passes(code, b)).residual(last, b.dim)

    def _table(self, code: Code, b: Buffer) -> None:
        """RoPE's table; x is measured as it is."""
        m, host = self.plan.model, self.host
        steps = code.emit("LD.STEPS", address=host.steps // host.beat, pairs=m.head_dim // 2)
        for t in range(b.tile):
            code.emit("MISC.TABLE", after=[steps], position=reg(R.POSITION) + b.token + t,
                      o=b.table + t * b.head, pairs=m.head_dim // 2)
        passes = Passes(code, b)
        passes.emit(a=b.x, a_step=b.dim, segments=b.tile, rows=b.dim, limit=m.dim,
                    **Norms(passes).measured)

    def _registers(self, code: Code) -> None:
        """What the position comes to, and where layer 0 is."""
        plan, lane, host = self.plan, self.lane, self.host
        chains, width = plan.config.lane.chains, plan.config.sfu.width
        row_bits = (2 * chains).bit_length() - 1
        at, group = reg(R.POSITION), lane.values.group
        # Beats of eight rows of a tile, where it has as many.
        eight = max(1, 64 // lane.beat)
        for name, d, x, y in (
                ("SHR", R.BLOCK, at, row_bits), ("AND", R.ROW, at, 2 * chains - 1),
                ("MUL", R.BLOCK_BEATS, reg(R.BLOCK), lane.keys.row_block_beats),
                ("SHR", R.KEY, reg(R.ROW), 3), ("MUL", R.KEY, reg(R.KEY), eight),
                ("ADD", R.KEY, reg(R.KEY), reg(R.BLOCK_BEATS)),
                # Beats of tiles and of scales.
                ("SHR", R.TILES, at, 3), ("SHR", R.GROUPS, at, group.bit_length() - 1),
                ("SHL", R.VALUE, reg(R.TILES), 2), ("ADD", R.VALUE, reg(R.VALUE), reg(R.GROUPS)),
                ("AND", R.TILES, reg(R.TILES), group // 8 - 1),
                ("SHR", R.BUFFER_ROWS, at, width.bit_length() - 1),
                # Row scales: of even rows, then of odd ones.
                ("AND", R.KEY_SCALE, reg(R.ROW), 1),
                ("ADD", R.KEY_SCALE, reg(R.KEY_SCALE), reg(R.BLOCK_BEATS)),
                ("MUL", R.KEY_SCALE, reg(R.KEY_SCALE), chains),
                ("SHR", R.SCRATCH, reg(R.ROW), 1),
                ("ADD", R.KEY_SCALE, reg(R.KEY_SCALE), reg(R.SCRATCH)),
                ("ADD", R.KEY_SCALE, reg(R.KEY_SCALE), lane.homes * chains),
                ("ADD", R.VALUE_SCALE, at, host.value_scale_address // 4),
                ("ADD", R.VALUE_SCALES, 0, host.value_scale_address // lane.beat),
                ("ADD", R.HOMES, 0, lane.homes), ("ADD", R.NORMS, 0, host.norms // lane.beat),
                ("ADD", R.LEFT, 0, plan.model.layers - 1),
                *Visible(plan, self.buffer).registers()):
            code.emit(f"SYS.{name}", d=d, x=x, y=y)

    # Behind the layers.

    def _behind(self) -> list[Op]:
        """The last norm, and the head part by part: a loop, gone through once or not at all."""
        code, b, host = Code(), self.buffer.each[-1], self.host
        last = Norms(Passes(code, b)).codes(b.attention_norm, 1)
        stores: list[Op] = []
        # Parts are made for the program of one token.
        parts = self.lane.parts
        rows = b.logits(parts)
        for part in range(parts):
            # Nothing of the first tile is needed any more.
            o = self.buffer.shared + part % 2 * rows
            free = stores[part - 2] if part > 1 else None
            logits = product(code, b, self.lane.head.shape, 1, after=[last, free], o=o,
                             lane_rows=self.lane.head.rows)
            stores.append(code.emit(
                "ST.VECTOR", after=[logits], a=o, rows=rows,
                address=(host.logits + part * host.part_logits) // host.beat))
        wanted = Op("SYS.LOOP", {"count": reg(R.LOGITS), "length": len(code.ops)})
        # For a layer that does not come.
        normed = Code()
        for other in self.buffer.each * self.buffer.ahead:
            Norms(Passes(normed, other)).codes_ahead()
        return [*normed.ops, wanted, *code.ops, Op("SYS.END", {})]
