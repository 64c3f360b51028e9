# SPDX-License-Identifier: Apache-2.0
"""One entry for all formats: what a file is, is seen from its content."""

import os
import struct
from pathlib import Path

from flightllm_hw.compiler.load.checkpoint import Checkpoint
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.gguf_model import load_gguf
from flightllm_hw.compiler.load.huggingface import load_folder
from flightllm_hw.compiler.load.llama2c import MAGIC, load_version_0, load_versioned
from flightllm_hw.compiler.load.mapped import MappedFile

__all__ = ["load"]

_PICKLE = "is a pickle of PyTorch, which is never opened: convert it to safetensors"


def load(path: str | os.PathLike[str],
         tokenizer: str | os.PathLike[str] | None = None) -> Checkpoint:
    """Open a model; its weights stay in the file until they are asked for.

    Parameters
    ----------
    path : path
        A checkpoint of llama2.c, version 0 or 2; a folder of Hugging Face with a
        ``LlamaForCausalLM`` or ``OPTForCausalLM`` in safetensors; or a GGUF file of a llama.
    tokenizer : path, optional
        A file or folder, instead of the tokenizer that comes with the model: the one in the folder
        or the GGUF file, or ``tok<vocab>.bin`` or ``tokenizer.bin`` beside a file of llama2.c.

    Returns
    -------
    Checkpoint

    Raises
    ------
    LoadError
        One sentence, if anything is missing, damaged, or not supported. NaN and infinite weights
        are found when they are read.
    """
    model, words = Path(path), None if tokenizer is None else Path(tokenizer)
    if model.is_dir():
        return load_folder(model, words)
    file = MappedFile(model)
    start = file.head(64)
    if start[:4] == b"GGUF":
        return load_gguf(file, words)
    if start[:4] == struct.pack("<I", MAGIC):
        return load_versioned(file, words)
    _refuse_others(file, start)
    return load_version_0(file, words)


def _refuse_others(file: MappedFile, start: bytes) -> None:
    """Complain of what is known to be something else: a file of version 0 has no magic."""
    if start[:4] == b"PK\x03\x04":
        raise file.error(_PICKLE)
    # Pickles begin so; a checkpoint whose dim is, say, 640 does, too, but has zeros next.
    if start[:1] == b"\x80" and 2 <= start[1] <= 5 and start[2:4] != b"\0\0":
        raise file.error(_PICKLE)
    if start[8:10] == b"{\"" and struct.unpack("<Q", start[:8])[0] < file.size:
        raise file.error("holds weights alone: give the folder with its config.json")
    if b"\0" not in start:
        # No header's: its numbers are small.
        if start.lstrip()[:1] == b"{":
            raise file.error("is JSON: give the folder that it lies in")
        if start.startswith(b"version https://git-lfs"):
            raise file.error("is a pointer of Git LFS, not the file itself: fetch that with git"
                             " lfs pull")
        raise LoadError(file.path, "is no model that can be read: a checkpoint of llama2.c, a"
                                   " GGUF file, or a folder of Hugging Face")
