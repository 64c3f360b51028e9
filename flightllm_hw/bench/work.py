# SPDX-License-Identifier: Apache-2.0
"""What is measured: a model, how it is compiled, and which of its programs are run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.compiler.compiled import Compiled, taken
from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.load import ModelConfig
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.config import AcceleratorConfig

__all__ = ["Program", "Work"]


@dataclass(frozen=True)
class Program:
    """A program to run: its first byte, its registers, its first position and its tokens."""

    start: int
    registers: list[int]
    position: int
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """One measurement.

    Parameters
    ----------
    mode : "decode" or "prefill"
        One token at the last position of a full context; or tokens from position 0 on.
    name : str
        Of the shape.
    model : ModelConfig
        The whole model.
    config : AcceleratorConfig
    recipe : Recipe
    context : int
        Positions that the model is compiled for.
    tokens : int
        That are taken; 1 when decoding.
    layers : int
        That are simulated: all, or at least two, between which a layer's cycles are found.
    seed : int
        Of weights, tokens, keys and values.

    Raises
    ------
    BenchError
        If anything is not as described.
    """

    mode: Literal["decode", "prefill"]
    name: str
    model: ModelConfig
    config: AcceleratorConfig
    recipe: Recipe
    context: int
    tokens: int
    layers: int
    seed: int = 0

    def __post_init__(self) -> None:
        least, most = min(2, self.model.layers), self.model.layers
        if not least <= self.layers <= most:
            raise BenchError(f"Layers must be in {least}..{most}, not {self.layers}: a layer's"
                             " cycles are found between two")
        if not 1 <= self.tokens <= self.context:
            raise BenchError(f"Tokens must be in 1..{self.context}, the context, not {self.tokens}")
        if self.seed < 0:
            raise BenchError(f"Seed must be 0 or more, not {self.seed}")

    @property
    def simulated(self) -> ModelConfig:
        """The model that is compiled."""
        return replace(self.model, layers=self.layers)

    @cached_property
    def plan(self) -> Plan:
        """Its plan.

        Raises
        ------
        CompileError
            If it does not fit.
        """
        return Plan.of(self.simulated, self.config, self.context, self.recipe)

    @property
    def past(self) -> int:
        """Positions before the first token."""
        return self.context - 1 if self.mode == "decode" else 0

    def tiles(self, tile: int) -> Iterator[tuple[int, int]]:
        """First position and tokens of what is run one after the other, as a session would.

        Parameters
        ----------
        tile : int
            Tokens of the program that takes several; 1 where there is none.
        """
        position, end = self.past, self.past + self.tokens
        while position < end:
            count = taken(tile, position, end - position)
            yield position, count
            position += count

    def programs(self, model: Compiled) -> Iterator[Program]:
        """The same, with random tokens."""
        rng = np.random.default_rng([self.seed, self.tokens])
        tokens = rng.integers(0, self.model.vocab, self.tokens).tolist()
        for position, count in self.tiles(model.tile):
            own, tokens = tokens[:count], tokens[count:]
            registers = model.registers(own, position, logits=not tokens)
            yield Program(model.start(count), registers, position, count)

    # Multiply-accumulates that the model asks for: no padding.

    def macs(self, *, dense: bool) -> float:
        """Of all tokens, with logits behind the last; ``dense``: with what a pattern leaves out."""
        m, kept = self.model, 0.0
        for name, shape in m.layer_shapes().items():
            if len(shape) == 2:
                kept += m.layers * prod(shape) * self._share(f"layers.0.{name}", dense)
        head = m.vocab * m.dim * self._share("head", dense)
        seen = sum(range(self.past + 1, self.past + self.tokens + 1))
        attention = m.layers * 2 * m.q_rows * seen
        return self.tokens * kept + head + attention

    def _share(self, name: str, dense: bool) -> float:
        pattern = self.recipe.of(name).pattern
        return 1.0 if dense else pattern.n / pattern.m
