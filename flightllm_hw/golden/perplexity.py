# SPDX-License-Identifier: Apache-2.0
"""How well a model foretells a text: exp of the mean negative log likelihood of its tokens."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["perplexity", "read_texts"]


def read_texts(path: Path, count: int | None = None) -> list[str]:
    """The first ``count`` texts (None: all) of a file with a JSON object with ``text`` a line.

    Raises
    ------
    ValueError
        If a line is none, or there are fewer.
    """
    texts: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for n, line in enumerate(lines, 1):
            if count is not None and len(texts) == count:
                break
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError, RecursionError):
                text = None
            if not isinstance(text, str):
                raise ValueError(f"{path}: line {n} must be a JSON object with a text")
            texts.append(text)
    if not texts or (count is not None and len(texts) < count):
        raise ValueError(f"{path}: holds {len(texts)} texts, not {count or 'any'}")
    return texts


def perplexity(logits: Callable[[Sequence[int]], npt.NDArray[Any]],
               texts: Iterable[Sequence[int]], context: int) -> float:
    """Perplexity over all tokens but the first of each text.

    Parameters
    ----------
    logits : callable
        From tokens to the logits after each, (tokens, vocab), as
        :meth:`flightllm_hw.golden.model.Model.logits`.
    texts : iterable of sequences of int
        Tokens of each text, the one that every text begins with included.
    context : int
        Longer texts end here.

    Raises
    ------
    ValueError
        If no text has two tokens.
    """
    loss, count = 0.0, 0
    for text in texts:
        tokens = list(text[:context])
        if len(tokens) > 1:
            loss += _negative_log_likelihood(logits(tokens[:-1]), tokens[1:])
            count += len(tokens) - 1
    if not count:
        raise ValueError("Perplexity is of texts of at least two tokens, but there is none")
    return float(np.exp(loss / count))


def _negative_log_likelihood(logits: npt.NDArray[Any], tokens: Sequence[int]) -> float:
    """The sum over tokens of log(sum(exp(logits))) - logits[token], in float64."""
    exact = logits.astype(np.float64)
    greatest = exact.max(axis=1)
    total = np.log(np.exp(exact - greatest[:, None]).sum(axis=1)) + greatest
    return float((total - exact[np.arange(len(tokens)), list(tokens)]).sum())
