# SPDX-License-Identifier: Apache-2.0
"""The programs: from embeddings of one token or several to the logits behind the last.

::

    x = embedding[token]
    for every layer:   normed ─► qkv ─► attention ─► o ─► x += ─► normed ─► up ─► down ─► x +=
    normed ─► head ─► logits

The layers are a loop: registers hold where the layer's tape, homes and norm weights are. The lanes'
tapes go on through it: within a layer, they are told of all that the layer reads, and of what
follows it.

Several tokens meet each matrix at once (MM). Their positions begin at a multiple of their number.
"""

from collections.abc import Sequence
from typing import Any

from flightllm_hw.compiler.attention import Attention
from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, instructions, reg
from flightllm_hw.compiler.matrices import Matrix
from flightllm_hw.compiler.passes import Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import TOKENS, Register
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.vector import Addend, Function, LastFactor, Output, Reduce, Step, Tap, Wait

__all__ = ["decode_program", "prefill_program"]

R = Register


def decode_program(plan: Plan) -> list[Instruction]:
    """The program for one token at any position up to the context."""
    return _Program(plan, plan.buffer).program()


def prefill_program(plan: Plan) -> list[Instruction] | None:
    """The program for ``plan.prefill.tile`` tokens; None where there is no room for several."""
    return None if plan.prefill is None else _Program(plan, plan.prefill).program()


