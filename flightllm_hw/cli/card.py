# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw info --card``: what fits a card, and how fast it would be. Nothing is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table

from flightllm_hw.bench.shapes import SHAPES, shape
from flightllm_hw.bench.work import Work
from flightllm_hw.boards import CARDS, card
from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load import ModelConfig
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import PRESETS

from .options import UsageError

__all__ = ["describe_card", "print_card"]

GROUP = 128
SETTINGS = (Setting(bits=8, group=GROUP), Setting(bits=4, group=GROUP),
            Setting(bits=4, group=GROUP, pattern=Pattern.S2_4), Setting(bits=3, group=GROUP))
"""What each model is tried with."""

SHORT, PROMPT = 128, 64
"""Positions of a context that is short; tokens of a prompt."""


def describe_card(name: str, shapes: Sequence[str] = ()) -> dict[str, Any]:
    """The object that ``--json`` prints.

    Parameters
    ----------
    name : str
        The card.
    shapes : sequence of str
        Of models, as :func:`~flightllm_hw.bench.shapes.shape` takes them; all that have names by
        default.

    Raises
    ------
    UsageError
        If there is no such card, or no preset for it.
    BenchError
        If there is no such shape.
    """
    if name not in CARDS:
        raise UsageError(f"Card must be one of {', '.join(CARDS)}, not {name!r}")
    config = PRESETS.get(name)
    if config is None or config.target is None:
        known = [preset for preset in PRESETS if preset in CARDS]
        raise UsageError(f"The card {name} has no preset, so that nothing is known to fit it; the"
                         f" cards {', '.join(known)} have")
    memory = config.target.memory
    return {
        "estimated": True, "card": name, "part": card(name).part, "preset": config.name,
        "lanes": config.lanes, "dsp": config.dsp, "clock_mhz": config.clock_mhz,
        "memory": f"{memory.count} channels of {memory.kind}", "channel_bytes": memory.bytes_each,
        "models": [found for wanted in shapes or SHAPES
                   for found in _settings(wanted, shape(wanted), config)]}


def _settings(name: str, model: ModelConfig, config: AcceleratorConfig) -> Iterator[dict[str, Any]]:
    """A model with each setting."""
    for setting in SETTINGS:
        recipe = Recipe.uniform(setting)
        found: dict[str, Any] = {"shape": name, "bits": setting.bits, "group": setting.group,
                                 "sparsity": str(setting.pattern)}
        try:
            yield found | _fitted(name, model, config, recipe)
        except CompileError as error:
            yield found | {"fits": False, "why": str(error)}


def _fitted(name: str, model: ModelConfig, config: AcceleratorConfig,
            recipe: Recipe) -> dict[str, Any]:
    context = _longest(model, config, recipe)
    plan = Plan.of(model, config, context, recipe)
    short = min(SHORT, context)
    decode = Work(mode="decode", name=name, model=model, config=config, recipe=recipe,
                  context=context, tokens=1, layers=model.layers)
    prefill = replace(decode, mode="prefill", tokens=min(PROMPT, context))
    return {
        "fits": True, "context": context, "model_context": model.context,
        "prefill_tile": plan.prefills[0].tokens if plan.prefills else 1,
        "lane_bytes": plan.lane.size, "host_bytes": plan.host.size,
        "short_context": short, "prompt_tokens": prefill.tokens,
        "tokens_per_second": _rate(replace(decode, context=short)),
        "tokens_per_second_at_context": _rate(decode),
        "prompt_tokens_per_second": _rate(prefill)}


def _rate(work: Work) -> float:
    return float(estimate(work)["tokens_per_second"])


def _longest(model: ModelConfig, config: AcceleratorConfig, recipe: Recipe) -> int:
    """The longest context that there is room for.

    Raises
    ------
    CompileError
        If there is none for a single position.
    """
    Plan.of(model, config, 1, recipe)
    low, high = 1, model.context + 1
    while high - low > 1:
        middle = (low + high) // 2
        try:
            Plan.of(model, config, middle, recipe)
        except CompileError:
            high = middle
        else:
            low = middle
    return low


def print_card(found: dict[str, Any]) -> None:
    """Print the table."""
    console = Console(width=110, highlight=False)
    console.print(f"{found['card']}, {found['part']}: preset {found['preset']}, {found['lanes']}"
                  f" lanes, {found['dsp']} DSPs in chains, {found['memory']} of"
                  f" {found['channel_bytes'] >> 20} MiB", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("model")
    table.add_column("weights")
    for title in ("longest\ncontext", "prefill\ntile", "MiB\na lane", "MiB\nhost",
                  f"tokens/s\nat {SHORT}", "tokens/s at\nthe longest", "tokens/s of\na prompt"):
        table.add_column(title, justify="right")
    for model in found["models"]:
        sparse = "" if model["sparsity"] == "dense" else f" {model['sparsity']}"
        row = [model["shape"], f"W{model['bits']} G{model['group']}{sparse}"]
        if model["fits"]:
            row += [f"{model['context']:,}", str(model["prefill_tile"]),
                    *(f"{-(-model[key] // (1 << 20)):,}" for key in ("lane_bytes", "host_bytes")),
                    *(f"{model[key]:,.1f}" for key in (
                        "tokens_per_second", "tokens_per_second_at_context",
                        "prompt_tokens_per_second"))]
        else:
            row += ["does not fit"]
        table.add_row(*row)
    console.print(table)
    for why in dict.fromkeys(model["why"] for model in found["models"] if not model["fits"]):
        console.print(why, soft_wrap=True)
    console.print(f"Rates are estimated for {found['clock_mhz']} MHz; nothing was simulated or"
                  " measured, and no card was built.", soft_wrap=True)
