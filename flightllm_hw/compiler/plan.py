# SPDX-License-Identifier: Apache-2.0
"""Everything that is decided before the first weight is read."""

from dataclasses import dataclass, field
from functools import cached_property

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.fit import check, fits
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.matrices import Split
from flightllm_hw.compiler.memory import HostMap, LaneMap
from flightllm_hw.config import AcceleratorConfig

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """A model on an accelerator.

    Parameters
    ----------
    model : ModelConfig
    config : AcceleratorConfig
    context : int
        Positions that there is room for.
    recipe : Recipe
        How matrices are compressed, and what prefill looks at.
    """

    model: ModelConfig
    config: AcceleratorConfig
    context: int
    recipe: Recipe = field(default_factory=Recipe)

    @classmethod
    def of(cls, model: ModelConfig, config: AcceleratorConfig, context: int | None = None,
           recipe: Recipe | None = None) -> "Plan":
        """A plan that works out; without a context, for the model's own.

        Raises
        ------
        CompileError
            If it does not: the sentence says what is too great.
        """
        context = model.context if context is None else context
        plan = cls(model, config, context, Recipe() if recipe is None else recipe)
        if not 1 <= context <= min(model.context, 1 << 20):
            raise CompileError(f"Context must be in 1..{min(model.context, 1 << 20)}, the model's,"
                               f" not {context}")
        if config.lane.chains > 16:
            raise CompileError(f"Homes of keys and values need lanes of at most 16 chains, not"
                               f" {config.lane.chains}")
        check(plan.buffer)
        if plan.recipe.attention is not None and not plan.prefills:
            raise CompileError(f"Only a program that takes several tokens leaves out blocks of"
                               f" attention, but {config.name} has no room for one at a context of"
                               f" {context}")
        plan.lane.check()
        plan.host.check()
        return plan

    @cached_property
    def split(self) -> Split:
        """Rows of matrices."""
        return Split(self.model, self.config, self.recipe)

    @cached_property
    def buffer(self) -> Buffer:
        """Vector buffer, activations, scalars."""
        return Buffer(self.split, self.context)

    @cached_property
    def prefills(self) -> tuple[Buffer, ...]:
        """The same of programs that take several tokens: what there is room for, the best first."""
        tiles = (Buffer(self.split, self.context, *tiles)
                 for tiles in ((4, 2), (8, 1), (4, 1), (2, 1)))
        return tuple(buffer for buffer in tiles if fits(buffer))

    @cached_property
    def lane(self) -> LaneMap:
        """Lanes' memories."""
        return LaneMap(self.split, self.context, self.buffer.parts)

    @cached_property
    def host(self) -> HostMap:
        """The host's memory."""
        return HostMap(self.buffer)