class _Program:
    """A program in the making."""

    def __init__(self, plan: Plan, buffer: Buffer) -> None:
        self.plan, self.buffer = plan, buffer
        self.lane, self.host = plan.lane, plan.host
        self.all_lanes = (1 << plan.config.lanes) - 1

    def program(self) -> list[Instruction]:
        """All of it."""
        before, body, behind = self._before(), self._layer(), self._behind()
        loop = Op("SYS.LOOP", {"count": self.plan.model.layers, "length": len(body)})
        return instructions([*before, loop, *body, *behind])

    # Before the layers.

    def _before(self) -> list[Op]:
        """Registers, the embedding, RoPE's table, and how great x is."""
        code, m, host, b = Code(), self.plan.model, self.host, self.buffer
        beat = host.beat
        code.emit("SYS.ADD", d=R.TAPE)
        code.append(Piece(reg(R.TAPE), self.plan.split.layer["qkv"].beats, self.all_lanes).ops())
        for t in range(b.tile):
            code.emit("SYS.MUL", d=R.SCRATCH, x=host.vector // beat, y=reg(TOKENS[t]))
            code.emit("LD.VECTOR", address=reg(R.SCRATCH) + host.embedding // beat,
                      o=b.x + t * b.dim, rows=b.dim)
        code.emit("LD.VECTOR", address=host.norms // beat, o=b.attention_norm, rows=b.dim)
        steps = code.emit("LD.STEPS", address=host.steps // beat, pairs=m.head_dim // 2)
        for t in range(b.tile):
            code.emit("MISC.TABLE", after=[steps], position=reg(R.POSITION) + t,
                      o=b.table + t * b.head, pairs=m.head_dim // 2)
        Passes(code, b).emit(a=b.x, a_step=b.dim, segments=b.tile, rows=b.dim, limit=m.dim,
                             last=LastFactor.ITSELF, **self._root())
        self._registers(code)
        return code.ops

    def _registers(self, code: Code) -> None:
        """What the position comes to, and where layer 0 is."""
        plan, lane, host = self.plan, self.lane, self.host
        chains, width = plan.config.lane.chains, plan.config.sfu.width
        row_bits = (2 * chains).bit_length() - 1
        at = reg(R.POSITION)
        # Beats of eight rows of a tile, where it has as many.
        eight = max(1, 64 // lane.beat)
        for name, d, x, y in (
                ("SHR", R.BLOCK, at, row_bits), ("AND", R.ROW, at, 2 * chains - 1),
                ("MUL", R.BLOCK_BEATS, reg(R.BLOCK), lane.keys.row_block_beats),
                ("SHR", R.KEY, reg(R.ROW), 3), ("MUL", R.KEY, reg(R.KEY), eight),
                ("ADD", R.KEY, reg(R.KEY), reg(R.BLOCK_BEATS)),
                # Beats of tiles and of scales.
                ("SHR", R.TILES, at, 3), ("SHR", R.GROUPS, at, 7),
                ("SHL", R.VALUE, reg(R.TILES), 2), ("ADD", R.VALUE, reg(R.VALUE), reg(R.GROUPS)),
                ("AND", R.TILES, reg(R.TILES), 15),
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
                ("ADD", R.LEFT, 0, plan.model.layers - 1)):
            code.emit(f"SYS.{name}", d=d, x=x, y=y)

    # A layer.

    def _layer(self) -> list[Op]:
        code, b, m, host = Code(), self.buffer, self.plan.model, self.host
        passes = Passes(code, b)
        matrices, lanes = self.plan.split.layer, self.plan.config.lanes
        rest = self.lane.layer_beats - matrices["qkv"].beats
        last = self._normalize(passes, b.attention_norm, b.tile)
        heads = self._multiply(code, matrices["qkv"], b.qkv, b.qkv_step, last)
        last = Attention(passes, self.plan).emit(heads)
        # While attention goes on: weights of the next norms.
        code.emit("LD.VECTOR", address=reg(R.NORMS) + host.vector // host.beat, o=b.mlp_norm,
                  rows=b.dim)
        norms = code.emit("LD.VECTOR", address=reg(R.NORMS) + 2 * host.vector // host.beat,
                          o=b.attention_norm, rows=b.dim)

        last = passes.quantize(b.attention, b.attention_step, matrices["o"].columns, after=last,
                               scale=True)
        out = self._multiply(code, matrices["o"], b.shared, b.result_step, last, [Piece(
            reg(R.TAPE) + matrices["qkv"].beats, rest, self.all_lanes)])
        self._residual(passes, out)

        last = self._normalize(passes, b.mlp_norm, b.tile, after=norms)
        both = self._multiply(code, matrices["up"], b.shared, 2 * lanes * b.gate, last)
        passes.emit(after=[both], a=b.shared, a_step=2 * b.gate, b=b.shared + b.gate,
                    b_step=2 * b.gate, o=b.gated, o_step=b.gate, segments=b.tile * lanes,
                    rows=b.gate, limit=b.gate * self.plan.config.sfu.width, function=Function.SILU,
                    last=LastFactor.B, output=Output.BUFFER)
        last = passes.quantize(b.gated, lanes * b.gate, m.hidden, scale=True)
        down = self._multiply(code, matrices["down"], b.shared, b.result_step, last)
        self._residual(passes, down)

        code.ahead(Piece(reg(R.TAPE) + self.lane.layer_beats, reg(R.NEXT), self.all_lanes))
        ops = code.scheduled(waiting=1)
        return [*self._follow(), *ops, *self._advance()]

    def _follow(self) -> list[Op]:
        """NEXT: beats of the next layer's first matrix, or of the head behind the last layer."""
        code = Code()
        first = self.plan.split.layer["qkv"].beats
        head = self.lane.parts * self.lane.head.beats
        code.emit("SYS.MIN", d=R.NEXT, x=reg(R.LEFT), y=1)
        code.emit("SYS.MUL", d=R.NEXT, x=reg(R.NEXT), y=(first - head) % (1 << 32))
        code.emit("SYS.ADD", d=R.NEXT, x=reg(R.NEXT), y=head)
        return code.ops

    def _advance(self) -> list[Op]:
        """Registers of the next layer."""
        lane, host = self.lane, self.host
        homes = lane.layer_home_beats
        steps = ((R.TAPE, lane.layer_beats), (R.HOMES, homes),
                 (R.KEY_SCALE, homes * self.plan.config.lane.chains),
                 (R.NORMS, 2 * host.vector // host.beat),
                 (R.VALUE_SCALE, host.layer_scales // 4),
                 (R.VALUE_SCALES, host.layer_scales // host.beat),
                 (R.LEFT, (1 << 32) - 1))
        return [Op("SYS.ADD", {"d": d, "x": reg(d), "y": step}) for d, step in steps]

    # Parts of layers.

    def _root(self) -> dict[str, Any]:
        """A pass's reduction to RMSNorm's factors."""
        return {"reduce": Reduce.SUM, "step": Step.ROOT, "k1": 1 / self.plan.model.dim,
                "k2": self.plan.model.eps, "d": self.buffer.root, "d_step": 1}

    def _normalize(self, passes: Passes, weight: int, tokens: int, after: Op | None = None) -> Op:
        """Codes of the last tokens' normed x to all lanes."""
        b, dim = self.buffer, self.plan.model.dim
        skipped = b.tile - tokens
        passes.emit(after=[after], a=b.x + skipped * b.dim, a_step=b.dim, b=weight, o=b.shared,
                    o_step=b.dim, segments=tokens, rows=b.dim, limit=dim, scalar=b.root + skipped,
                    s_step=1, last=LastFactor.B, output=Output.BUFFER, reduce=Reduce.ABSMAX,
                    step=Step.OVER, k1=127.0, d=b.unit, d_step=1, order=Wait.CHAIN)
        return passes.quantize(b.shared, b.dim, dim, scale=False, tokens=tokens)

    def _residual(self, passes: Passes, added: Op) -> None:
        """Adds a product to x, and tells how great that is."""
        b = self.buffer
        passes.emit(after=[added], a=b.x, a_step=b.dim, b=b.shared, b_step=b.result_step, o=b.x,
                    o_step=b.dim, segments=b.tile, rows=b.dim, limit=self.plan.model.dim,
                    addend=Addend.B, last=LastFactor.ITSELF, output=Output.BUFFER,
                    output_tap=Tap.FUNCTION, **self._root())

    def _multiply(self, code: Code, matrix: Matrix, o: int, step: int, after: Op,
                  tape: Sequence[Piece] = ()) -> Op:
        return product(code, self.buffer, matrix.shape, self.buffer.tile, after=[after], tape=tape,
                       o=o, o_step=step, lane_rows=matrix.rows)

    # Behind the layers.

    def _behind(self) -> list[Op]:
        """The last norm, and the head part by part."""
        code, b, host = Code(), self.buffer, self.host
        last = self._normalize(Passes(code, b), b.attention_norm, 1)
        stores: list[Op] = []
        # Parts are made for the program of one token.
        parts = self.lane.parts
        rows = b.logits(parts)
        for part in range(parts):
            o = b.shared + part % 2 * rows
            free = stores[part - 2] if part > 1 else None
            logits = product(code, b, self.lane.head.shape, 1, after=[last, free], o=o,
                             lane_rows=self.lane.head.rows)
            stores.append(code.emit(
                "ST.VECTOR", after=[logits], a=o, rows=rows,
                address=(host.logits + part * host.part_logits) // host.beat))
        code.emit("SYS.END")
        return code.ops
