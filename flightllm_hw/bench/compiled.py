# SPDX-License-Identifier: Apache-2.0
"""The compiled model of a measurement, and what its memories hold before the first program."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.bench.homes import fill_homes
from flightllm_hw.bench.weights import random_checkpoint
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.placed import place_programs

__all__ = ["Images", "compile_work", "images_of"]

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Images:
    """All of the host's memory and of the lanes'; what is written to stays in this process."""

    host: Bytes
    lanes: list[Bytes]


def compile_work(work: Work, path: Path, progress: Callable[[str], None]) -> Compiled:
    """The model, from the file if there is one, otherwise compiled and left there.

    Raises
    ------
    BenchError
        If the file holds another model; another seed's is as good.
    CompileError, LoadError, OSError
        If the model does not fit, or the file cannot be read or written.
    """
    if not path.exists():
        compile_model(random_checkpoint(work.simulated, work.seed), work.config, path,
                      context=work.context, recipe=work.recipe,
                      progress=lambda name: progress(f"compiling {name}"))
    model = open_flm(path, work.config, private=True)
    # Programs hold the shape of every matrix, and where everything lies.
    same = all(np.array_equal(model.host[placed.first:placed.first + placed.size], placed.image)
               for placed in place_programs(work.plan))
    if not same or model.model != work.simulated or model.context != work.context:
        raise BenchError(f"{path} holds another model than {work.name} with {work.layers} layers"
                         f" for {work.context} tokens at {work.recipe.default}")
    return model


def images_of(work: Work, model: Compiled) -> Images:
    """Memories as they are before the first program: with keys and values of the past."""
    host = np.zeros(model.host_bytes, np.uint8)
    host[:len(model.host)] = model.host
    images = Images(host, list(model.lanes))
    fill_homes(work.plan, images.host, images.lanes, work.past, work.seed)
    return images
