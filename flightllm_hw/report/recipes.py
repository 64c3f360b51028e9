# SPDX-License-Identifier: Apache-2.0
"""How a compiled model is compressed: read from its program, in which every product says it.

::

    SYS.LOOP count = 3         layers 0 .. 2
      MV k, MV v, ..           pattern, bits, zero_point, tiles of a group
    SYS.LOOP count = 29        layers 3 .. 31
      ..
    MV head

What was read is compiled again, programs alone, and must come to the same bytes.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.matrices import Split
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.runs import LAYER
from flightllm_hw.formats import Pattern
from flightllm_hw.isa.encoding import from_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS
from flightllm_hw.report.errors import ReportError

__all__ = ["recipe_of"]

_SIZE = BITS // 8


def recipe_of(model: Compiled) -> Recipe:
    """The recipe, up to names of matrices that have the same setting.

    Raises
    ------
    ReportError
        If the program is not one that this version writes.
    """
    try:
        recipe = _recipe(model, _settings(model))
        plan = Plan.of(model.model, model.config, model.context, recipe)
        image = place_programs(plan)[0].image
    except (CompileError, ValueError, IndexError, KeyError) as error:
        raise ReportError(f"its program cannot be read: {error}") from None
    there = model.host[model.decode:model.decode + len(image)]
    if there.tobytes() != image.tobytes():
        raise ReportError("its program is not what this version writes: compile the model again")
    return recipe


def _settings(model: Compiled) -> list[tuple[int, list[Setting]]]:
    """Of each loop over layers: how many, and its matrices' settings; then those of the head."""
    program, found, at = model.host[model.decode:].tobytes(), list[tuple[int, list[Setting]]](), 0
    while True:
        instruction = from_bytes(program[at:at + _SIZE])
        at += _SIZE
        if instruction.kind.name == "SYS.END":
            return found
        if instruction.kind.name == "SYS.LOOP" and (not found or found[-1][1]):
            # The head's is gone through as often as a register says.
            found.append((instruction["count"], []))
        patched = {name for _, name in instruction.patches}
        if instruction.kind.name == "MV" and not patched & {"row_blocks", "groups"}:
            found[-1][1].append(_setting(model, instruction))


def _setting(model: Compiled, product: Instruction) -> Setting:
    pattern: Pattern = product["pattern"]
    return Setting(bits=int(product["bits"]), zero_point=bool(product["zero_point"]),
                   pattern=pattern,
                   group=product["group_tiles"] * model.config.lane.tile_columns(pattern))


def _recipe(model: Compiled, loops: list[tuple[int, list[Setting]]]) -> Recipe:
    *layers, (_, head) = loops
    split = Split(model.model, model.config, Recipe())
    named: dict[str, Setting] = {"head": head[0]}
    number = 0
    for count, settings in layers:
        for n in range(number, number + count):
            for name, setting in zip(LAYER, settings, strict=True):
                named |= {f"layers.{n}.{tensor}": setting for tensor in split.tensors(name)}
        number += count
    named_default: Any = Counter(named.values()).most_common(1)[0][0]
    dense = replace(Recipe.uniform(named_default), attention=model.attention)
    return replace(dense, overrides=dict(dense.overrides) | {
        name: setting for name, setting in named.items() if dense.of(name) != setting})
