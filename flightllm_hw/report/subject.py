# SPDX-License-Identifier: Apache-2.0
"""What a report is about: a model on an accelerator, and the commands that estimate it."""

import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.load import ModelConfig
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats import Pattern

__all__ = ["Mode", "Subject", "said", "setting_words"]

Mode = Literal["decode", "prefill"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model on an accelerator.

    Parameters
    ----------
    config : AcceleratorConfig
    name : str
        The model's: of its shape, or of the compiled file.
    model : ModelConfig
    recipe : Recipe
        How it is compressed.
    context : int
        Positions that there is room for.
    tokens : int
        Of a prompt.
    source : tuple of str
        Arguments that name the accelerator.
    recipe_file : str
        That the recipe came from, if it did.
    compiled : str
        The compiled file that the model is, if it is one: no other command reads its shape.
    """

    config: AcceleratorConfig
    name: str
    model: ModelConfig
    recipe: Recipe
    context: int
    tokens: int
    source: tuple[str, ...]
    recipe_file: str = ""
    compiled: str = ""

    @cached_property
    def uniform(self) -> bool:
        """Whether one setting is that of all matrices."""
        return self.recipe == self.compressed(self.recipe.default)

    @property
    def compression(self) -> str:
        """In words."""
        own = said(self.recipe.default)
        return own if self.uniform else f"{own} and others"

    def compressed(self, setting: Setting) -> Recipe:
        """A recipe of one setting, with the same attention."""
        return replace(Recipe.uniform(setting), attention=self.recipe.attention)

    def work(self, mode: Mode, *, context: int | None = None, tokens: int | None = None,
             setting: Setting | None = None) -> Work:
        """A token at the end of the context, or a prompt; another setting is that of all matrices.

        Raises
        ------
        BenchError
            If there is no such thing.
        """
        return Work(
            mode=mode, name=self.name, model=self.model, config=self.config,
            recipe=self.recipe if setting is None else self.compressed(setting),
            context=context or self.context,
            tokens=1 if mode == "decode" else tokens or self.tokens, layers=self.model.layers)

    def words(self, bits: int | str | None = None) -> list[str]:
        """Arguments that say the accelerator and the model, with its bits or with others."""
        if self.compiled:
            return [self.compiled]
        words = ["--shape", self.name, *self.source]
        if self.recipe_file and bits is None:
            return [*words, "--recipe", self.recipe_file]
        words += setting_words(self.recipe.default, bits)
        if self.recipe.attention is not None:
            near, first = self.recipe.attention.near, self.recipe.attention.first
            words += ["--attention", f"{near},{first}"]
        return words

    def command(self, mode: Mode, *, context: int | str | None = None,
                bits: int | str | None = None, tokens: int | None = None) -> str:
        """What estimates it; letters stand for several numbers. Empty for a compiled file."""
        if self.compiled:
            return ""
        words = ["flightllm-hw", "estimate", mode, *self.words(bits),
                 "--context", str(context or self.context)]
        if mode == "prefill":
            words += ["--tokens", str(tokens or self.tokens)]
        return shlex.join(words)


def setting_words(setting: Setting, bits: int | str | None = None) -> list[str]:
    """Arguments that say how all matrices are compressed, or with other bits."""
    words = ["--bits", str(bits or setting.bits), "--group", str(setting.group)]
    words += ["--zero-point"] * setting.zero_point
    if setting.pattern is not Pattern.DENSE:
        words += ["--sparsity", str(setting.pattern)]
    return words


def said(setting: Setting) -> str:
    """A setting in a few letters."""
    zero = " with zero points" if setting.zero_point else ""
    sparse = "" if setting.pattern is Pattern.DENSE else f" {setting.pattern}"
    return f"W{setting.bits} G{setting.group}{zero}{sparse}"
