# SPDX-License-Identifier: Apache-2.0
"""How many rows of the vector buffer there are of everything that programs work at."""

from dataclasses import dataclass

from flightllm_hw.compiler.matrices import Split, up

__all__ = ["Sizes"]


@dataclass(frozen=True)
class Sizes:
    """Sizes in rows of W elements.

    Parameters
    ----------
    split : Split
    context : int
        Positions.
    tile : int
        Tokens that meet a matrix at once.
    """

    split: Split
    context: int
    tile: int = 1

    def _rows(self, elements: int) -> int:
        return -(-elements // self.split.config.sfu.width)

    def _shares(self, elements: int) -> int:
        """All lanes' shares of a vector."""
        return self.split.config.lanes * self._rows(self.split.share(elements))

    @property
    def dim(self) -> int:
        """The residual stream."""
        return self._rows(self.split.model.dim)

    @property
    def head(self) -> int:
        """A head."""
        return self._rows(self.split.head_elements)

    @property
    def keys_step(self) -> int:
        """From a token's keys to its values; lanes that have no key write behind these."""
        return self.split.model.kv_heads * self.head

    @property
    def kv_step(self) -> int:
        """From a token's keys and values to the next's."""
        return self.keys_step + self._shares(
            self.split.model.kv_heads * self.split.head_elements)

    @property
    def q_step(self) -> int:
        """From a token's queries to the next's."""
        return self._shares(self.split.model.heads * self.split.head_elements)

    @property
    def attention_step(self) -> int:
        """What attention gives of a token."""
        return self.split.model.heads * self.head

    @property
    def result_step(self) -> int:
        """What o and down give of a token."""
        return self._shares(self.split.model.dim)

    @property
    def seen(self) -> int:
        """Positions that a query sees at most."""
        attention = self.split.recipe.attention
        if self.tile == 1 or attention is None:
            return self.context
        return min(self.context, attention.positions)

    @property
    def positions(self) -> int:
        """A number for every position that is seen: whole row blocks of keys."""
        rows = 2 * self.split.config.lane.chains
        return self._rows(up(self.seen, max(rows, self.split.config.sfu.width)))

    @property
    def gate(self) -> int:
        """A lane's share of the gate."""
        return self._rows(self.split.share(self.split.model.hidden))

    @property
    def up_step(self) -> int:
        """What gate and up projection give of a token."""
        return len(self.split.tensors("up")) * self.split.config.lanes * self.gate

    @property
    def norm(self) -> int:
        """Weights of a norm; of LayerNorm also its biases, behind them."""
        return self.dim * (1 + self.split.centred)

    @property
    def biases(self) -> dict[str, int]:
        """Biases of matrices that have them; those of o and down are added to x."""
        rows = {"k": self.keys_step, "v": self.keys_step, "q": self.q_step, "o": self.dim,
                "up": self.up_step, "down": self.dim}
        return {name: n for name, n in rows.items() if self.split.biased(name)}

    def logits(self, parts: int) -> int:
        """All lanes' share of a part of the head."""
        return self.split.config.lanes * self._rows(
            self.split.share(self.split.model.vocab, parts))
