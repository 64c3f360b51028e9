# SPDX-License-Identifier: Apache-2.0
"""Texts on their way through the float32 model, layer by layer, and what they show on it.

::

    hidden states of all texts ──► one part (a layer, or the head) ──► hidden states
                                      │
                                      ├──► H = mean(x x^T) of each matrix's inputs x
                                      └──► attention of each head, by blocks

In memory are the weights and Gram matrices of one part, and of each text one hidden state a token.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from flightllm_hw.golden.model import Cache, Model, tensor_names
from flightllm_hw.golden.model_source import Weights

__all__ = ["Calibration", "Divergence"]

BLOCK = 64

# Matrices that have the same inputs; H is found for the last that is computed.
SHARED = {"q": "v", "k": "v", "v": "v", "o": "o", "gate": "up", "up": "up", "down": "down"}


class _Once(Cache):
    """Of a layer that sees whole texts: nothing is before them, nothing is kept."""

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return k, v


class _Watched(Model):
    """A model of which one part is in memory, and which notes what it sees."""

    def __init__(self, weights: Weights, blocks: int) -> None:
        self.config, self._weights = weights.config, weights
        self._blocks = blocks
        self._tensors: dict[str, Tensor] = {}
        self.watching = False

    def take(self, names: Sequence[str]) -> None:
        """Have these tensors in memory, and have seen nothing."""
        self._tensors = {name: torch.from_numpy(self._weights.read(name)) for name in names}
        self.sums: dict[str, Tensor] = {}
        self.attention = torch.zeros(self.config.heads, self._blocks, self._blocks,
                                     dtype=torch.float64)
        self.queries = torch.zeros(self._blocks, dtype=torch.float64)

    def _note(self, name: str, x: Tensor) -> None:
        if self.watching:
            exact = x.double()
            self.sums[name] = self.sums.get(name, 0) + exact.T @ exact

    def _linear(self, name: str, x: Tensor) -> Tensor:
        if SHARED[name.rsplit(".", 1)[1]] == name.rsplit(".", 1)[1]:
            self._note(name, x)
        return super()._linear(name, x)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        y = super()._norm(name, x)
        if name == "norm":
            self._note("head", y)
        return y

    def _softmax(self, layer: int, scores: Tensor) -> Tensor:
        seen = super()._softmax(layer, scores)
        if self.watching:
            count = seen.shape[1]
            of = torch.arange(count) // BLOCK
            into = torch.zeros(count, self._blocks, dtype=torch.float64)
            into[torch.arange(count), of] = 1
            self.attention += into.T @ seen.double() @ into
            self.queries += into.sum(0)
        return seen


class Calibration:
    """A walk through a model with texts.

    Parameters
    ----------
    weights : Weights
        Of the model, usually a loaded checkpoint; read part by part.
    texts : sequence of sequences of int
        Tokens of each text; what is beyond the model's context is left out.

    Raises
    ------
    ValueError
        If there are no tokens, or one that the model does not have.
    """

    def __init__(self, weights: Weights, texts: Sequence[Sequence[int]]) -> None:
        self._config = weights.config
        texts = [text[:weights.config.context] for text in texts if text]
        if not texts:
            raise ValueError("Calibration needs at least one text of at least one token")
        self._count = sum(map(len, texts))
        self._model = _Watched(weights, -(-max(map(len, texts)) // BLOCK))
        self._part, self._seen = 0, False
        outer = ["embedding"] + ["positions"] * (self._config.architecture == "opt")
        self._model.take(outer)
        try:
            with torch.inference_mode():
                self._hidden = [self._model._embed(text, 0) for text in texts]
        except IndexError:
            raise ValueError("Calibration texts must have tokens of the model's vocabulary"
                             ) from None
        self._enter()

    def grams(self) -> dict[str, npt.NDArray[np.float64]]:
        """Mean of x x^T of each matrix's inputs x in this part, by canonical name.

        Matrices with the same inputs share an array.

        Raises
        ------
        ValueError
            If the walk is over, or the model's activations are not finite.
        """
        self._watch()
        found: dict[str, npt.NDArray[np.float64]] = {}
        means = {name: (total / self._count).numpy() for name, total in self._model.sums.items()}
        for name, mean in means.items():
            if not np.isfinite(mean).all():
                raise ValueError(f"Calibration inputs of {name} must be finite")
            layer, _, own = name.rpartition(".")
            for other, shared in SHARED.items() if layer else ():
                if shared == own and f"{layer}.{other}" in self._model._tensors:
                    found[f"{layer}.{other}"] = mean
        return found or means

    def attention(self) -> npt.NDArray[np.float64]:
        """Mean attention of queries of a block to keys of a block, (heads, blocks, blocks).

        Blocks are of 64 tokens; a row of blocks adds up to 1. Of the head there is none.
        """
        self._watch()
        mean: npt.NDArray[Any] = (self._model.attention / self._model.queries[:, None]).numpy()
        return mean

    def step(self, weights: Mapping[str, npt.NDArray[np.float32]] | None = None) -> None:
        """On to the next part, through this one with other weights.

        Parameters
        ----------
        weights : mapping of str to ndarray of float32
            In the place of the part's own, by canonical name.

        Raises
        ------
        ValueError
            If the walk is over, or the part has no such matrix.
        """
        self._require_part()
        if self._part < self._config.layers:
            self._model = self._model.replaced(weights or {})
            self._hidden = self._run()
        self._part += 1
        self._enter()

    def _enter(self) -> None:
        """Have the tensors of this part in memory."""
        config, self._seen = self._config, False
        if self._part < config.layers:
            self._model.take(tensor_names(config, self._part))
        elif self._part == config.layers:
            bias = ["norm.bias"] * (config.architecture == "opt")
            self._model.take(["norm", *bias])
        else:
            self._model.take([])
            self._hidden = []

    def _require_part(self) -> None:
        if self._part > self._config.layers:
            raise ValueError("The walk through the model is over")

    def _watch(self) -> None:
        self._require_part()
        if not self._seen:
            self._model.watching = True
            self._run()
            self._model.watching, self._seen = False, True

    def _run(self) -> list[Tensor]:
        with torch.inference_mode():
            if self._part == self._config.layers:
                return [self._model._norm("norm", x) for x in self._hidden]
            return [self._model._layer(self._part, x, _Once(), 0) for x in self._hidden]


class Divergence:
    """What a model loses when one of its matrices is another: measured, not foretold.

    Parameters
    ----------
    weights : Weights
        Of the model; all of them are in memory, and so are the logits of all texts.
    texts : sequence of sequences of int
        Tokens of each text; what is beyond the model's context is left out.

    Raises
    ------
    ValueError
        If there are no tokens.
    """

    def __init__(self, weights: Weights, texts: Sequence[Sequence[int]]) -> None:
        self._model = Model(weights)
        self._texts = [text[:weights.config.context] for text in texts if text]
        if not self._texts:
            raise ValueError("Calibration needs at least one text of at least one token")
        self._wanted = [self._chances(self._model, text) for text in self._texts]

    def __call__(self, name: str, w: npt.NDArray[np.float32]) -> float:
        """Nats a token from what the model foretells to what it does with ``w`` as ``name``.

        The Kullback-Leibler divergence, mean over all tokens.
        """
        model = self._model.replaced({name: w})
        nats = sum(float((wanted.exp() * (wanted - self._chances(model, text))).sum())
                   for wanted, text in zip(self._wanted, self._texts, strict=True))
        return nats / sum(map(len, self._texts))

    @staticmethod
    def _chances(model: Model, text: Sequence[int]) -> Tensor:
        return functional.log_softmax(torch.from_numpy(model.logits(text)), -1)
