# SPDX-License-Identifier: Apache-2.0
"""A loaded model: what it is, where its tensors are, and its tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.load.config import ModelConfig, Shape
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.tensors import Tensor
from flightllm_hw.compiler.load.tokenizer import Tokenizer

__all__ = ["Checkpoint", "collect"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A model in a file or folder; its weights stay there until they are asked for.

    Parameters
    ----------
    path : Path
    format : str
        Of the file, in words.
    config : ModelConfig
    tensors : mapping of str to Tensor
        By their canonical names (:mod:`flightllm_hw.compiler.load.config`), each of its shape.
    tokenizer : Tokenizer or None
        None where none came with the model.
    """

    path: Path
    format: str
    config: ModelConfig
    tensors: Mapping[str, Tensor]
    tokenizer: Tokenizer | None = None

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """A whole tensor in float32; ``"head"`` is the embedding where they are tied."""
        return self.tensor(name).rows()

    def tensor(self, name: str) -> Tensor:
        """A tensor by its canonical name; ``"head"`` is the embedding where they are tied."""
        return self.tensors["embedding" if name == "head" and self.config.tied else name]

    def notes(self) -> tuple[str, ...]:
        """What a user should know of how tensors are taken over; reads their scales."""
        return tuple(t.note for t in self.tensors.values() if t.note is not None)


def collect(where: Path, stored: Mapping[str, Tensor], names: Mapping[str, str],
            shapes: Mapping[str, Shape], spare: frozenset[str] = frozenset()
            ) -> dict[str, Tensor]:
    """Tensors by canonical name, after checking that they are all there, and no others.

    Parameters
    ----------
    where : Path
        What complaints are about.
    stored : mapping
        Tensors by the file's names.
    names : mapping
        From canonical names to the file's.
    shapes : mapping
        That each must have, by canonical name.
    spare : frozenset of str
        The file's names of tensors that may be there and mean nothing.

    Raises
    ------
    LoadError
    """
    missing = [names[name] for name in shapes if names[name] not in stored]
    if missing:
        others = f" and {len(missing) - 1} others are" if missing[1:] else " is"
        raise LoadError(where, f"tensor {missing[0]}{others} missing")
    extra = sorted(stored.keys() - {names[name] for name in shapes} - spare)
    if extra:
        raise LoadError(where, f"holds a tensor {extra[0]}, which a model of this description"
                               " does not have")
    found = {name: stored[names[name]] for name in shapes}
    for name, tensor in found.items():
        if tensor.shape != shapes[name]:
            raise LoadError(where, f"tensor {tensor.name} must have the shape"
                                   f" {list(shapes[name])}, not {list(tensor.shape)}")
    return found
