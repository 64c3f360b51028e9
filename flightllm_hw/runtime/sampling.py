# SPDX-License-Identifier: Apache-2.0
"""How the next token is chosen from logits."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Sampler"]


@dataclass
class Sampler:
    """Draws tokens by their probability, or takes the likeliest.

    With temperature T the probability of token n is softmax(logits / T)[n]. Of these the likeliest
    are kept whose sum reaches ``top_p``, at least one, and one of them is drawn.

    Parameters
    ----------
    temperature : float
        0: the likeliest; of equals the first one.
    top_p : float
        In 0..1, not 0.
    seed : int
        Draws of one seed are the same ones.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    _random: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"Temperature must be 0 or more, not {self.temperature!r}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"Top-p must be more than 0 and at most 1, not {self.top_p!r}")
        if self.seed < 0:
            raise ValueError(f"Seed must be 0 or more, not {self.seed!r}")
        self._random = np.random.default_rng(self.seed)

    def choose(self, logits: npt.NDArray[np.float32]) -> int:
        """The next token."""
        if self.temperature == 0:
            return int(logits.argmax())
        scaled = logits.astype(np.float64) / self.temperature
        likely = np.exp(scaled - scaled.max())
        likely /= likely.sum()
        order = np.argsort(-likely, kind="stable")
        sums = np.cumsum(likely[order])
        kept = order[:int(np.searchsorted(sums, self.top_p)) + 1]
        return int(self._random.choice(kept, p=likely[kept] / likely[kept].sum()))
