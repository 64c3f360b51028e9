# SPDX-License-Identifier: Apache-2.0
"""Values to words and back: arrays of payloads as arrays of 32 bits, least significant first.

A shape's values are arrays that share their first axes:

====================  ==============================================================
shape                 values
====================  ==============================================================
up to 64 bits         integers; enumerations are their values
more than 64 bits     words of 32 bits along one more axis, or Python's integers
array                 what its element takes, with one more axis
structure, union      a dict by field, or a structured array; absent fields are zero
====================  ==============================================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Shape, ShapeCastable, Value
from amaranth.lib import data

__all__ = ["from_items", "pack", "to_items", "unpack", "word_count"]

# Bits that are spread out at a time, a byte each.
CHUNK = 1 << 25


@dataclass(frozen=True)
class _Leaf:
    """A field that is no longer divided: its way there, and where it lies in each array element."""

    keys: tuple[str | int, ...]
    offsets: np.ndarray
    shape: Shape

    @property
    def name(self) -> str:
        return "".join(f".{key}" for key in self.keys)


def word_count(shape: Any) -> int:
    """Words of 32 bits that one value of ``shape`` takes."""
    return (Shape.cast(shape).width + 31) // 32


def _leaves(shape: Any, keys: tuple[str | int, ...], offsets: np.ndarray) -> Iterator[_Leaf]:
    layout = None
    if isinstance(shape, ShapeCastable):
        try:
            layout = data.Layout.cast(shape)
        except TypeError:
            pass
    if isinstance(layout, data.ArrayLayout):
        steps = np.arange(layout.length) * Shape.cast(layout.elem_shape).width
        yield from _leaves(layout.elem_shape, keys, offsets[..., None] + steps)
    elif layout is not None:
        for key, field in layout:
            yield from _leaves(field.shape, (*keys, key), offsets + field.offset)
    else:
        yield _Leaf(keys, offsets, Shape.cast(shape))


def _all_leaves(shape: Any) -> list[_Leaf]:
    return [leaf for leaf in _leaves(shape, (), np.array(0)) if leaf.shape.width]


def _lookup(values: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        names = values.keys() if isinstance(values, dict) else values.dtype.names or ()
        if key not in names:
            return None
        values = values[key]
    return values


def pack(shape: Any, values: Any) -> np.ndarray:
    """Pack ``values`` into words.

    Returns
    -------
    numpy.ndarray
        uint32, of the values' first axes and one axis of words.

    Raises
    ------
    ValueError
        If a value does not fit its field, arrays disagree, or a field does not exist.
    """
    leaves = _all_leaves(shape)
    if isinstance(values, dict):
        _refuse_unknown(values, leaves)
    fields: list[tuple[_Leaf, np.ndarray]] = []
    lead: tuple[int, ...] | None = None
    for leaf in leaves:
        found = _lookup(values, leaf.keys)
        if found is None:
            continue
        raw = _raw(leaf, found)
        own = raw.ndim - leaf.offsets.ndim - 1
        if own < 0 or raw.shape[own:-1] != leaf.offsets.shape:
            raise ValueError(f"Values{leaf.name} must end in axes {leaf.offsets.shape}, not be of"
                             f" shape {raw.shape[:-1]}")
        if lead is not None and raw.shape[:own] != lead:
            raise ValueError(f"Values{leaf.name} have first axes {raw.shape[:own]}, but those"
                             f" before have {lead}")
        lead = raw.shape[:own]
        fields.append((leaf, raw.reshape(-1, *raw.shape[own:])))
    lead = np.shape(values)[:1] if lead is None else lead
    words = word_count(shape)
    count = int(np.prod(lead))
    packed = np.zeros((count, words), "<u4")
    step = max(1, CHUNK // max(1, 32 * words))
    for first in range(0, count, step):
        rows = slice(first, first + step)
        bits = np.zeros((min(step, count - first), 32 * words), np.uint8)
        for leaf, raw in fields:
            width = leaf.shape.width
            spread = np.unpackbits(raw[rows], axis=-1, count=width, bitorder="little")
            bits[:, leaf.offsets[..., None] + np.arange(width)] = spread
        packed[rows] = np.packbits(bits, axis=-1, bitorder="little").view("<u4")
    return packed.reshape(*lead, words)


def _refuse_unknown(values: dict[Any, Any], leaves: list[_Leaf]) -> None:
    known = {leaf.keys[0] for leaf in leaves if leaf.keys}
    for key in values:
        if key not in known:
            raise ValueError(f"There is no field {key!r}; there are {', '.join(map(str, known))}")


def _raw(leaf: _Leaf, values: Any) -> np.ndarray:
    """Little-endian bytes along a last axis."""
    width, signed = leaf.shape.width, leaf.shape.signed
    # Lists of big integers would become floating point.
    array = np.asarray(values, None if width < 64 or hasattr(values, "dtype") else object)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind not in "iubO":
        raise ValueError(f"Values{leaf.name} must be integers, not {array.dtype}")
    if array.dtype.kind != "O" and width > 64:
        count = (width + 31) // 32
        if array.dtype != np.uint32 or array.ndim == 0 or array.shape[-1] != count:
            array = array.astype(object)
        else:
            if width % 32 and np.any(array[..., -1] >> width % 32):
                raise ValueError(f"Values{leaf.name} must fit {width} bits")
            return np.ascontiguousarray(array, "<u4").view(np.uint8)
    low, high = (-1 << width - 1, (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise ValueError(f"Values{leaf.name} must be in {low}..{high}, not in"
                         f" {array.min()}..{array.max()}")
    if width > 64:
        size = (width + 31) // 32 * 4
        mask = (1 << width) - 1
        raw = b"".join((int(x) & mask).to_bytes(size, "little") for x in array.flat)
        return np.frombuffer(raw, np.uint8).reshape(*array.shape, size)
    kind = "<i8" if signed else "<u8"
    return np.ascontiguousarray(array.astype(kind))[..., None].view(np.uint8)


def unpack(shape: Any, words: np.ndarray) -> Any:
    """What :func:`pack` would have packed into ``words``.

    Integers are int64, or uint64 where they are unsigned and have 64 bits; enumerations are their
    values; wider fields stay words.
    """
    words = np.ascontiguousarray(words, "<u4")
    if words.ndim == 0 or words.shape[-1] != word_count(shape):
        raise ValueError(f"Words must end in an axis of {word_count(shape)}, not be of shape"
                         f" {words.shape}")
    lead = words.shape[:-1]
    flat = words.reshape(-1, words.shape[-1])
    step = max(1, CHUNK // max(1, 32 * flat.shape[1]))
    result: Any = {}
    leaves = _all_leaves(shape)
    parts: list[list[np.ndarray]] = [[] for _ in leaves]
    for first in range(0, max(1, len(flat)), step):
        chunk = np.ascontiguousarray(flat[first:first + step])
        bits = np.unpackbits(chunk.view(np.uint8), axis=-1, bitorder="little")
        for leaf, part in zip(leaves, parts, strict=True):
            part.append(_values(leaf, bits))
    for leaf, part in zip(leaves, parts, strict=True):
        values = np.concatenate(part)
        values = values.reshape(*lead, *values.shape[1:])
        if not leaf.keys:
            return values
        inner = result
        for key in leaf.keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[leaf.keys[-1]] = values
    return result


def _values(leaf: _Leaf, bits: np.ndarray) -> np.ndarray:
    width = leaf.shape.width
    picked = bits[:, leaf.offsets[..., None] + np.arange(width)]
    size = 64 if width <= 64 else (width + 31) // 32 * 32
    spread = np.zeros((*picked.shape[:-1], size), np.uint8)
    spread[..., :width] = picked
    raw = np.packbits(spread, axis=-1, bitorder="little")
    if width > 64:
        return raw.view("<u4")
    values = raw.view("<u8")[..., 0]
    if leaf.shape.signed:
        sign = np.uint64(1 << width - 1)
        return ((values ^ sign) - sign).view(np.int64)
    return values if width == 64 else values.view(np.int64)


def to_items(shape: Any, words: np.ndarray) -> list[Any]:
    """One payload a row, as Amaranth's simulator takes and gives them."""
    castable = isinstance(shape, ShapeCastable)
    cast = Shape.cast(shape)
    sign = 1 << cast.width - 1 if cast.signed and cast.width else 0
    raw = np.ascontiguousarray(words, "<u4")
    whole = [int.from_bytes(row.tobytes(), "little") for row in raw]
    return [shape.from_bits(x) if castable else (x ^ sign) - sign for x in whole]


def from_items(shape: Any, items: Sequence[Any]) -> np.ndarray:
    """Words of payloads that Amaranth's simulator takes or gives: the inverse of :func:`to_items`.

    An item may also be whatever ``shape`` makes a constant of, a dict of fields say.
    """
    width, size = Shape.cast(shape).width, 4 * word_count(shape)
    mask = (1 << width) - 1
    raw = b"".join((_integer(shape, item) & mask).to_bytes(size, "little") for item in items)
    return np.frombuffer(raw, "<u4").reshape(len(items), size // 4).copy()


def _integer(shape: Any, item: Any) -> int:
    if isinstance(item, int):
        return int(item)
    constant = shape.const(item) if not isinstance(item, data.Const) else item
    return Value.cast(constant).value
