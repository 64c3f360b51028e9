# SPDX-License-Identifier: Apache-2.0
"""A layer of the programs, for a tile of tokens.

::

    x ─► normed ─► kv, q ─► attention ─► o ─► x += ─► normed ─► up ─► gated ─► down ─► x +=
                    + biases             + biases             + biases        + biases

Biases of kv, q and up are added to products; those of o and down to x, while lanes multiply. There
is room for those of one matrix: they are loaded when those before have been added.
"""

from collections.abc import Iterator

from flightllm_hw.compiler.attention import Attention
from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, reg
from flightllm_hw.compiler.norms import Norms
from flightllm_hw.compiler.passes import SCALE, Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.runs import Run
from flightllm_hw.isa.vector import Addend, Function, LastFactor, Output

__all__ = ["LayerTile"]

R = Register


class LayerTile:
    """Writes what a tile of tokens goes through in a layer.

    Parameters
    ----------
    code : Code
    plan : Plan
    buffer : Buffer
        The tile's.
    run : Run
        The layer's.
    """

    def __init__(self, code: Code, plan: Plan, buffer: Buffer, run: Run) -> None:
        self.code, self.plan, self.buffer, self.run = code, plan, buffer, run
        self.passes = Passes(code, buffer)
        self.lanes = (1 << plan.config.lanes) - 1

    def products(self) -> Iterator[None]:
        """All of it, up to a product each time."""
        b, passes, norms = self.buffer, self.passes, Norms(self.passes)
        matrices, gated = self.run.matrices, self.plan.split.gated
        last = norms.codes(b.attention_norm, b.tile)
        bias = self._load_bias("kv", last)
        pairs = self._multiply("kv", b.kv, b.kv_step, last)
        yield
        queries = self._multiply("q", b.q, b.q_step, last)
        yield
        whole = self._add_bias("kv", b.kv, b.kv_step, pairs, bias)

        def complete() -> Op:
            return self._add_bias("q", b.q, b.q_step, queries, self._load_bias("q", whole))

        last = yield from Attention(passes, self.plan).products(whole, complete, queries)
        # While attention goes on: weights of the next norms.
        self._load("mlp_norm", b.mlp_norm, b.norm)
        loaded = self._load("next", b.attention_norm, b.norm)
        bias = self._load_bias("o", last)

        last = passes.quantize(b.attention, b.attention_step, matrices["o"].columns, after=last,
                               scale=True)
        added = self._add_bias("o", b.x, b.dim, last, bias)
        out = self._multiply("o", b.shared, b.result_step, last)
        yield
        norms.residual(out, b.result_step)

        bias = self._load_bias("up", added)
        last = norms.codes(b.mlp_norm, b.tile, after=loaded)
        inside = self._multiply("up", b.shared, b.up_step, last)
        yield
        active = (self._gate if gated else self._rectify)(inside, bias)
        bias = self._load_bias("down", active)
        last = passes.quantize(b.gated, self.plan.config.lanes * b.gate, self.plan.model.hidden,
                               scale=gated)
        self._add_bias("down", b.x, b.dim, last, bias)
        down = self._multiply("down", b.shared, b.result_step, last)
        yield
        norms.residual(down, b.result_step)

    def _multiply(self, name: str, o: int, step: int, after: Op) -> Op:
        """A product with one of the layer's matrices."""
        matrix, b = self.run.matrices[name], self.buffer
        return product(self.code, b, matrix.shape, b.tile, after=[after], tape=self._tape(name),
                       o=o, o_step=step, lane_rows=matrix.rows)

    def _tape(self, name: str) -> list[Piece]:
        """What is read for it: the first matrix for the first tile was asked for before.

        One tile has those behind attention in one piece.
        """
        names, matrices = list(self.run.matrices), self.run.matrices
        if name == names[0] and not self.buffer.index:
            return []
        here, together = names.index(name), [name]
        if self.buffer.tiles == 1 and here >= names.index("o"):
            if name != "o":
                return []
            together = names[here:]
        first = sum(matrices[other].beats for other in names[:here])
        return [Piece(reg(R.TAPE) + first, sum(matrices[other].beats for other in together),
                      self.lanes)]

    # Biases.

    def _load(self, name: str, o: int, rows: int, after: Op | None = None) -> Op:
        """A norm or biases of this layer, or the ``next`` one's first norm."""
        host = self.plan.host
        at = reg(R.NORMS) + host.offsets[name] // host.beat
        return self.code.emit("LD.VECTOR", after=[after], address=at, o=o, rows=rows)

    def _load_bias(self, name: str, after: Op) -> Op | None:
        """Biases of a matrix, if it has any; ``after`` the pass that adds those before."""
        b = self.buffer
        return self._load(name, b.bias, b.biases[name], after) if name in b.biases else None

    def _add_bias(self, name: str, at: int, step: int, ready: Op, bias: Op | None) -> Op:
        """Adds them to vectors that are ``ready``; what completes these."""
        if bias is None:
            return ready
        rows = self.buffer.biases[name]
        return self.passes.emit(after=[ready, bias], a=at, a_step=step, b=self.buffer.bias, o=at,
                           o_step=step, segments=self.buffer.tile, rows=rows,
                           limit=rows * self.plan.config.sfu.width, addend=Addend.B,
                           output=Output.BUFFER)

    # Parts of layers.

    def _gate(self, both: Op, bias: Op | None) -> Op:
        """SILU(gate) up."""
        b = self.buffer
        both = self._add_bias("up", b.shared, b.up_step, both, bias)
        return self.passes.emit(
            after=[both], a=b.shared, a_step=2 * b.gate, b=b.shared + b.gate, b_step=2 * b.gate,
            o=b.gated, o_step=b.gate, segments=b.tile * self.plan.config.lanes, rows=b.gate,
            limit=b.gate * self.plan.config.sfu.width, function=Function.SILU, last=LastFactor.B,
            output=Output.BUFFER)

    def _rectify(self, up: Op, bias: Op | None) -> Op:
        """RELU(up + bias), and the scale of its codes."""
        b = self.buffer
        addend = Addend.NONE if bias is None else Addend.B
        return self.passes.emit(
            after=[up, bias], a=b.shared, a_step=b.up_step, b=b.bias, o=b.gated, o_step=b.up_step,
            segments=b.tile, rows=b.up_step, limit=self.plan.model.hidden, addend=addend,
            function=Function.RELU, output=Output.BUFFER, d=b.unit, d_step=1, **SCALE)
