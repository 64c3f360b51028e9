# SPDX-License-Identifier: Apache-2.0
"""``.flm`` files: a compiled model in a safetensors container, mapped when it is opened.

::

    host                uint8    the beginning of the host's memory, programs in it
    lane.0, lane.1 ..   uint8    the lanes' memories
    tokenizer           uint8    as its dump() gives it; left out where there is none

and in the header's metadata, all as text: ``format``, the configuration's ``digest``, the
configuration, the model, and ``map``: sizes and places in memory.
"""

import json
import os
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.compiler.compress.attention import LocalGlobal
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load import ModelConfig, Tokenizer, restore_tokenizer
from flightllm_hw.compiler.load.mapped import MappedFile, parse_json
from flightllm_hw.config import AcceleratorConfig

__all__ = ["FORMAT", "open_flm", "write_flm"]

FORMAT = "flightllm 1"
"""What the metadata says that the file is."""

Images = dict[str, npt.NDArray[np.uint8]]

_NUMBERS = ("context", "host_bytes", "lane_bytes", "decode", "tile", "logits")


def write_flm(path: Path, config: AcceleratorConfig, model: ModelConfig,
              numbers: dict[str, int | None], sizes: dict[str, int], tokenizer: Tokenizer | None,
              fill: Callable[[Images], None]) -> Path:
    """Write a file; it is there as a whole or not at all.

    Parameters
    ----------
    path : Path
    config : AcceleratorConfig
    model : ModelConfig
    numbers : dict
        ``context``, ``host_bytes``, ``lane_bytes``, ``decode``, ``prefill``, ``tile`` and
        ``logits`` of the model that was compiled, and the blocks that its prefill program looks at,
        ``near`` and ``first``, if it leaves any out.
    sizes : dict of str to int
        Bytes of ``host`` and of each lane, by name.
    tokenizer : Tokenizer or None
    fill : function of dict
        Writes the images: mapped files of zeros, by name.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    metadata = {"format": FORMAT, "digest": f"{config.digest():08x}", "config": config.to_json(),
                "model": json.dumps(asdict(model)), "map": json.dumps(numbers)}
    dump = b"" if tokenizer is None else tokenizer.dump()
    if tokenizer is not None:
        sizes = sizes | {"tokenizer": len(dump)}
        metadata["tokenizer"] = tokenizer.kind
    header: dict[str, Any] = {"__metadata__": metadata}
    places, end = {}, 0
    for name, size in sizes.items():
        places[name] = end
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(unfinished, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            # Room for all of it, now: a mapped page without any on the disk would be a signal.
            os.posix_fallocate(file.fileno(), 0, 8 + len(text) + end)
        images: Images = {name: np.memmap(unfinished, np.uint8, "r+", 8 + len(text) + places[name],
                                          size) for name, size in sizes.items()}
        if tokenizer is not None:
            images.pop("tokenizer")[:] = np.frombuffer(dump, np.uint8)
        fill(images)
        for image in images.values():
            assert isinstance(image, np.memmap)
            image.flush()
        del images
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def open_flm(path: Path, config: AcceleratorConfig | None = None, *,
             private: bool = False) -> Compiled:
    """Open a file; images are read when they are used.

    Parameters
    ----------
    path : Path
    config : AcceleratorConfig, optional
        What it must have been compiled for.
    private : bool
        Whether images can be written to; the file stays as it is.

    Raises
    ------
    LoadError
        If it is none, was cut short, or is damaged.
    CompileError
        If it was compiled for another configuration.
    """
    file = MappedFile(path, private=private)
    length = int.from_bytes(file.head(8), "little") if file.size >= 8 else file.size
    if 8 + length > file.size or file.bytes(8, 1, "the header") != b"{":
        raise file.error("is no .flm file, or was cut short")
    header = parse_json(path, file.bytes(8, length, "the header"))
    with file.blame():
        model = _opened(file, header, 8 + length)
    if config is not None and config != model.config:
        raise CompileError(f"{path} was compiled for {model.config.name}"
                           f" ({model.config.digest():08x}), not for {config.name}"
                           f" ({config.digest():08x})")
    return model


def _opened(file: MappedFile, header: dict[str, Any], first: int) -> Compiled:
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(f"is no .flm file of the format {FORMAT!r}")
    try:
        own = AcceleratorConfig.from_json(metadata["config"])
        fields = json.loads(metadata["model"])
        model = ModelConfig(**fields | {"eos": tuple(fields["eos"])})
        found = json.loads(metadata["map"])
        numbers = {name: int(found[name]) for name in _NUMBERS}
        prefill = None if found["prefill"] is None else int(found["prefill"])
        attention = (LocalGlobal(near=found["near"], first=found["first"]) if "near" in found
                     else None)
        places = {name: (int(entry["data_offsets"][0]), int(entry["data_offsets"][1]))
                  for name, entry in header.items() if name != "__metadata__"}
        names = ["host", *(f"lane.{n}" for n in range(own.lanes))]
        images = {name: file.array(first + places[name][0], np.uint8,
                                   places[name][1] - places[name][0], f"the image {name}")
                  for name in names}
        digest = int(metadata["digest"], 16)
    except (KeyError, TypeError, IndexError) as e:
        raise ValueError(f"is damaged: its header lacks {e}") from None
    if own.digest() != digest:
        raise ValueError("was compiled for a configuration that this version does not have")
    if (len(images["host"]) > numbers["host_bytes"]
            or any(len(images[name]) != numbers["lane_bytes"] for name in names[1:])):
        raise ValueError("is damaged: its images do not have the sizes that its header says")
    tokenizer = None
    if "tokenizer" in places:
        begin, end = places["tokenizer"]
        data = file.bytes(first + begin, end - begin, "the tokenizer")
        tokenizer = restore_tokenizer(metadata.get("tokenizer", ""), data, model.bos, model.eos,
                                      file.path)
    return Compiled(config=own, model=model, host=images["host"],
                    lanes=[images[name] for name in names[1:]], tokenizer=tokenizer,
                    prefill=prefill, attention=attention, **numbers)
