# SPDX-License-Identifier: Apache-2.0
"""A whole model, part by part: each layer, then the head.

Of one part alone are weights and Gram matrices in memory. With calibration, a layer sees what the
compressed layers before it really give::

    texts ──► layer 0 ──► layer 0' ──► layer 1 ──► layer 1' ──► ...  head
               H of each    compressed    H given
               matrix       weights       those
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.compressed import Compressed, compress
from flightllm_hw.compiler.compress.gram import Gram
from flightllm_hw.compiler.compress.precision import Loss, sensitivity
from flightllm_hw.compiler.compress.recipe import Recipe
from flightllm_hw.compiler.compress.report import Line
from flightllm_hw.compiler.load import Checkpoint, ModelConfig
from flightllm_hw.formats import CODE_BITS

__all__ = ["Calibration", "compress_model", "matrices", "measure_sensitivity"]


class Calibration(Protocol):
    """Texts on their way through a model: :class:`flightllm_hw.golden.calibration.Calibration`."""

    def grams(self) -> Mapping[str, npt.NDArray[Any]]:
        """Mean of x x^T of each matrix's inputs in this part, by name."""

    def step(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """On to the next part, through this one with ``weights`` in the place of its own."""


def matrices(config: ModelConfig) -> list[list[str]]:
    """Names of the matrices that lanes multiply by, part by part."""
    layer = [name for name, shape in config.layer_shapes().items() if len(shape) == 2]
    return [[f"layers.{n}.{name}" for name in layer] for n in range(config.layers)] + [["head"]]


def compress_model(model: Checkpoint, recipe: Recipe, calibration: Calibration | None = None
                   ) -> Iterator[tuple[str, Compressed, Line]]:
    """Compress every matrix of a model.

    Parameters
    ----------
    model : Checkpoint
    recipe : Recipe
    calibration : Calibration, optional
        At the model's first part. None: by magnitude, to nearest.

    Yields
    ------
    (str, Compressed, Line)
        A matrix's name, what became of it, and its line of the report; in the order of use.

    Raises
    ------
    ValueError
        If a matrix cannot be compressed so, or the recipe names one that the model does not have.
    """
    parts = matrices(model.config)
    recipe.require_fit(name for part in parts for name in part)
    for part in parts:
        grams = {} if calibration is None else calibration.grams()
        replaced = {}
        for name in part:
            w = model.read(name)
            gram = _gram(grams, name)
            got = compress(name, w, recipe.of(name), gram)
            if calibration is not None:
                replaced[name] = got.dequantize()
            yield name, got, Line.of(name, w, got, gram)
        if calibration is not None:
            calibration.step(replaced)


def measure_sensitivity(model: Checkpoint, recipe: Recipe, calibration: Calibration | None = None,
                        choices: Iterable[int] = CODE_BITS, loss: Loss | None = None
                        ) -> tuple[dict[str, dict[int, float]], dict[str, int]]:
    """What :func:`~flightllm_hw.compiler.compress.precision.choose_bits` asks for.

    Parameters
    ----------
    model, recipe, calibration
        As of :func:`compress_model`; the recipe's bits do not matter.
    choices : iterable of int
        Bits that a matrix may have.
    loss : callable, optional
        From a matrix's name and weights to what the model loses with them, as
        :class:`flightllm_hw.golden.calibration.Divergence`: better than an estimate, and takes a
        run of the texts for each matrix and choice.

    Returns
    -------
    table : dict of str to dict of int to float
        Each matrix's loss by bits, with the model as it is before it.
    sizes : dict of str to int
        Codes of each matrix that its pattern keeps.
    """
    choices = tuple(choices)
    table, sizes = {}, {}
    parts = matrices(model.config)
    recipe.require_fit(name for part in parts for name in part)
    for part in parts:
        grams = {} if calibration is None else calibration.grams()
        for name in part:
            w, setting = model.read(name), recipe.of(name)
            table[name] = sensitivity(name, w, setting, _gram(grams, name), choices, loss)
            sizes[name] = w.size * setting.pattern.n // setting.pattern.m
        if calibration is not None:
            calibration.step({})
    return table, sizes


def _gram(grams: Mapping[str, npt.NDArray[Any]], name: str) -> Gram | None:
    return grams[name].astype(np.float64) if name in grams else None
