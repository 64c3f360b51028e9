# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in the vector buffer, the activation buffer and among the scalars.

The vector buffer in rows; of several tokens everything but weights and value scales is there
several times, token after token. What is never needed at once shares what is behind the table::

    x │ norm weights: attention, MLP │ biases │ tables │ shared

    shared  positions                       that are learned
            normed                          of either norm
            k v │ q │ attention │ value scales │ turned queries │ turned keys
            k v │ q │ attention │ value scales │ scores of every lane and query
            result                          of o, and of down
            gate, up │ gated                without a gate: up, activated where it is
            logits │ logits                 two parts of the head in turn

A product is written once all passes are done that have read what its lanes multiply, so it may
take that one's place. Lanes that have no head in a turn have results, too: those lie behind the
others', on what comes later or is no longer needed. A matrix's biases are loaded when those of the
one before have been added.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from flightllm_hw.compiler.sizes import Sizes

__all__ = ["Buffer"]


@dataclass(frozen=True)
class Buffer(Sizes):
    """A program's use of what is on the chip.

    Parameters
    ----------
    split, context, tile
        As of :class:`~flightllm_hw.compiler.sizes.Sizes`.
    tiles : int
        Tiles of them that take turns: while one is multiplied, the other is with the SFU.
    index : int
        Which of them this is: each has rows, scalars and activation words of its own.
    """

    tiles: int = 1
    index: int = 0

    @property
    def each(self) -> "list[Buffer]":
        """Every tile's."""
        return [replace(self, index=n) for n in range(self.tiles)]

    @property
    def tokens(self) -> int:
        """Tokens that the program takes."""
        return self.tiles * self.tile

    @property
    def token(self) -> int:
        """The first of this tile."""
        return self.index * self.tile

    @property
    def ahead(self) -> bool:
        """Whether x is normed for a layer at the end of the one before."""
        return self.tiles > 1

    # First rows.

    @property
    def x(self) -> int:
        """The residual stream."""
        return self.index * replace(self, tiles=1, index=0).rows if self.index else 0

    @property
    def attention_norm(self) -> int:
        """Its weights."""
        return self.x + self.tile * self.dim

    @property
    def mlp_norm(self) -> int:
        """Its weights."""
        return self.attention_norm + self.norm

    @property
    def bias(self) -> int:
        """Biases of a matrix."""
        return self.mlp_norm + self.norm

    @property
    def table(self) -> int:
        """Cosines and sines."""
        return self.bias + max(self.biases.values(), default=0)

    @property
    def shared(self) -> int:
        """What is needed for a while: normed elements, results, gates."""
        return self.table + self.tile * self.head * self.split.turns

    @property
    def k(self) -> int:
        """All heads' keys, then all values."""
        return self.shared

    @property
    def v(self) -> int:
        """The first token's values."""
        return self.k + self.keys_step

    @property
    def q(self) -> int:
        """All heads' queries."""
        return self.k + self.tile * self.kv_step

    @property
    def attention(self) -> int:
        """What attention gives, head after head."""
        return self.q + self.tile * self.q_step

    @property
    def value_scales(self) -> int:
        """Of a home, lane after lane."""
        return self.attention + self.tile * self.attention_step

    @property
    def scores(self) -> int:
        """Turned queries; then every lane's scores."""
        return self.value_scales + self.split.heads_of(0) * self.positions

    @property
    def keys(self) -> int:
        """Turned keys, behind turned queries."""
        return self.scores + self.split.heads_of(0) * self.split.shared * self.head

    @property
    def gated(self) -> int:
        """Gated elements, behind gates and what they gate; activated ones without a gate."""
        return self.shared + self.tile * self.up_step * self.split.gated

    # In all.

    @cached_property
    def rows(self) -> int:
        """Rows that are needed, but for logits."""
        if self.tiles > 1:
            return self.tiles * replace(self, tiles=1, index=0).rows
        s, lanes, tile = self.split, self.split.config.lanes, self.tile
        results = lanes * s.shared * tile * self.head
        inside = self.up_step + lanes * self.gate * s.gated
        return max(
            self.shared + tile * max(self.dim, self.result_step, inside),
            self.scores + results if tile > 1 else self.attention + s.homes * results,
            self.scores + max(s.heads_of(0) * (s.shared + 1) * self.head,
                              lanes * s.shared * tile * self.positions))

    @cached_property
    def parts(self) -> int:
        """Parts of the head."""
        room = self.split.config.sfu.rows - self.shared
        if self.logits(1) <= room:
            return 1
        parts = 2
        while 2 * self.logits(parts) > room:
            parts += 1
        return parts

    @property
    def stride(self) -> int:
        """Activation words from a vector to that of the next token but one."""
        m = self.split.model
        whole = max(m.dim, m.hidden, m.heads * self.split.head_elements)
        return -(-whole // self.split.config.lane.chain.window)

    @property
    def head_stride(self) -> int:
        """The same of queries, and of their weights."""
        return -(-max(self.split.head_elements, self.seen)
                 // self.split.config.lane.chain.window)

    @property
    def words(self) -> int:
        """Activation words that are needed."""
        return self.tiles * max(-(-self.tile // 2) * self.stride,
                                -(-self.tile * self.split.shared // 2) * self.head_stride)

    @property
    def place(self) -> dict[str, int]:
        """Where lanes have the tile's activations and their scales."""
        return {"word": self.words // self.tiles * self.index, "bank": self.index}

    # Scalars: those of attention serve one tile after the other.

    @property
    def root(self) -> int:
        """1 / sqrt of the mean square of every token's x; for LayerNorm the mean of x."""
        return self.token

    @property
    def unit(self) -> int:
        """Scales of every token's codes for all lanes."""
        return self.tokens + self.token

    @property
    def deviation(self) -> int:
        """For LayerNorm: 1 / sqrt of the mean square of every token's x - mean."""
        return 2 * self.tokens + self.token

    @property
    def queries(self) -> int:
        """Scales of a token's queries, query after query, lane after lane; then greatest scores."""
        return self.tokens * (2 + self.split.centred)

    @property
    def maxima(self) -> bool:
        """Whether products of queries and keys come with their maxima in the right order."""
        return self.split.shared * self.tile == 1

    @property
    def key_scales(self) -> int:
        """Scales of a token's keys."""
        s = self.split
        return self.queries + max(s.heads_of(0) * s.shared,
                                  s.config.lanes if self.maxima else 0)

    @property
    def values(self) -> int:
        """Scales of every token's values; then units of its weights."""
        return self.key_scales + self.split.heads_of(0)

    @property
    def sums(self) -> int:
        """Scales of results."""
        return self.values + self.tile * self.split.heads_of(0)

    @property
    def scalars(self) -> int:
        """Scalars that are needed."""
        return self.sums + self.split.heads_of(0) * self.split.shared
