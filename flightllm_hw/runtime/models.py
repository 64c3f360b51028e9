# SPDX-License-Identifier: Apache-2.0
"""Models that are compiled when they are first run, and kept.

A compiled model is kept by what it was made from: the files of the checkpoint by name, size and
time, the configuration, the recipe, this version.
"""

import json
from dataclasses import asdict
from pathlib import Path

import flightllm_hw
from flightllm_hw.cache import cached, digest
from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import load
from flightllm_hw.config import AcceleratorConfig

__all__ = ["DEFAULT_MODEL", "DEFAULT_PRESET", "compiled_model"]

DEFAULT_MODEL = Path(flightllm_hw.__file__).parent / "models" / "default"
"""What is run when no model is named."""

DEFAULT_PRESET = "tiny"
"""What it is run on when no configuration is named: the one that is built soonest."""


def compiled_model(path: Path, config: AcceleratorConfig, *, tokenizer: Path | None = None,
                   context: int | None = None, recipe: Recipe | None = None) -> Compiled:
    """A checkpoint, compiled; from the cache, if it was compiled before.

    Raises
    ------
    LoadError, CompileError
        If it cannot be loaded, or does not fit.
    """
    recipe = recipe or Recipe()
    checkpoint = load(path, tokenizer)
    stored = checkpoint.tokenizer
    key = digest(flightllm_hw.__version__, *_stamps(path), config.to_json(), recipe.to_json(),
                 str(context), json.dumps(asdict(checkpoint.config)),
                 b"" if stored is None else stored.dump(), _sources())

    def build(place: Path) -> None:
        compile_model(checkpoint, config, place / "model.flm", context=context, recipe=recipe)

    return open_flm(cached("models", key, build) / "model.flm", config)


def _stamps(path: Path) -> list[str]:
    """A text for each file of a checkpoint that changes when the file does."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    found = []
    for file in files:
        stat = file.stat()
        found.append(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    return found


def _sources() -> bytes:
    """The compiler itself: who changes it gets what the changed one makes."""
    package = Path(flightllm_hw.__file__).parent
    return b"".join(file.read_bytes() for part in ("compiler", "formats", "isa")
                    for file in sorted((package / part).rglob("*.py")))
