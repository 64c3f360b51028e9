# SPDX-License-Identifier: Apache-2.0
"""Llama and OPT in plain float32 with PyTorch: what the accelerator's text is judged against.

::

    embedding (+ positions) -> layers -> norm -> head -> logits

    a layer:  x += o(attention(q, k, v of norm(x)))
              x += down(silu(gate(norm(x))) * up(norm(x)))       Llama: RMSNorm, rotary positions
              x += down(relu(up(norm(x))))                       OPT: LayerNorm, biases

Nothing here is quantized, and nothing is shared with the compiler or the golden machine.
"""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from flightllm_hw.golden.model_source import Description, Weights

__all__ = ["Cache", "Model", "tensor_names"]

Floats = npt.NDArray[np.float32]


@dataclass
class Cache:
    """Keys and values of the tokens so far, for each layer (heads, tokens, head_dim)."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Tokens so far."""
        return int(self.keys[0].shape[1]) if self.keys else 0

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, these being the last."""
        if layer == len(self.keys):
            self.keys.append(k)
            self.values.append(v)
        else:
            self.keys[layer] = torch.cat([self.keys[layer], k], 1)
            self.values[layer] = torch.cat([self.values[layer], v], 1)
        return self.keys[layer], self.values[layer]


def tensor_names(config: Description, layer: int | None = None) -> list[str]:
    """Canonical names of all tensors, or of those of one layer."""
    opt = config.architecture == "opt"
    if layer is None:
        outer = ["embedding", "norm", *(["positions", "norm.bias"] if opt else []),
                 *([] if config.tied else ["head"])]
        return outer + [name for n in range(config.layers) for name in tensor_names(config, n)]
    biased = {"q": config.attention_bias, "k": config.attention_bias,
              "v": config.attention_bias, "o": config.attention_bias,
              "gate": config.mlp_bias, "up": config.mlp_bias, "down": config.mlp_bias,
              "attention_norm": opt, "mlp_norm": opt}
    return [f"layers.{layer}.{name}{end}" for name, bias in biased.items()
            if not (opt and name == "gate") for end in ([""] + [".bias"] * bias)]


class Model:
    """A model with its weights in memory, in float32.

    Parameters
    ----------
    weights : Weights
        Usually a loaded checkpoint.
    """

    def __init__(self, weights: Weights) -> None:
        self.config = weights.config
        self._tensors = {name: torch.from_numpy(weights.read(name))
                         for name in tensor_names(weights.config)}

    def logits(self, tokens: Sequence[int], cache: Cache | None = None) -> Floats:
        """Logits after each of ``tokens``, (tokens, vocab).

        Parameters
        ----------
        tokens : sequence of int
            At least one.
        cache : Cache, optional
            Of the tokens before them; it grows by these. None: there are none.

        Raises
        ------
        ValueError
            If there are no tokens, or with those before more than the model's context.
        """
        cache = Cache() if cache is None else cache
        start = cache.length
        if not tokens or start + len(tokens) > self.config.context:
            raise ValueError(f"A text must have 1 to {self.config.context} tokens, not"
                             f" {start + len(tokens)}")
        with torch.inference_mode():
            x = self._embed(tokens, start)
            for layer in range(self.config.layers):
                x = self._layer(layer, x, cache, start)
            logits: Floats = self._head(x).numpy()
        return logits

    def generate(self, prompt: Sequence[int], count: int,
                 stop: Collection[int] = ()) -> list[int]:
        """The ``count`` tokens that follow greedily on ``prompt``, the first of equals.

        Fewer where a token of ``stop`` comes, which is not given, or where the context is full.
        """
        cache, tokens = Cache(), list(prompt)
        found: list[int] = []
        while len(found) < count:
            token = int(np.argmax(self.logits(tokens, cache)[-1]))
            if token in stop:
                break
            found.append(token)
            if cache.length == self.config.context:
                break
            tokens = [token]
        return found

    def replaced(self, weights: Mapping[str, Floats]) -> Self:
        """The same model with other tensors, by canonical name, in the place of its own.

        ``"head"`` replaces that alone, even where it is the embedding.

        Raises
        ------
        ValueError
            If the model has no such tensor, or one of another shape.
        """
        other = copy.copy(self)
        other._tensors = dict(self._tensors)
        for name, w in weights.items():
            own = self._tensors.get("embedding" if name == "head" and self.config.tied else name)
            if own is None or own.shape != w.shape:
                raise ValueError(f"The model has no tensor {name} of the shape {w.shape}")
            other._tensors[name] = torch.from_numpy(np.require(w, np.float32, ["C", "W"]))
        return other

    def _embed(self, tokens: Sequence[int], start: int) -> Tensor:
        x = functional.embedding(torch.tensor(list(tokens)), self._tensors["embedding"])
        if self.config.architecture == "opt":
            x = x + self._tensors["positions"][start:start + len(tokens)]
        return x

    def _layer(self, layer: int, x: Tensor, cache: Cache, start: int) -> Tensor:
        x = x + self._attention(layer, self._norm(f"layers.{layer}.attention_norm", x), cache,
                                start)
        return x + self._mlp(layer, self._norm(f"layers.{layer}.mlp_norm", x))

    def _head(self, x: Tensor) -> Tensor:
        # A head that is the embedding may have been replaced.
        head = self._tensors["head" if "head" in self._tensors else "embedding"]
        return functional.linear(self._norm("norm", x), head)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, self._tensors[name], self._tensors.get(f"{name}.bias"))

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self._tensors[name], self._tensors.get(f"{name}.bias")
        if self.config.architecture == "opt":
            return functional.layer_norm(x, x.shape[-1:], weight, bias, self.config.eps)
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.config.eps) * weight

    def _attention(self, layer: int, x: Tensor, cache: Cache, start: int) -> Tensor:
        config, count = self.config, len(x)
        q, k, v = (self._linear(f"layers.{layer}.{name}", x)
                   .view(count, heads, config.head_dim).transpose(0, 1)
                   for name, heads in (("q", config.heads), ("k", config.kv_heads),
                                       ("v", config.kv_heads)))
        if config.rope_theta is not None:
            q, k = (self._rotate(part, start) for part in (q, k))
        k, v = cache.append(layer, k, v)
        shared = config.heads // config.kv_heads
        k, v = k.repeat_interleave(shared, 0), v.repeat_interleave(shared, 0)

        scores = q @ k.transpose(1, 2) / config.head_dim ** 0.5
        # Token t of these sees all before and itself: start + t + 1.
        hidden = torch.ones(count, start + count, dtype=torch.bool).triu(start + 1)
        mixed = self._softmax(layer, scores.masked_fill(hidden, -torch.inf)) @ v
        return self._linear(f"layers.{layer}.o", mixed.transpose(0, 1).reshape(count, -1))

    def _softmax(self, layer: int, scores: Tensor) -> Tensor:
        """What each head's queries look at, (heads, queries, keys)."""
        return scores.softmax(-1)

    def _rotate(self, x: Tensor, start: int) -> Tensor:
        """Pairs of each head, turned by position * theta^(-2 i / head_dim)."""
        n = self.config.head_dim
        assert self.config.rope_theta is not None
        angle = torch.outer(torch.arange(start, start + x.shape[1]).double(),
                            self.config.rope_theta ** (-torch.arange(0, n, 2).double() / n))
        cos, sin = angle.cos().float(), angle.sin().float()
        if self.config.rope_style == "halves":
            a, b = x[..., :n // 2], x[..., n // 2:]
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)

    def _mlp(self, layer: int, x: Tensor) -> Tensor:
        up = self._linear(f"layers.{layer}.up", x)
        if self.config.architecture == "opt":
            return self._linear(f"layers.{layer}.down", functional.relu(up))
        gate = functional.silu(self._linear(f"layers.{layer}.gate", x))
        return self._linear(f"layers.{layer}.down", gate * up)
