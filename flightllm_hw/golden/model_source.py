# SPDX-License-Identifier: Apache-2.0
"""What the reference needs to know of a model: a loaded checkpoint says it.

:class:`flightllm_hw.compiler.load.Checkpoint` is one of these, without the two packages knowing one
another.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Description", "Weights"]


class Description(Protocol):
    """A decoder, as :class:`flightllm_hw.compiler.load.ModelConfig` describes it."""

    @property
    def architecture(self) -> str:
        """"llama" or "opt"."""

    @property
    def layers(self) -> int:
        """Layers."""

    @property
    def heads(self) -> int:
        """Heads of queries in a layer."""

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""

    @property
    def head_dim(self) -> int:
        """Elements of a head."""

    @property
    def context(self) -> int:
        """Tokens in a text at most."""

    @property
    def eps(self) -> float:
        """Of the norms."""

    @property
    def tied(self) -> bool:
        """Whether the embedding is the head, too."""

    @property
    def attention_bias(self) -> bool:
        """Whether q, k, v and o have biases."""

    @property
    def mlp_bias(self) -> bool:
        """Whether gate, up and down have."""

    @property
    def rope_theta(self) -> float | None:
        """Base of the rotation's frequencies; None: positions are learned."""

    @property
    def rope_style(self) -> str | None:
        """"adjacent" or "halves": what rotates together."""


class Weights(Protocol):
    """A description, and the tensors by their canonical names."""

    @property
    def config(self) -> Description:
        """What the tensors belong to."""

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """A whole tensor."""
