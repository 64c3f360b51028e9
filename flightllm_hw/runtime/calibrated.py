# SPDX-License-Identifier: Apache-2.0
"""Compression that looks at texts: the compiler's callback, and bits by sensitivity.

The compiler knows nothing of the reference model through which texts must go; here the two meet.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress import (
    Compressed,
    Line,
    Recipe,
    Report,
    Setting,
    choose_bits_of_runs,
    compress,
    compress_model,
    measure_sensitivity,
)
from flightllm_hw.compiler.load import Checkpoint
from flightllm_hw.golden.calibration import Calibration, Divergence
from flightllm_hw.golden.perplexity import read_texts

__all__ = ["RUNS", "Calibrated", "mixed", "read_calibration"]

RUNS = 3
"""Runs of layers, for each of which programs have a loop: with no more, the programs for one token
and for eight fit the room that there is. Where losses are estimated it is one run, for estimates of
different layers compare badly (``docs/compression.md``)."""

MEASURED = 20_000_000
"""Parameters up to which a choice of bits is measured by running the texts with it."""

Texts = Sequence[Sequence[int]]


def read_calibration(path: Path, model: Checkpoint, count: int = 32) -> list[list[int]]:
    """Tokens of the first texts of a file with a JSON object with ``text`` a line.

    Raises
    ------
    ValueError
        If there are none, or the model came without a tokenizer.
    """
    if model.tokenizer is None:
        raise ValueError(f"{model.path} came without a tokenizer, which calibration texts need")
    texts = read_texts(path)[:count]
    return [model.tokenizer.encode(text) for text in texts]


class Calibrated:
    """The compiler's callback: SparseGPT with the inputs that texts give a matrix.

    Matrices are compressed in the order of use, each with those before it compressed already.

    Parameters
    ----------
    model : Checkpoint
    recipe : Recipe
    texts : sequence of sequences of int
    """

    def __init__(self, model: Checkpoint, recipe: Recipe, texts: Texts) -> None:
        self._found: Iterator[tuple[str, Compressed, Line]] = compress_model(
            model, recipe, Calibration(model, texts))
        self._kept: dict[str, Compressed] = {}
        self._lines: list[Line] = []

    def __call__(self, name: str, weights: npt.NDArray[np.float32],
                 setting: Setting) -> Compressed:
        """A matrix, compressed; each may be asked for once."""
        while name not in self._kept:
            found, got, line = next(self._found)
            self._kept[found] = got
            self._lines.append(line)
        got = self._kept.pop(name)
        # A matrix that the compiler has widened is not the one that the texts have seen.
        return got if got.weights.codes.shape == weights.shape else compress(name, weights, setting)

    @property
    def report(self) -> Report:
        """Errors of what was asked for so far."""
        return Report(tuple(self._lines))


def mixed(model: Checkpoint, recipe: Recipe, texts: Texts, average: float,
          runs: int | None = None) -> Recipe:
    """The recipe with bits of no more than ``average`` a code, in at most ``runs`` runs of layers.

    What a matrix loses is measured for small models, by running the texts with each choice; of
    larger ones it is estimated from the matrix's inputs. Without ``runs`` it is ``RUNS`` or one.

    Raises
    ------
    ValueError
        If even the fewest bits are more than ``average``.
    """
    size = sum(int(np.prod(shape)) for shape in model.config.shapes().values())
    loss = Divergence(model, texts) if size <= MEASURED else None
    table, sizes = measure_sensitivity(model, recipe, Calibration(model, texts), loss=loss)
    if runs is None:
        runs = 1 if loss is None else RUNS
    return recipe.with_bits(choose_bits_of_runs(table, sizes, average, runs))
