# SPDX-License-Identifier: Apache-2.0
"""Safetensors: a header in JSON that says where in the file each tensor is.

::

    uint64    length of the header
    JSON      {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
    bytes     the tensors, end to end; offsets count from here
"""

import math
import struct
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.load.mapped import MappedFile, parse_json
from flightllm_hw.compiler.load.tensors import FLOAT_TYPES, FloatTensor

__all__ = ["read_safetensors"]

_LIMIT = 100_000_000


def read_safetensors(path: Path) -> dict[str, FloatTensor]:
    """Tensors of a file by name.

    Raises
    ------
    LoadError
        If the header is not as above, does not fit the file, or names a type that is not read.
    """
    file = MappedFile(path)
    length, = struct.unpack("<Q", file.bytes(0, 8, "the header's length"))
    if length > _LIMIT or 8 + length > file.size:
        raise file.error(f"is cut short or no safetensors file: its header would have {length}"
                         f" bytes, of {file.size} in all")
    header = parse_json(path, file.bytes(8, length, "the header"))
    header.pop("__metadata__", None)
    tensors = {}
    end = 0
    with file.blame():
        places = sorted((_place(name, entry) for name, entry in header.items()),
                        key=lambda place: place[3])
        for name, kind, shape, begin, stop in places:
            if begin != end:
                raise ValueError(f"tensor {name} must begin at byte {end} of the data, where the"
                                 f" one before it ends, not at {begin}")
            tensors[name] = FloatTensor(file, name, shape, kind, 8 + length + begin)
            end = stop
        if 8 + length + end != file.size:
            raise ValueError(f"has {file.size - 8 - length - end} bytes more than its tensors")
    return tensors


def _place(name: str, entry: Any) -> tuple[str, str, tuple[int, ...], int, int]:
    """Name, type, shape, begin and end of a tensor, consistent with one another."""
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise ValueError(f"tensor {name} must have a dtype, a shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in list(FLOAT_TYPES):
        raise ValueError(f"tensor {name} is stored as {kind}; {', '.join(FLOAT_TYPES)} are read")
    if not _counts(shape) or not 1 <= len(shape) <= 4 or 0 in shape:
        raise ValueError(f"the shape of tensor {name} must be one to four positive integers,"
                         f" not {shape}")
    if not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"the data_offsets of tensor {name} must be two integers, not {offsets}")
    size = math.prod(shape) * (4 if kind == "F32" else 2)
    if offsets[1] - offsets[0] != size:
        raise ValueError(f"tensor {name} of {kind} and shape {shape} must have {size} bytes,"
                         f" not {offsets[1] - offsets[0]}")
    return name, kind, tuple(shape), offsets[0], offsets[1]


def _counts(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
