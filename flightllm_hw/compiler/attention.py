# SPDX-License-Identifier: Apache-2.0
"""Attention: the lanes' first kv heads at once, then their second ones, and so on.

::

    k ─► turned, v ─► appended     their scales beside them, while lanes multiply by q
    q ─► turned ─► codes           (copied where positions are learned)
    codes of q ─► scores of all positions so far ─► weights ─► codes ─► sums of values

Keys and values of all new tokens are appended first, then every query sees the positions up to its
own, or what ``visible.py`` leaves of them. A lane's keys and values are matrices of its tape; the
queries that share them are tokens. A lane without a head in this turn does the same with a home
that nobody appends to. The values' scales lie in the host's memory: a position's is stored, then
those of all that are seen are loaded.
"""

from collections.abc import Callable, Generator
from typing import Any

from flightllm_hw.compiler.emit import Op, Piece, reg
from flightllm_hw.compiler.passes import SCALE, Passes, product
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.visible import Visible
from flightllm_hw.isa.table import Bank, Target
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
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

    def steps(self, kv: Op, q: Callable[[], Op], before: Op) -> Generator[str, None, Op]:
        """All homes, a step each time; the last operation in the end.

        ``append``: keys and values of the first home go to memory. ``scores``, ``mix``: up to that
        product of each home.

        Parameters
        ----------
        kv : Op
            What completes keys and values: their product, or the pass that adds biases.
        q : function
            Writes and gives what completes queries.
        before : Op
            The product that lanes make last.
        """
        queries: Op | None = None
        # Of a later tile it is lanes' last product that says when its turn comes: what lanes wait
        # for is done before.
        source = [kv, before] if self.buffer.index else [kv]
        for home in range(self.split.homes):
            heads = self.split.heads_of(home)
            stored = self._append(home, heads, source)
            if not home:
                yield "append"
            queries = q() if queries is None else queries
            for t in range(self.buffer.tile):
                last = self._queries(home, heads, t, [queries, stored], before)
            before = yield from self._home(home, heads, last)
        return before

    def _home(self, home: int, heads: int, last: Op) -> Generator[str, None, Op]:
        """Lanes have the queries: scores, weights, sums."""
        at = home * self.lane.home_beats
        scores = self._scores(last, self._key_pieces(at, (1 << heads) - 1))
        yield "scores"
        loaded = self._load_value_scales(home, heads)
        for t in range(self.buffer.tile):
            last = self._weights(heads, t, scores, loaded)
        o = self.buffer.attention + home * self.plan.config.lanes * self.shared * self.buffer.head
        mixed = self._mix(o, heads, last, self._value_pieces(at, (1 << heads) - 1))
        yield "mix"
        return self._sorted(o, heads, mixed)

    # The new tokens.

    def _own(self, heads: int) -> dict[str, Any]:
        """Passes over a home's heads, which give scales."""
        return {"segments": heads, "rows": self.buffer.head, "limit": self.plan.model.head_dim,
                "d_step": 1, **SCALE}

    def _turn(self, heads: int, t: int) -> dict[str, Any]:
        """Passes that turn them, too."""
        turn = self._own(heads) | {"output": Output.BUFFER}
        if self.split.turns:
            turn |= {"b": self.buffer.table + t * self.buffer.head, "arrange": Arrange.PAIRS}
        return turn

    def _first(self, t: int) -> Wait:
        """What a token's first pass waits for: biases that are added for all of them."""
        return Wait.NONE if t else Wait.DRAIN

    def _codes(self, heads: int) -> dict[str, Any]:
        """Passes that give codes of them."""
        return {"output": Output.CODES, "z_step": 1, "spread": 1, "segments": heads,
                "rows": self.buffer.head, "limit": self.plan.model.head_dim}

    def _append(self, home: int, heads: int, source: list[Op]) -> Op | None:
        """Keys and values of all tokens to memory, scales of values to the host's.

        An append waits until all before it is done, so the next token's are turned and measured
        while memory answers::

            turn 0, measure 0 │ keys 0, turn 1 │ values 0, measure 1 │ keys 1, ..

        What has stored the scales that lie where those of queries will.
        """
        tile, stored = self.buffer.tile, list[Op]()
        self._turned_key(home, heads, 0, source)
        self._measured_value(home, heads, 0, [])
        for t in range(tile):
            self._append_key(home, heads, t)
            if t + 1 < tile:
                self._turned_key(home, heads, t + 1, [])
            appended = self._append_value(home, heads, t)
            stored.append(self.code.emit(
                "ST.SCALARS", after=[appended], d=self._value_scales(t), count=heads,
                address=reg(R.VALUE_SCALE) + home * self.host.home_scales // 4
                + self.buffer.token + t, step=self.host.head_scales // 4))
            if t + 1 < tile:
                self._measured_value(home, heads, t + 1, stored[:-1])
        return stored[-2] if tile > 1 else None

    def _value_scales(self, t: int) -> int:
        """Scales of a token's values: two tokens' are needed at once, the last one's longest."""
        return self.buffer.queries if (self.buffer.tile - t) % 2 == 0 else self.buffer.sums

    def _key(self, home: int, t: int) -> int:
        """First row of a token's keys."""
        b = self.buffer
        return b.kv + t * b.kv_step + home * self.plan.config.lanes * b.head

    def _value(self, home: int, t: int) -> int:
        """First row of a token's values."""
        return self._key(home, t) + self.plan.model.kv_heads * self.buffer.head

    def _turned_key(self, home: int, heads: int, t: int, source: list[Op]) -> None:
        b = self.buffer
        self.passes.emit(after=source, a=self._key(home, t), a_step=b.head, o=b.keys,
                         o_step=b.head, d=b.key_scales, order=self._first(t),
                         **self._turn(heads, t))

    def _measured_value(self, home: int, heads: int, t: int, stored: list[Op]) -> None:
        self.passes.emit(after=stored[-1:], a=self._value(home, t), a_step=self.buffer.head,
                         d=self._value_scales(t), order=Wait.CHAIN, **self._own(heads))

    def _append_key(self, home: int, heads: int, t: int) -> None:
        b, at, chains = self.buffer, home * self.lane.home_beats, self.plan.config.lane.chains
        token, place = b.token + t, self.lane.keys.place(0)
        # A tile begins with an even row; scales of even rows come first.
        scale = at * chains + token % 2 * chains + token // 2
        self.passes.emit(
            a=b.keys, a_step=b.head, z=b.key_scales, target=Target.KEYS,
            address=reg(R.HOMES, R.KEY) + at + place.address, high=place.high, low=place.low,
            place=reg(R.ROW) + token, scale_address=reg(R.KEY_SCALE) + scale,
            **self._codes(heads))

    def _append_value(self, home: int, heads: int, t: int) -> Op:
        b, place = self.buffer, self.lane.values.place(0)
        at = home * self.lane.home_beats + self.lane.keys.beats
        return self.passes.emit(
            a=self._value(home, t), a_step=b.head, z=self._value_scales(t), target=Target.VALUES,
            address=reg(R.HOMES) + self.visible.value + at + place.address,
            high=place.high, low=place.low, place=reg(R.POSITION) + b.token + t,
            order=Wait.CHAIN, **self._codes(heads))

    def _queries(self, home: int, heads: int, t: int, source: list[Op | None], before: Op) -> Op:
        """Turned queries to lanes, once these are done with what they had ``before``."""
        b, step = self.buffer, self.shared * self.buffer.head
        first = b.q + t * b.q_step + home * self.plan.config.lanes * step
        for s in range(self.shared):
            self.passes.emit(after=source, a=first + s * b.head, a_step=step,
                             o=b.scores + s * b.head, o_step=step, d=b.queries + s * heads,
                             order=Wait.CHAIN if s else self._first(t), **self._turn(heads, t))
        for s in range(self.shared):
            last = self.passes.emit(
                after=[before], a=b.scores + s * b.head, a_step=step,
                z=b.queries + s * heads, token=t * self.shared + s, stride=b.head_stride,
                scales=Bank.Z, order=Wait.CHAIN, **b.place, **self._codes(heads))
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

    def _weights(self, heads: int, t: int, scores: Op, loaded: Op) -> Op:
        """Codes of weights to the lanes; c, the greatest value scale over 127, is their unit."""
        b = self.buffer
        # None of them reads what a pass has written.
        seen: dict[str, Any] = {"segments": heads, "rows": self.visible.buffer_rows,
                                "limit": self.visible.limit + b.token + t,
                                "order": Wait.DRAIN if b.tile == 1 else Wait.NONE}
        self.passes.emit(after=[loaded], a=b.value_scales, a_step=b.positions, d=b.key_scales,
                         d_step=1, **seen, **SCALE)
        first, step = b.scores + t * self.shared * b.positions, self.tokens * b.positions
        if not b.maxima:
            for s in range(self.shared):
                self.passes.emit(after=[scores], a=first + s * b.positions, a_step=step,
                                 reduce=Reduce.MAX, d=b.queries + s * heads, d_step=1, **seen)
        for s in range(self.shared):
            last = self.passes.emit(
                after=[scores], a=first + s * b.positions, a_step=step, b=b.value_scales,
                b_step=b.positions, addend=Addend.MINUS_SCALAR, s=b.queries + s * heads, s_step=1,
                function=Function.EXP, last=LastFactor.B, output=Output.CODES, z=b.key_scales,
                z_step=1, reduce=Reduce.SUM, reduce_tap=Tap.FUNCTION, step=Step.UNDER,
                d=b.sums + s * heads, d_step=1, scales=Bank.REDUCTION, spread=1,
                token=t * self.shared + s, stride=b.head_stride, **b.place, **seen)
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
