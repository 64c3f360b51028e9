# SPDX-License-Identifier: Apache-2.0
"""A layer of the programs: the body of a loop.

::

    x ─► normed ─► qkv ─► attention ─► o ─► x += ─► normed ─► up ─► gated ─► down ─► x +=
                    + biases           + biases             + biases        + biases

Biases of qkv and up are added to products; those of o and down to x, while lanes multiply. There is
room for those of one matrix: they are loaded when those before have been added.
"""

from collections.abc import Sequence

from flightllm_hw.compiler.attention import Attention
from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, reg
from flightllm_hw.compiler.norms import Norms
from flightllm_hw.compiler.passes import SCALE, Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.runs import Matrix, Run
from flightllm_hw.isa.vector import Addend, Function, LastFactor, Output

__all__ = ["Layer"]

R = Register


class Layer:
    """Writes a layer: any of a run.

    Parameters
    ----------
    plan : Plan
    buffer : Buffer
        The plan's for one token, or for several.
    run : Run
    behind : int
        Beats of the tape that follows the run: the next one's first matrix, or the head.
    """

    def __init__(self, plan: Plan, buffer: Buffer, run: Run, behind: int) -> None:
        self.plan, self.buffer, self.run, self.behind = plan, buffer, run, behind
        self.lane, self.host = plan.lane, plan.host
        self.all_lanes = (1 << plan.config.lanes) - 1

    def ops(self) -> list[Op]:
        """All of it."""
        code, b = Code(), self.buffer
        passes = Passes(code, b)
        norms, matrices, gated = Norms(passes), self.run.matrices, self.plan.split.gated
        rest = self.run.beats - self.run.first.beats
        last = norms.codes(b.attention_norm, b.tile)
        bias = self._load_bias(code, "qkv", last)
        heads = self._multiply(code, matrices["qkv"], b.qkv, b.qkv_step, last)
        whole = self._add_bias(passes, "qkv", b.qkv, b.qkv_step, heads, bias)
        last = Attention(passes, self.plan).emit(heads, whole)
        # While attention goes on: weights of the next norms.
        self._load(code, "mlp_norm", b.mlp_norm, b.norm)
        loaded = self._load(code, "next", b.attention_norm, b.norm)
        bias = self._load_bias(code, "o", whole)

        last = passes.quantize(b.attention, b.attention_step, matrices["o"].columns, after=last,
                               scale=True)
        added = self._add_bias(passes, "o", b.x, b.dim, last, bias)
        out = self._multiply(code, matrices["o"], b.shared, b.result_step, last, [Piece(
            reg(R.TAPE) + self.run.first.beats, rest, self.all_lanes)])
        norms.residual(out, b.result_step)

        bias = self._load_bias(code, "up", added)
        last = norms.codes(b.mlp_norm, b.tile, after=loaded)
        inside = self._multiply(code, matrices["up"], b.shared, b.up_step, last)
        activate = self._gate if gated else self._rectify
        active = activate(passes, inside, bias)
        bias = self._load_bias(code, "down", active)
        last = passes.quantize(b.gated, self.plan.config.lanes * b.gate, self.plan.model.hidden,
                               scale=gated)
        self._add_bias(passes, "down", b.x, b.dim, last, bias)
        down = self._multiply(code, matrices["down"], b.shared, b.result_step, last)
        norms.residual(down, b.result_step)

        code.ahead(Piece(reg(R.TAPE) + self.run.beats, reg(R.NEXT), self.all_lanes))
        ops = code.scheduled(waiting=1)
        return [*self._follow(), *ops, *self._advance()]

    def _follow(self) -> list[Op]:
        """NEXT: beats of the next layer's first matrix, or of what is behind the run's last."""
        code, first, behind = Code(), self.run.first.beats, self.behind
        # LEFT counts layers of later runs, too.
        later = self.plan.model.layers - self.run.layers.stop
        code.emit("SYS.MIN", d=R.NEXT, x=reg(R.LEFT) + -later % (1 << 32), y=1)
        code.emit("SYS.MUL", d=R.NEXT, x=reg(R.NEXT), y=(first - behind) % (1 << 32))
        code.emit("SYS.ADD", d=R.NEXT, x=reg(R.NEXT), y=behind)
        return code.ops

    def _advance(self) -> list[Op]:
        """Registers of the next layer."""
        lane, host = self.lane, self.host
        homes = lane.layer_home_beats
        steps = ((R.TAPE, self.run.beats), (R.HOMES, homes),
                 (R.KEY_SCALE, homes * self.plan.config.lane.chains),
                 (R.NORMS, host.offsets["next"] // host.beat),
                 (R.VALUE_SCALE, host.layer_scales // 4),
                 (R.VALUE_SCALES, host.layer_scales // host.beat),
                 (R.LEFT, (1 << 32) - 1))
        return [Op("SYS.ADD", {"d": d, "x": reg(d), "y": step}) for d, step in steps]

    # Biases.

    def _load(self, code: Code, name: str, o: int, rows: int, after: Op | None = None) -> Op:
        """A norm or biases of this layer, or the ``next`` one's first norm."""
        at = reg(R.NORMS) + self.host.offsets[name] // self.host.beat
        return code.emit("LD.VECTOR", after=[after], address=at, o=o, rows=rows)

    def _load_bias(self, code: Code, name: str, after: Op) -> Op | None:
        """Biases of a matrix, if it has any; ``after`` the pass that adds those before."""
        b = self.buffer
        return (self._load(code, name, b.bias, b.biases[name], after) if name in b.biases
                else None)

    def _add_bias(self, passes: Passes, name: str, at: int, step: int, ready: Op,
                  bias: Op | None) -> Op:
        """Adds them to vectors that are ``ready``; what completes these."""
        if bias is None:
            return ready
        rows = self.buffer.biases[name]
        return passes.emit(after=[ready, bias], a=at, a_step=step, b=self.buffer.bias, o=at,
                           o_step=step, segments=self.buffer.tile, rows=rows,
                           limit=rows * self.plan.config.sfu.width, addend=Addend.B,
                           output=Output.BUFFER)

    # Parts of layers.

    def _gate(self, passes: Passes, both: Op, bias: Op | None) -> Op:
        """SILU(gate) up."""
        b = self.buffer
        both = self._add_bias(passes, "up", b.shared, b.up_step, both, bias)
        return passes.emit(
            after=[both], a=b.shared, a_step=2 * b.gate, b=b.shared + b.gate, b_step=2 * b.gate,
            o=b.gated, o_step=b.gate, segments=b.tile * self.plan.config.lanes, rows=b.gate,
            limit=b.gate * self.plan.config.sfu.width, function=Function.SILU, last=LastFactor.B,
            output=Output.BUFFER)

    def _rectify(self, passes: Passes, up: Op, bias: Op | None) -> Op:
        """RELU(up + bias), and the scale of its codes."""
        b = self.buffer
        addend = Addend.NONE if bias is None else Addend.B
        return passes.emit(
            after=[up, bias], a=b.shared, a_step=b.up_step, b=b.bias, o=b.gated, o_step=b.up_step,
            segments=b.tile, rows=b.up_step, limit=self.plan.model.hidden, addend=addend,
            function=Function.RELU, output=Output.BUFFER, d=b.unit, d_step=1, **SCALE)

    def _multiply(self, code: Code, matrix: Matrix, o: int, step: int, after: Op,
                  tape: Sequence[Piece] = ()) -> Op:
        return product(code, self.buffer, matrix.shape, self.buffer.tile, after=[after], tape=tape,
                       o=o, o_step=step, lane_rows=matrix.rows)
