# SPDX-License-Identifier: Apache-2.0
"""Validation that the number formats share: every complaint is one sentence, a ``ValueError``.

A sentence says what is wrong, where (the index of the first offender in row-major order), and what
would be right. This module is private to :mod:`flightllm_hw.formats`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FLOATS", "INTS", "require_all", "require_array", "require_choice", "require_finite",
           "require_integer", "require_shape", "require_within"]

FLOATS = ("float16", "float32", "float64")
INTS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")


def require_array(name: str, x: object, dtypes: tuple[str, ...],
                  axes: tuple[str, ...] | None) -> npt.NDArray[Any]:
    """``x``, if it is a nonempty array of one of ``dtypes`` with these named axes (None: any)."""
    wanted = " or ".join(dtypes)
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{name} must be a numpy array of {wanted}, not {type(x).__name__}")
    if x.dtype not in [np.dtype(d) for d in dtypes]:
        raise ValueError(f"{name} must be {wanted}, not {x.dtype}")
    if axes is not None and x.ndim != len(axes):
        raise ValueError(f"{name} must have the shape ({', '.join(axes)}), not {x.shape}")
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"{name} must hold at least one element, not have the shape {x.shape}")
    return x


def require_all(name: str, x: npt.NDArray[Any], good: npt.NDArray[np.bool_], what: str) -> None:
    """Complain of the first element of ``x`` that is not ``good``: not ``what`` it must be."""
    if not good.all():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), good.shape))
        raise ValueError(f"{name} must be {what}, but the element at {list(index)} is"
                         f" {x[index].item()!r}")


def require_finite(name: str, x: npt.NDArray[Any]) -> None:
    """Complain of NaN and infinity."""
    require_all(name, x, np.isfinite(x), "finite")


def require_within(name: str, x: npt.NDArray[Any], low: int, high: int) -> None:
    """Complain of an element outside ``low..high``, both included."""
    if x.size and not low <= int(x.min()) <= int(x.max()) <= high:
        require_all(name, x, (x >= low) & (x <= high), f"in {low}..{high}")


def require_shape(name: str, x: npt.NDArray[Any], shape: tuple[int, ...], why: str) -> None:
    """Complain of another shape than ``shape``, which follows from ``why``."""
    if x.shape != shape:
        raise ValueError(f"{name} must have the shape {shape} ({why}), not {x.shape}")


def require_choice(name: str, value: object, choices: tuple[int, ...]) -> None:
    """Complain of a number that is none of ``choices``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")


def require_integer(name: str, value: object, low: int, high: int | None = None) -> None:
    """Complain of anything but an integer in ``low..high`` (None: without an end)."""
    good = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= low
    if good and high is not None:
        good = value <= high  # type: ignore[operator]
    if not good:
        limits = f"of at least {low}" if high is None else f"in {low}..{high}"
        raise ValueError(f"{name} must be an integer {limits}, not {value!r}")
