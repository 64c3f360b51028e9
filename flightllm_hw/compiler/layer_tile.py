# SPDX-License-Identifier: Apache-2.0
"""A layer of the programs, for a tile of tokens.

::

    x ─► normed ─► k, v, q ─► attention ─► o ─► x += ─► normed ─► up ─► gated ─► down ─► x +=
                    + biases             + biases             + biases        + biases

Of several tiles each norms x for the next layer at the end of this one, so that lanes begin with it
as soon as they are done with this one.

Biases of k, v, q and up are added to products; those of o and down to x, while lanes multiply.
There is room for those of one matrix: they are loaded when those before have been added.
"""

from collections.abc import Generator, Iterator
from itertools import accumulate, pairwise

from flightllm_hw.compiler.attention import Attention
from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, reg
from flightllm_hw.compiler.norms import Norms
from flightllm_hw.compiler.passes import SCALE, Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.runs import Matrix, Run
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
    parts : dict of str to list of int
        Matrices that are multiplied in parts, between which lanes do something else: how large
        these are beside one another.
    """

    def __init__(self, code: Code, plan: Plan, buffer: Buffer, run: Run,
                 parts: dict[str, list[int]] | None = None) -> None:
        self.code, self.plan, self.buffer, self.run = code, plan, buffer, run
        self.parts = parts or {}
        self.passes = Passes(code, buffer)
        self.lanes = (1 << plan.config.lanes) - 1

    def steps(self) -> Iterator[str]:
        """All of it, a step each time, named after what it ends with.

        ``begin`` │ k .. │ v .. │ q │ ``append`` │ (``scores`` │ ``mix``) .. │ o │ up .. │ down │
        ``end``
        """
        b, passes, norms = self.buffer, self.passes, Norms(self.passes)
        matrices, gated = self.run.matrices, self.plan.split.gated
        last: Op | None = None
        if b.ahead:
            norms.codes_ahead()
        else:
            last = norms.codes(b.attention_norm, b.tile)
        bias = self._load_bias("k", last)
        yield "begin"
        keys = yield from self._multiply("k", b.k, b.kv_step, last)
        values = yield from self._multiply("v", b.v, b.kv_step, last)
        queries = yield from self._multiply("q", b.q, b.q_step, last)
        keys = self._add_bias("k", b.k, b.kv_step, keys, bias)
        values = self._add_bias("v", b.v, b.kv_step, values, self._load_bias("v", keys))

        def complete() -> Op:
            return self._add_bias("q", b.q, b.q_step, queries, self._load_bias("q", values))

        last = yield from Attention(passes, self.plan).steps(keys, values, complete, queries)
        # Weights of the next norms: while attention goes on, or, of several tokens, behind it, for
        # the results of many rows of scores would wait for them.
        behind = last if b.tile > 1 else None
        self._load("mlp_norm", b.mlp_norm, b.norm, behind)
        loaded = self._load("next", b.attention_norm, b.norm, behind)
        bias = self._load_bias("o", last)

        last = passes.quantize(b.attention, b.attention_step, matrices["o"].columns, after=last,
                               scale=True)
        added = self._add_bias("o", b.x, b.dim, last, bias)
        out = yield from self._multiply("o", b.shared, b.result_step, last)
        norms.residual(out, b.result_step)

        bias = self._load_bias("up", added)
        last = norms.codes(b.mlp_norm, b.tile, after=loaded)
        inside = yield from self._multiply("up", b.shared, b.up_step, last)
        active = (self._gate if gated else self._rectify)(inside, bias)
        bias = self._load_bias("down", active)
        last = passes.quantize(b.gated, self.plan.config.lanes * b.gate, self.plan.model.hidden,
                               scale=gated)
        self._add_bias("down", b.x, b.dim, last, bias)
        down = yield from self._multiply("down", b.shared, b.result_step, last)
        norms.residual(down, b.result_step)
        if b.ahead:
            norms.ahead()
        yield "end"

    def _multiply(self, name: str, o: int, step: int, after: Op | None
                  ) -> Generator[str, None, Op]:
        """A product with one of the layer's matrices, part by part: the last of them."""
        matrix, b, lane = self.run.matrices[name], self.buffer, self.plan.config.lane
        first, rows = 0, lane.tile_rows(matrix.shape.pattern)
        for blocks in self._blocks(matrix):
            if blocks:
                last = product(
                    self.code, b, matrix.shape, b.tile, after=[after],
                    tape=self._tape(name, first, blocks), row_blocks=blocks,
                    o=o + first * rows // self.plan.config.sfu.width, o_step=step,
                    lane_rows=matrix.rows)
            first += blocks
            yield name
        return last

    def _blocks(self, matrix: Matrix) -> list[int]:
        """Row blocks of each part; the first part always has some.

        Only whole ones can be parted: of the last, rows beyond the matrix must be dropped.
        """
        blocks, parts = matrix.shape.row_blocks, self.parts.get(matrix.name, [1])
        rows = self.plan.config.lane.tile_rows(matrix.shape.pattern)
        if rows % self.plan.config.sfu.width or matrix.rows % rows:
            return [blocks] + [0] * (len(parts) - 1)
        ends = [-(-blocks * end // sum(parts)) for end in accumulate(parts, initial=0)]
        return [end - start for start, end in pairwise(ends)]

    def _tape(self, name: str, first: int, blocks: int) -> list[Piece]:
        """What is read for row blocks: the first matrix for the first tile was asked for before.

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
        matrix = matrices[name]
        block = matrix.beats // matrix.shape.row_blocks
        start = sum(matrices[other].beats for other in names[:here]) + first * block
        beats = (blocks - matrix.shape.row_blocks) * block + sum(
            matrices[other].beats for other in together)
        return [Piece(reg(R.TAPE) + start, beats, self.lanes)]

    # Biases.

    def _load(self, name: str, o: int, rows: int, after: Op | None = None) -> Op:
        """A norm or biases of this layer, or the ``next`` one's first norm."""
        host = self.plan.host
        at = reg(R.NORMS) + host.offsets[name] // host.beat
        return self.code.emit("LD.VECTOR", after=[after], address=at, o=o, rows=rows)

    def _load_bias(self, name: str, after: Op | None) -> Op | None:
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
