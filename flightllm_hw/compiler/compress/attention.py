# SPDX-License-Identifier: Apache-2.0
"""Block-sparse attention for prefill: which blocks of 64 x 64 scores each head computes.

As FlightLLM has it: beside the diagonal, a head keeps what it looks at::

    queries  ■                  local     the diagonal and those left of it
       │     ■ ■                global    the first columns: every query sees them
       ▼     ■ ■ ■
             ■   ■ ■            what is above the diagonal is not seen by any model
             ■     ■ ■          keys ──►

A block that is left out counts as if its scores were -inf. Compiled programs loop over layers and
run all heads at once: they have :class:`LocalGlobal`, the same blocks in all.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "AttentionMask", "LocalGlobal"]

BLOCK = 64
"""Queries and keys of a block."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LocalGlobal:
    """Near blocks and the first ones, in all layers and heads.

    Parameters
    ----------
    near : int
        Blocks of each row up to the diagonal, that one among them.
    first : int
        Blocks at the beginning that every row keeps.

    Raises
    ------
    ValueError
        If ``near`` is less than 1 or ``first`` less than 0, or either is no integer.
    """

    near: int
    first: int

    def __post_init__(self) -> None:
        if type(self.near) is not int or type(self.first) is not int or (
                self.near < 1 or self.first < 0):
            raise ValueError(f"At least 1 near and 0 first blocks must be kept, not {self.near!r}"
                             f" and {self.first!r}")

    @classmethod
    def parse(cls, text: str) -> "LocalGlobal":
        """What ``near,first`` says.

        Raises
        ------
        ValueError
            If it is not of that form, or keeps too little.
        """
        numbers = text.split(",")
        if len(numbers) != 2 or not all(n.isascii() and n.isdigit() for n in numbers):
            raise ValueError(f"Attention must be numbers of near and first blocks, such as 2,1, not"
                             f" {text!r}")
        return cls(near=int(numbers[0]), first=int(numbers[1]))

    @property
    def positions(self) -> int:
        """Positions that a token sees at most."""
        return (self.near + self.first) * BLOCK

    def __str__(self) -> str:
        return f"the first {self.first} and the last {self.near} blocks of {BLOCK} positions"


