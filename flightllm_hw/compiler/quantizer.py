# SPDX-License-Identifier: Apache-2.0
"""From a checkpoint's tensor to codes: taken over where the file has them, else chosen anew."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.compressed import Compressed, compress, everything
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.load.tensors import QuantizedTensor, Tensor
from flightllm_hw.compiler.parallel import each
from flightllm_hw.formats import Pattern, QuantizedWeights, two_level

__all__ = ["Compress", "compressed"]

Compress = Callable[[str, npt.NDArray[np.float32], Setting], Compressed]
"""Compresses a matrix: its canonical name, its weights, and what is wanted."""

_ELEMENTS = 1 << 19
"""Weights that a processor quantizes at a time: they stay in its cache."""


def compressed(name: str, tensor: Tensor, setting: Setting,
               by: Compress | None = None) -> Compressed:
    """A matrix of a checkpoint as the lanes take it.

    Parameters
    ----------
    name : str
        Canonical.
    tensor : Tensor
    setting : Setting
    by : function, optional
        What compresses. Without it, codes in the file that are of this setting are taken over: not
        one changes, and a scale by less than 2^-16 of its row's greatest. Others are rounded to the
        nearest; what a pattern keeps is what is greatest.

    Raises
    ------
    ValueError
        If ``by`` gives something else than was asked for.
    """
    if by is not None:
        given = by(name, tensor.rows(), setting)
        got = Setting(bits=given.weights.bits, group=given.weights.group,
                      zero_point=given.weights.zero is not None, pattern=given.pattern)
        if got != setting or given.weights.shape != tensor.shape:
            raise ValueError(f"{name} must be compressed to {setting} of shape {tensor.shape}, not"
                             f" to {got} of {given.weights.shape}")
        return given
    rows = tensor.shape[0]
    step = max(1, _ELEMENTS // tensor.shape[1])

    def part(start: int) -> Compressed:
        own = _part(name, tensor, setting, start, min(start + step, rows))
        tensor.file.release()
        return own

    return _joined(each(part, range(0, rows, step)))


def _part(name: str, tensor: Tensor, setting: Setting, start: int, stop: int) -> Compressed:
    if setting.pattern is Pattern.DENSE:
        stored = tensor.codes(start, stop)
        if stored is not None and _agrees(stored, setting):
            return _taken_over(stored, setting)
    return compress(name, tensor.rows(start, stop), setting)


def _agrees(stored: QuantizedTensor, setting: Setting) -> bool:
    return (stored.bits == setting.bits and stored.group % setting.group == 0
            and (stored.zero is not None) == setting.zero_point)


def _taken_over(stored: QuantizedTensor, setting: Setting) -> Compressed:
    """The very codes; longer groups are several with one scale."""
    groups = -(-stored.codes.shape[1] // setting.group)
    times = stored.group // setting.group
    row_scale, group_scale = two_level(np.repeat(stored.scale, times, axis=1)[:, :groups])
    zero = None
    codes: npt.NDArray[np.int8] | npt.NDArray[np.uint8] = stored.codes
    if stored.zero is not None:
        zero = np.repeat(stored.zero, times, axis=1)[:, :groups].astype(np.uint8)
        codes = stored.codes.astype(np.uint8)
    weights = QuantizedWeights(codes=codes, zero=zero, row_scale=row_scale,
                               group_scale=group_scale, bits=setting.bits, group=setting.group)
    return Compressed(weights=weights, mask=everything(codes.shape), pattern=Pattern.DENSE)


def _joined(parts: list[Compressed]) -> Compressed:
    """Rows of several parts, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    first, all_weights = parts[0].weights, [part.weights for part in parts]
    zeros = [w.zero for w in all_weights if w.zero is not None]
    weights = QuantizedWeights(
        codes=np.concatenate([w.codes for w in all_weights]),
        zero=np.concatenate(zeros) if zeros else None,
        row_scale=np.concatenate([w.row_scale for w in all_weights]),
        group_scale=np.concatenate([w.group_scale for w in all_weights]),
        bits=first.bits, group=first.group)
    mask = (everything(weights.shape) if all(part.mask.all() for part in parts)
            else np.concatenate([part.mask for part in parts]))
    return Compressed(weights=weights, mask=mask, pattern=parts[0].pattern)
