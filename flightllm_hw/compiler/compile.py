# SPDX-License-Identifier: Apache-2.0
"""From a loaded checkpoint to a ``.flm`` file."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.flm import Images, write_flm
from flightllm_hw.compiler.images import write_host, write_lanes
from flightllm_hw.compiler.load.checkpoint import Checkpoint
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.quantizer import Compress
from flightllm_hw.config import AcceleratorConfig

__all__ = ["compile_model"]


def compile_model(checkpoint: Checkpoint, config: AcceleratorConfig, path: Path, *,
                  context: int | None = None, recipe: Recipe | None = None,
                  compress: Compress | None = None,
                  progress: Callable[[str], None] | None = None) -> Path:
    """Compile a model; weights are read, compressed and written a tensor at a time.

    Parameters
    ----------
    checkpoint : Checkpoint
    config : AcceleratorConfig
    path : Path
        The file; it is there as a whole or not at all.
    context : int, optional
        Positions that there is room for; the model's context without it.
    recipe : Recipe, optional
        How matrices are compressed; without it 8 bits in groups of 32.
    compress : function, optional
        What compresses them (:data:`~flightllm_hw.compiler.quantizer.Compress`).
    progress : function of str, optional
        Told what is being compressed.

    Raises
    ------
    CompileError
        If the model does not fit: a sentence.
    OSError
        If the file cannot be written.
    """
    plan = Plan.of(checkpoint.config, config, context, recipe)
    try:
        programs = place_programs(plan)
    except ValueError as e:
        raise CompileError(f"The model cannot be compiled for {config.name}: {e}") from None
    decode, *several = programs
    numbers: dict[str, int | None] = {
        "context": plan.context, "host_bytes": plan.host.size, "lane_bytes": plan.lane.size,
        "decode": decode.first, "prefill": several[0].first if several else None,
        "tile": several[0].tokens if several else 1, "logits": plan.host.logits}
    if plan.recipe.attention is not None:
        numbers |= asdict(plan.recipe.attention)
    sizes = {"host": plan.host.filled} | {f"lane.{n}": plan.lane.size for n in range(config.lanes)}

    def fill(images: Images) -> None:
        write_host(plan, checkpoint, programs, images["host"])
        write_lanes(plan, checkpoint, [images[f"lane.{n}"] for n in range(config.lanes)],
                    compress, progress)

    return write_flm(path, config, checkpoint.config, numbers, sizes, checkpoint.tokenizer, fill)