@dataclass(frozen=True, eq=False)
class AttentionMask:
    """Blocks that are computed.

    Parameters
    ----------
    blocks : ndarray of bool, (layers, heads, block rows, block columns)
        As many columns as rows; the diagonal is True, what is above it False. A view that is
        read-only.

    Raises
    ------
    ValueError
        If it is not so.
    """

    blocks: Mask

    def __post_init__(self) -> None:
        blocks = self.blocks
        if blocks.dtype != np.bool_ or blocks.ndim != 4 or not blocks.size:
            raise ValueError("An attention mask must be bool of the shape (layers, heads, rows,"
                             f" columns), not {blocks.dtype} of {blocks.shape}")
        if blocks.shape[2] != blocks.shape[3]:
            raise ValueError("An attention mask must have as many block columns as rows, not"
                             f" {blocks.shape[3]} and {blocks.shape[2]}")
        if np.triu(blocks, 1).any() or not blocks.diagonal(axis1=2, axis2=3).all():
            raise ValueError("An attention mask must keep its diagonal and nothing above it")
        view = blocks.view()
        view.flags.writeable = False
        object.__setattr__(self, "blocks", view)

    @property
    def density(self) -> float:
        """Share of the blocks on and below the diagonals that are kept."""
        layers, heads, rows, _ = self.blocks.shape
        return float(self.blocks.sum() / (layers * heads * _causal(rows)))

    def tokens(self, layer: int, head: int, count: int) -> Mask:
        """Which keys each of the first ``count`` tokens sees, (count, count).

        Raises
        ------
        ValueError
            If the mask is for fewer tokens.
        """
        if not 0 < count <= self.blocks.shape[2] * BLOCK:
            raise ValueError(f"The mask is for 1 to {self.blocks.shape[2] * BLOCK} tokens, not"
                             f" {count}")
        of = np.arange(count) // BLOCK
        seen: Mask = np.tril(self.blocks[layer, head][of[:, None], of])
        return seen

    def to_json(self) -> str:
        """An object with ``block`` and ``layers``: of each head, each row's columns."""
        return json.dumps({"block": BLOCK, "layers": [
            [[np.flatnonzero(row).tolist() for row in head] for head in layer]
            for layer in self.blocks]})

    @classmethod
    def from_json(cls, text: str) -> "AttentionMask":
        """The mask that :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If it did not write this.
        """
        try:
            read = json.loads(text)
            layers = read["layers"]
            if read["block"] != BLOCK:
                raise ValueError(f"blocks of {read['block']!r}, not {BLOCK}")
            size = len(layers[0][0])
            blocks = np.zeros((len(layers), len(layers[0]), size, size), np.bool_)
            for layer, heads in zip(blocks, layers, strict=True):
                for head, rows in zip(layer, heads, strict=True):
                    for row, columns in zip(head, rows, strict=True):
                        row[[_column(c, size) for c in columns]] = True
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as e:
            raise ValueError(f"This is no attention mask: {e}") from None
        return cls(blocks)

    @classmethod
    def local_global(cls, layers: int, heads: int, rows: int, *, near: int,
                     first: int) -> "AttentionMask":
        """Each row keeps its last ``near`` blocks, the diagonal among them, and the ``first``.

        Raises
        ------
        ValueError
            If ``near`` is less than 1 or ``first`` less than 0, or there is nothing to keep.
        """
        kept = LocalGlobal(near=near, first=first)
        row, column = np.indices((rows, rows))
        one = (column <= row) & ((row - column < kept.near) | (column < kept.first))
        return cls(np.broadcast_to(one, (layers, heads, rows, rows)).copy())

    @classmethod
    def by_mass(cls, mass: npt.NDArray[Any], density: float) -> "AttentionMask":
        """The blocks that calibration texts look at most.

        Parameters
        ----------
        mass : ndarray of floats, (layers, heads, rows, rows)
            Mean attention of a query of that row to all keys of that column: rows add up to 1.
        density : float
            Of all blocks on and below the diagonals, this share is kept at most: the diagonals,
            then those of greatest mass, of equals the first. Heads that look far get more blocks
            than others of their layer; each layer has the same number.

        Raises
        ------
        ValueError
            If the density leaves out diagonals or is more than 1, or ``mass`` is not as described:
            if no text was long enough, say, to reach the last row.
        """
        if mass.ndim != 4 or mass.shape[2] != mass.shape[3] or not mass.size:
            raise ValueError("Attention must have the shape (layers, heads, rows, rows), not"
                             f" {mass.shape}")
        sums = np.tril(mass).sum(axis=3)
        if not (np.abs(sums - 1) < 1e-3).all() or (mass < 0).any():
            raise ValueError("Attention must be known for each row of blocks, each adding up to 1"
                             " on and before the diagonal")
        layers, heads, rows, _ = mass.shape
        least = rows / _causal(rows)
        if not least * (1 - 1e-9) <= density <= 1:
            raise ValueError(f"Density must be {least:g} (the diagonal) to 1, not {density:g}")
        keep = int(density * heads * _causal(rows) + 1e-6)
        score = np.where(np.tri(rows, dtype=np.bool_), mass, -1.0)
        score[..., np.arange(rows), np.arange(rows)] = 2
        order = np.argsort(-score.reshape(layers, -1), axis=1, kind="stable")
        blocks = np.zeros((layers, heads * rows * rows), np.bool_)
        np.put_along_axis(blocks, order[:, :keep], True, axis=1)
        return cls(blocks.reshape(mass.shape))


def _causal(rows: int) -> int:
    """Blocks on and below a diagonal."""
    return rows * (rows + 1) // 2


def _column(value: object, size: int) -> int:
    if type(value) is not int or not 0 <= value < size:
        raise ValueError(f"a column {value!r} of {size}")
    return value
