# SPDX-License-Identifier: Apache-2.0
"""Which rows of which tensors every lane multiplies by, fused to seven matrices.

::

    k      a share of the rows, those of lane 0 first, of all heads' keys; heads are padded to whole
           rows of the vector buffer
    v, q   the same of the values, of the queries
    o      a share of the rows
    up     a share of the gate's rows, if there is one, then the same of the up projection
    down   as o
    head   as o, in as many parts as the vector buffer makes necessary

Keys come first, then values: they are on their way to memory while lanes multiply what follows.
Element ``lane * lane_rows + row`` of a product is where the vector buffer has it, so that all come
out in the tensors' order. What is missing is zero.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.runs import LAYER, Matrix, Run
from flightllm_hw.config import AcceleratorConfig

__all__ = ["Split", "up"]

Rows = npt.NDArray[np.int64]


def up(n: int, unit: int) -> int:
    """The multiple of ``unit`` that is not below ``n``."""
    return -(-n // unit) * unit


@dataclass(frozen=True)
class Split:
    """A model's matrices on an accelerator's lanes.

    Parameters
    ----------
    model : ModelConfig
    config : AcceleratorConfig
    recipe : Recipe
        How matrices are compressed.

    Raises
    ------
    CompileError
        If a setting cannot be.
    """

    model: ModelConfig
    config: AcceleratorConfig
    recipe: Recipe

    def tensors(self, name: str) -> tuple[str, ...]:
        """What a fused matrix is made of."""
        return ("gate", "up") if name == "up" and self.gated else (name,)

    @property
    def gated(self) -> bool:
        """Whether the MLP has a gate."""
        return self.model.architecture == "llama"

    @property
    def centred(self) -> bool:
        """Whether norms are LayerNorms, with biases, not RMSNorms."""
        return self.model.architecture == "opt"

    @property
    def turns(self) -> bool:
        """Whether queries and keys are turned; if not, positions are learned."""
        return self.model.rope_theta is not None

    def biased(self, name: str) -> bool:
        """Whether a fused matrix of a layer has biases."""
        return self.model.attention_bias if name in ("k", "v", "q", "o") else self.model.mlp_bias

    @property
    def shared(self) -> int:
        """Queries of a kv head: the tokens of its operations."""
        return self.model.heads // self.model.kv_heads

    @property
    def homes(self) -> int:
        """Kv heads of a lane, at most."""
        return -(-self.model.kv_heads // self.config.lanes)

    def heads_of(self, home: int) -> int:
        """Lanes that have a kv head for this home: the first ones."""
        return min(self.config.lanes, self.model.kv_heads - home * self.config.lanes)

    @property
    def head_elements(self) -> int:
        """Elements of a head, padded to whole rows of the vector buffer.

        Where a lane has several queries' results side by side, to whole row blocks as well.
        """
        unit = self.config.sfu.width
        return up(self.model.head_dim,
                  unit if self.shared == 1 else max(unit, 2 * self.config.lane.chains))

    def share(self, elements: int, parts: int = 1) -> int:
        """Elements of a vector that a lane has, in whole rows of the vector buffer."""
        return up(-(-elements // (self.config.lanes * parts)), self.config.sfu.width)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All layers, in as few runs as can be."""
        runs = []
        for settings, layers in groupby(
                range(self.model.layers),
                key=lambda n: {name: self.setting(name, n) for name in LAYER}):
            first, *others = layers
            runs.append(Run(layers=range(first, first + 1 + len(others)),
                            matrices=self._layer(settings)))
        return tuple(runs)

    def _layer(self, settings: dict[str, Setting]) -> dict[str, Matrix]:
        """Matrices of a layer by name."""
        m = self.model
        rows = {
            "k": self.share(m.kv_heads * self.head_elements),
            "v": self.share(m.kv_heads * self.head_elements),
            "q": self.share(self.model.heads * self.head_elements),
            "o": self.share(self.model.dim),
            "up": len(self.tensors("up")) * self.share(self.model.hidden),
            "down": self.share(self.model.dim)}
        columns = {name: m.dim for name in LAYER} | {
            "o": m.heads * self.head_elements, "down": m.hidden}
        return {name: Matrix.of(name, settings[name], rows[name], columns[name], self.config)
                for name in LAYER}

    def head(self, parts: int) -> Matrix:
        """One part of the head."""
        return Matrix.of("head", self.recipe.of("head"), self.share(self.model.vocab, parts),
                         self.model.dim, self.config)

    def setting(self, name: str, layer: int) -> Setting:
        """How a fused matrix of a layer is compressed."""
        first, *others = (f"layers.{layer}.{tensor}" for tensor in self.tensors(name))
        setting = self.recipe.of(first)
        for other in others:
            if (own := self.recipe.of(other)) != setting:
                raise CompileError(f"{first} is compressed to {setting}, so {other} must be, too,"
                                   f" not to {own}: they are one matrix")
        return setting

    # Rows of tensors: -1 stands for a row of zeros.

    def rows_of(self, name: str, lane: int, part: int = 0, parts: int = 1
                ) -> list[tuple[str, Rows]]:
        """What a lane's matrix is put together of: tensors, without their layer, and rows."""
        m = self.model
        if name in ("k", "v", "q"):
            heads = self._rows(name)
            share = self.share(len(heads))
            own = heads[lane * share:(lane + 1) * share]
            return [(name, np.pad(own, (0, share - len(own)), constant_values=-1))]
        total = {"o": m.dim, "up": m.hidden, "down": m.dim, "head": m.vocab}[name]
        share = self.share(total, parts)
        rows = (part * self.config.lanes + lane) * share + np.arange(share)
        rows = np.where(rows < total, rows, -1)
        return [(tensor, rows) for tensor in self.tensors(name)]

    def _rows(self, tensor: str) -> Rows:
        """All heads of a tensor, padded."""
        n = self.model.head_dim
        element = np.arange(n)
        if tensor != "v" and self.model.rope_style == "halves":
            # The vector unit turns neighbours: what turns together changes places to be one's.
            element = element.reshape(2, -1).T.ravel()
        heads = self.model.heads if tensor == "q" else self.model.kv_heads
        rows = np.arange(heads)[:, None] * n + element
        padding = ((0, 0), (0, self.head_elements - n))
        return np.pad(rows, padding, constant_values=-1).ravel()
