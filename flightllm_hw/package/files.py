# SPDX-License-Identifier: Apache-2.0
"""Packages as folders: written as a whole, and replaced only where nobody else had a hand in.

``package.json`` names every file with its SHA-256. A folder that has one is a package's; it is
written over if its files are as they were written, and what tools have added stays.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from flightllm_hw import __version__
from flightllm_hw.boards import Card
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.export.files import export

from .common import Contents
from .errors import PackageError
from .package import check, contents

__all__ = ["MANIFEST", "place", "write"]

MANIFEST = "package.json"
"""The file that tells a package from any other folder."""


def write(config: AcceleratorConfig, card: Card, flow: str, directory: Path) -> list[Path]:
    """Make the package and write it.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    PackageError
        If there can be no such package, or the folder is something else.
    OSError
        If it cannot be written; then nothing is.
    """
    check(config, card, flow)
    _former(directory)
    files = contents(config, card, flow, export(config, "vendor"))
    about = {"made_by": f"flightllm-hw {__version__}", "card": card.name, "flow": flow,
             "configuration": config.name, "digest": f"{config.digest():08x}"}
    return place(files, about, directory)


def place(files: Contents, about: dict[str, str], directory: Path) -> list[Path]:
    """Write ``files`` and their manifest, which tells ``about`` them.

    Raises
    ------
    PackageError, OSError
        As :func:`write`.
    """
    former = _former(directory)
    manifest = about | {"files": {name: _digest(text.encode()) for name, text in
                                  sorted(files.items())}}
    texts = files | {MANIFEST: json.dumps(manifest, indent=2) + "\n"}

    # Everything is on the disk before any of it takes its place.
    target = directory.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    new = not target.exists()
    unfinished = (target.parent if new else target) / f".unfinished.{target.name}.{os.getpid()}"
    try:
        for name, text in texts.items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        if new:
            unfinished.replace(target)
        else:
            _replace(unfinished, target, [*texts], former)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [directory / name for name in texts]


def _replace(unfinished: Path, directory: Path, names: list[str], former: set[str]) -> None:
    """Put the new files in the places of the old; the manifest, the last of ``names``, at last."""
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        if name == MANIFEST:
            for old in former - set(names):
                (directory / old).unlink(missing_ok=True)
        (unfinished / name).replace(directory / name)


def _former(directory: Path) -> set[str]:
    """The files of the package that is there, as they were written."""
    if not directory.exists() or directory.is_dir() and not any(directory.iterdir()):
        return set()
    if not directory.is_dir():
        raise PackageError(f"{directory}: there is a file of that name")
    try:
        listed = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["files"]
        found = {str(name): str(digest) for name, digest in listed.items()}
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in found):
            raise ValueError
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        raise PackageError(f"{directory}: there are files in it, and they are no package: name"
                           " another folder") from None
    for name, digest in found.items():
        path = directory / name
        if path.exists() and _digest(path.read_bytes()) != digest:
            raise PackageError(f"{path}: it was changed since it was written: move it away, or name"
                               " another folder")
    return set(found)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
