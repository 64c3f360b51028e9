# SPDX-License-Identifier: Apache-2.0
"""Attention: the lanes' first kv heads at once, then their second ones, and so on.

::

    k ─► turned, v ─► appended     their scales beside them, while lanes multiply by v, by q
    q ─► turned ─► codes           (copied where positions are learned)
    codes of q ─► scores of all positions so far ─► weights ─► codes ─► sums of values

Keys and values of all new tokens are appended first, then every query sees the positions up to its
own, or what ``visible.py`` leaves of them. A lane's keys and values are matrices of its tape; the
queries that share them are tokens. A lane without a head in this turn does the same with a home
that nobody appends to. The values' scales lie in the host's memory: a position's is stored, then
those of all that are seen are loaded.
"""

from collections.abc import Callable, Generator
from functools import cache, partial
from typing import Any

from flightllm_hw.compiler.emit import Op, Piece, reg
from flightllm_hw.compiler.heads import Heads
from flightllm_hw.compiler.passes import SCALE, Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.visible import Visible
from flightllm_hw.isa.table import Bank, Unit
from flightllm_hw.isa.vector import (
    Addend,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
    Wait,
)

__all__ = ["Attention"]

R = Register


class Attention:
    """Writes a layer's attention.

    Parameters
    ----------
    passes : Passes
    plan : Plan
    """

    def __init__(self, passes: Passes, plan: Plan) -> None:
        self.code, self.passes, self.buffer = passes.code, passes, passes.buffer
        self.plan, self.split, self.lane, self.host = plan, plan.split, plan.lane, plan.host
        self.visible, self.shared = Visible(plan, self.buffer), plan.split.shared
        self.tokens = self.buffer.tile * self.shared
        self.heads = Heads(passes, plan, self.visible)

    def steps(self, k: Op, v: Op, q: Callable[[], Op], before: Op) -> Generator[str, None, Op]:
        """All homes, a step each time; the last operation in the end.

        ``append``: keys and values of the first home go to memory. ``scores``, ``mix``: up to that
        product of each home.

        Parameters
        ----------
        k, v : Op
            What completes keys, values: their product, or the pass that adds biases.
        q : function
            Writes and gives what completes queries.
        before : Op
            The product that lanes make last.
        """
        queries = cache(q)
        # The second tile's turn comes with lanes' next product: the passes that this one waits for
        # are done without those that follow.
        keys = [k, self.code.last(Unit.LANES)] if self.buffer.index else [k]
        for home in range(self.split.homes):
            heads = self.split.heads_of(home)
            query = partial(self._query, home, heads, queries, before)
            # Of several tokens the first one's query lies under the last append; but lanes' next
            # product comes behind all that is written here, and the second tile has time.
            early = self.buffer.tile > 1 and not self.buffer.index
            self.heads.append(home, heads, keys, [v], partial(query, 0) if early else None)
            if not home:
                yield "append"
            for t in range(int(early), self.buffer.tile):
                last = query(t)
            before = yield from self._home(home, heads, last)
        return before

    def _home(self, home: int, heads: int, last: Op) -> Generator[str, None, Op]:
        """Lanes have the queries: scores, weights, sums."""
        at = home * self.lane.home_beats
        scores = self._scores(last, self._key_pieces(at, (1 << heads) - 1))
        yield "scores"
        loaded = self._load_value_scales(home, heads)
        for t in range(self.buffer.tile):
            self._unit(heads, t, loaded)
        for t in range(self.buffer.tile):
            last = self._weights(heads, t, scores)
        o = self.buffer.attention + home * self.plan.config.lanes * self.shared * self.buffer.head
        mixed = self._mix(o, heads, last, self._value_pieces(at, (1 << heads) - 1))
        yield "mix"
        return self._sorted(o, heads, mixed)

    # The new tokens.

    def _query(self, home: int, heads: int, q: Callable[[], Op], before: Op, t: int) -> Op:
        """A token's turned queries to lanes, once these are done with what they had ``before``."""
        b, step = self.buffer, self.shared * self.buffer.head
        first = b.q + t * b.q_step + home * self.plan.config.lanes * step
        for s in range(self.shared):
            self.passes.emit(after=[q()], a=first + s * b.head, a_step=step,
                             o=b.scores + s * b.head, o_step=step, d=b.queries + s * heads,
                             order=Wait.CHAIN if s else self.heads.first(t),
                             **self.heads.turned(heads, t))
        for s in range(self.shared):
            last = self.passes.emit(
                after=[before], a=b.scores + s * b.head, a_step=step,
                z=b.queries + s * heads, token=t * self.shared + s, stride=b.head_stride,
                scales=Bank.Z, order=Wait.CHAIN, **b.place, **self.heads.codes(heads))
        return last

    # All positions that are seen.

    def _key_pieces(self, at: int, fenced: int) -> list[Piece]:
        """Tape of a home's keys.

        A lane waits for all keys and values of several tokens: for one before every piece of none.
        """
        lanes = (1 << self.plan.config.lanes) - 1
        more = 2 * self.buffer.tile - 1 if self.buffer.tile > 1 else 0
        return [Piece(0, 0, fenced, fenced)] * more + [
            Piece(reg(R.HOMES) + at + span.address, span.size, lanes, 0 if n else fenced)
            for n, span in enumerate(self.visible.keys)]

    def _value_pieces(self, at: int, fenced: int) -> list[Piece]:
        """Tape of a home's values; for those of one token the first piece waits."""
        lanes, home = (1 << self.plan.config.lanes) - 1, self.lane.values
        at += self.lane.keys.beats
        first = fenced if self.buffer.tile == 1 else 0
        spans = [(region.address, span) for region in home.pieces(1)
                 for span in self.visible.values]
        return [Piece(reg(R.HOMES) + at + region + span.address, span.size, lanes,
                      0 if n else first) for n, (region, span) in enumerate(spans)]

    def _scores(self, queries: Op, keys: list[Piece]) -> Op:
        b = self.buffer
        return product(
            self.code, b, self.lane.keys.shape(1), self.tokens, after=[queries], tape=keys,
            row_blocks=reg(R.BLOCK) + 1, stride=b.head_stride, o=b.scores, o_step=b.positions,
            lane_rows=self.tokens * b.positions * self.plan.config.sfu.width,
            limit=self.visible.limit + b.token, maxima=b.maxima, d=b.queries)

    def _load_value_scales(self, home: int, heads: int) -> Op:
        """The value scales of all positions that are seen.

        Where nothing is left out, of all that there is room for, at once: a load for every head
        would wait for memory as often.
        """
        b, host = self.buffer, self.host
        at = home * host.home_scales // host.beat
        if self.visible.attention is None:
            return self.code.emit("LD.VECTOR", address=reg(R.VALUE_SCALES) + at, o=b.value_scales,
                                  rows=heads * b.positions)
        for head in range(heads):
            for span in self.visible.value_scales:
                last = self.code.emit(
                    "LD.VECTOR", o=span.row + b.value_scales + head * b.positions, rows=span.size,
                    address=reg(R.VALUE_SCALES) + span.address + at
                    + head * host.head_scales // host.beat)
        return last

    def _seen(self, heads: int, t: int) -> dict[str, Any]:
        """Passes over what a token sees; none of them reads what a pass has written."""
        return {"segments": heads, "rows": self.visible.buffer_rows,
                "limit": self.visible.limit + self.buffer.token + t,
                "order": Wait.DRAIN if self.buffer.tile == 1 else Wait.NONE}

    def _unit(self, heads: int, t: int, loaded: Op) -> None:
        """The unit of a token's weights: c, the greatest value scale over 127.

        It waits for no score, so all tokens' are made while lanes multiply.
        """
        b = self.buffer
        self.passes.emit(after=[loaded], a=b.value_scales, a_step=b.positions,
                         d=b.values + t * heads, d_step=1, **self._seen(heads, t), **SCALE)

    def _weights(self, heads: int, t: int, scores: Op) -> Op:
        """Codes of weights to the lanes."""
        b, seen = self.buffer, self._seen(heads, t)
        first, step = b.scores + t * self.shared * b.positions, self.tokens * b.positions
        if not b.maxima:
            for s in range(self.shared):
                self.passes.emit(after=[scores], a=first + s * b.positions, a_step=step,
                                 reduce=Reduce.MAX, d=b.queries + s * heads, d_step=1, **seen)
        for s in range(self.shared):
            last = self.passes.emit(
                after=[scores], a=first + s * b.positions, a_step=step, b=b.value_scales,
                b_step=b.positions, addend=Addend.MINUS_SCALAR, s=b.queries + s * heads, s_step=1,
                function=Function.EXP, last=LastFactor.B, output=Output.CODES,
                z=b.values + t * heads, z_step=1, reduce=Reduce.SUM,
                reduce_tap=Tap.FUNCTION, step=Step.UNDER, d=b.sums + s * heads, d_step=1,
                scales=Bank.REDUCTION, spread=1, token=t * self.shared + s, stride=b.head_stride,
                **b.place, **seen)
        return last

    def _mix(self, o: int, heads: int, weights: Op, values: list[Piece]) -> Op:
        """Sums of values: where they belong, or to be sorted."""
        b = self.buffer
        place = {"o": b.scores, "o_step": b.head,
                 "lane_rows": self.tokens * self.split.head_elements}
        if b.tile == 1:
            place["o"] = o
        elif not self._mixed(heads):
            place = {"o": o, "o_step": b.attention_step, "lane_rows": self.split.head_elements}
        return product(
            self.code, b, self.lane.values.shape(1), self.tokens, after=[weights], tape=values,
            groups=reg(R.GROUPS) + 1, last_tiles=reg(R.TILES) + 1, stride=b.head_stride,
            **place)

    def _mixed(self, heads: int) -> bool:
        """Whether sums of several tokens do not come head after head in the model's order.

        They do where each lane has a head, and a query of each token.
        """
        return self.buffer.tile > 1 and (self.shared > 1 or heads < self.plan.config.lanes)

    def _sorted(self, o: int, heads: int, mixed: Op) -> Op:
        """Sums of several tokens, head after head in the model's order.

        Every lane has all of its tokens' results side by side.
        """
        b, results = self.buffer, self.tokens * self.buffer.head
        last = mixed
        for t in range(b.tile if self._mixed(heads) else 0):
            last = self.passes.emit(
                after=[mixed], a=b.scores + t * self.shared * b.head, a_step=results,
                segments=heads, rows=self.shared * b.head,
                limit=self.shared * self.split.head_elements, o=o + t * b.attention_step,
                o_step=self.shared * b.head, output=Output.BUFFER)
        return last
